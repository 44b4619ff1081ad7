/* spans.c - see spans.h. */
#include "base/spans.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

/* One list to a cache line: threads write side by side. */
struct list {
    _Alignas(64) pst_span *items;
    size_t count, capacity, lost;
};

struct spans {
    struct list *lists; /* [threads] */
    unsigned threads;
    pst_span *all; /* what spans_all() gave last */
};

pst_status spans_new(struct spans **out, unsigned threads, pst_error *err) {
    struct spans *spans = calloc(1, sizeof *spans);
    void *lists = NULL;
    if (!spans || posix_memalign(&lists, _Alignof(struct list), threads * sizeof(struct list))) {
        free(spans);
        return error_memory(err, threads * sizeof(struct list));
    }
    memset(lists, 0, threads * sizeof(struct list));
    spans->lists = lists;
    spans->threads = threads;
    *out = spans;
    return PST_OK;
}

void spans_free(struct spans *spans) {
    if (!spans) return;
    for (unsigned t = 0; t < spans->threads; t++) free(spans->lists[t].items);
    free(spans->lists);
    free(spans->all);
    free(spans);
}

void spans_clear(struct spans *spans) {
    if (!spans) return;
    for (unsigned t = 0; t < spans->threads; t++) spans->lists[t].count = spans->lists[t].lost = 0;
}

uint64_t spans_start(const struct spans *spans) {
    return spans ? clock_now_ns() : 0;
}

static int grow(struct list *list) {
    size_t capacity = list->capacity ? 2 * list->capacity : 1024;
    pst_span *items = realloc(list->items, capacity * sizeof *items);
    if (!items) return 0;
    list->items = items;
    list->capacity = capacity;
    return 1;
}

void spans_end(struct spans *spans, unsigned thread, pst_stage stage, const char *name,
               uint64_t start) {
    if (!spans) return;
    struct list *list = &spans->lists[thread];
    if (list->count == list->capacity && !grow(list)) {
        list->lost++;
        return;
    }
    list->items[list->count++] = (pst_span){.name = name,
                                            .stage = stage,
                                            .thread = thread,
                                            .start_ns = start,
                                            .end_ns = clock_now_ns()};
}

const pst_span *spans_all(struct spans *spans, size_t *count, size_t *lost) {
    size_t total = 0;
    *lost = 0;
    for (unsigned t = 0; t < spans->threads; t++) {
        total += spans->lists[t].count;
        *lost += spans->lists[t].lost;
    }
    free(spans->all);
    spans->all = malloc((total + 1) * sizeof *spans->all);
    *count = 0;
    if (!spans->all) return NULL;
    for (unsigned t = 0; t < spans->threads; t++) {
        const struct list *list = &spans->lists[t];
        if (list->count)
            memcpy(spans->all + *count, list->items, list->count * sizeof *list->items);
        *count += list->count;
    }
    return spans->all;
}
