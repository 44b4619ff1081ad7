/* sample_list.c - see sample_list.h. */
#include "audio/sample_list.h"

#include <stdlib.h>

#include "base/checked.h"

/* A fifth of a second at 16 kHz: less is not worth a call to the allocator. */
enum { FIRST_CAPACITY = 4096 };

int sample_list_reserve(struct sample_list *list, size_t extra) {
    size_t need, bytes;
    if (!checked_add(list->count, extra, &need)) return 0;
    if (need <= list->capacity) return 1;
    size_t capacity = list->capacity ? list->capacity : FIRST_CAPACITY;
    while (capacity < need && checked_mul(capacity, 2, &capacity)) {}
    if (capacity < need || !checked_mul(capacity, sizeof *list->data, &bytes)) return 0;
    float *data = realloc(list->data, bytes);
    if (!data) return 0;
    list->data = data;
    list->capacity = capacity;
    return 1;
}

void sample_list_trim(struct sample_list *list) {
    if (list->count == 0) {
        sample_list_free(list);
        return;
    }
    float *data = realloc(list->data, list->count * sizeof *data);
    if (!data) return; /* still correct, only larger */
    list->data = data;
    list->capacity = list->count;
}

void sample_list_free(struct sample_list *list) {
    free(list->data);
    *list = (struct sample_list){0};
}
