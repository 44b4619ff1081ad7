/* text_pool.c - see text_pool.h. */
#include "base/text_pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void *text_pool_keep(struct text_pool *pool, void *memory) {
    void **items = memory ? realloc(pool->items, (pool->count + 1) * sizeof *items) : NULL;
    if (!items) {
        free(memory);
        pool->failed = 1;
        return NULL;
    }
    pool->items = items;
    items[pool->count++] = memory;
    return memory;
}

const char *text_pool_format(struct text_pool *pool, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    char *text = text_pool_keep(pool, length < 0 ? NULL : malloc((size_t)length + 1));
    if (!text) return "";
    va_start(list, format);
    vsnprintf(text, (size_t)length + 1, format, list);
    va_end(list);
    return text;
}

void text_pool_free(struct text_pool *pool) {
    for (size_t i = 0; i < pool->count; i++) free(pool->items[i]);
    free(pool->items);
    *pool = (struct text_pool){0};
}

pst_status text_pool_give(const struct text_pool *pool, const char *text, char **out,
                          pst_error *err) {
    char *copy = pool->failed ? NULL : strdup(text);
    if (!copy) return error_memory(err, 0);
    *out = copy;
    return PST_OK;
}
