/* variables.h - the environment that a caller hands in: the library reads none itself. */
#ifndef PST_FIND_VARIABLES_H
#define PST_FIND_VARIABLES_H

#include "base/text_pool.h"

struct variables {
    const char *const *items; /* "NAME=value", NULL at the end; NULL: none */
    const char *home;
};

/* Copies of `items`, and `home` (NULL: "/") where there is no HOME among them; all in the pool. */
void variables_copy(struct variables *variables, const char *const *items, const char *home,
                    struct text_pool *pool);

/* NULL when it is not there, or empty. */
const char *variable(const struct variables *variables, const char *name);
/* Has it what huggingface_hub takes for true? */
int variable_is_true(const struct variables *variables, const char *name);

/* `path` with a leading ~ and any $VARIABLE replaced; unknown ones stay, as in Python. */
const char *variables_expand(const struct variables *variables, const char *path,
                             struct text_pool *pool);

#endif
