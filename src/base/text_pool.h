/* text_pool.h - texts made on the way to an answer, released together.
 *
 * Making one never fails for its caller: where memory runs out it is "", and `failed` is looked at
 * once, at the end. */
#ifndef PST_BASE_TEXT_POOL_H
#define PST_BASE_TEXT_POOL_H

#include <stddef.h>

#include "potstill.h"

struct text_pool {
    void **items; /* [count] */
    size_t count;
    int failed;
};

/* printf into the pool; "" once memory has run out. */
const char *text_pool_format(struct text_pool *pool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Takes over memory of malloc(), also when that fails; NULL is a failure, too. Returns it, or
 * NULL. */
void *text_pool_keep(struct text_pool *pool, void *memory);
void text_pool_free(struct text_pool *pool);

/* A copy of `text` for pst_free(), unless the pool has failed. */
pst_status text_pool_give(const struct text_pool *pool, const char *text, char **out,
                          pst_error *err);

#endif
