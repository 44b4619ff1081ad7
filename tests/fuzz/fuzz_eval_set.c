/* fuzz_eval_set.c - any bytes as a set to evaluate, in each of its forms; every item it yields is
 * read in full. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval/eval_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct eval_set *set) {
    size_t usable = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct eval_item *item = &set->items[i];
        if (!item->id) abort();
        usable += !item->error;
        if (item->error) continue;
        if (!item->text || !isfinite(item->offset) || item->offset < 0 || item->duration < 0)
            abort();
        for (size_t j = 0; j < i && set->count < 200; j++)
            if (strcmp(set->items[j].id, item->id) == 0) abort();
    }
    if (usable != set->usable || usable == 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const NAMES[] = {"set", "set.tsv", "set.csv"};
    for (int i = 0; i < 3; i++) {
        struct eval_set set = {.path = NAMES[i]};
        char *why = eval_set_parse(&set, (const char *)data, size, NAMES[i]);
        if (!why) check(&set);
        free(why);
        eval_set_free(&set);
    }
    return 0;
}
