/* variables.c - see variables.h. */
#include "find/variables.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void variables_copy(struct variables *variables, const char *const *items, const char *home,
                    struct text_pool *pool) {
    size_t count = 0;
    while (items && items[count]) count++;
    const char **copies = text_pool_keep(pool, calloc(count + 1, sizeof *copies));
    for (size_t i = 0; copies && i < count; i++) copies[i] = text_pool_format(pool, "%s", items[i]);
    *variables = (struct variables){.items = copies};
    const char *own = variable(variables, "HOME");
    variables->home = own ? own : text_pool_format(pool, "%s", home && *home ? home : "/");
}

/* Even an empty value; NULL: there is none. */
static const char *value_of(const struct variables *variables, const char *name, size_t length) {
    for (const char *const *at = variables->items; at && *at; at++)
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=') return *at + length + 1;
    return NULL;
}

const char *variable(const struct variables *variables, const char *name) {
    const char *value = value_of(variables, name, strlen(name));
    return value && *value ? value : NULL;
}

int variable_is_true(const struct variables *variables, const char *name) {
    static const char *const words[] = {"1", "on", "yes", "true"};
    const char *value = variable(variables, name);
    for (size_t i = 0; value && i < sizeof words / sizeof *words; i++)
        if (text_equals_any_case(value, words[i])) return 1;
    return 0;
}

/* The length of the variable's name in "$NAME..." or "${NAME}..."; 0: not a variable. `*used` is
 * the whole of it. */
static size_t name_length(const char *text, const char **name, size_t *used) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    int braced = text[1] == '{';
    *name = text + 1 + braced;
    size_t length = strspn(*name, letters);
    *used = 1 + length + (braced ? 2 : 0);
    return braced && (*name)[length] != '}' ? 0 : length;
}

const char *variables_expand(const struct variables *variables, const char *path,
                             struct text_pool *pool) {
    int is_home = path[0] == '~' && (!path[1] || path[1] == '/');
    const char *text = is_home ? text_pool_format(pool, "%s%s", variables->home, path + 1)
                               : text_pool_format(pool, "%s", path);
    for (size_t at = 0; text[at];) {
        const char *name;
        size_t used, length = text[at] == '$' ? name_length(text + at, &name, &used) : 0;
        const char *value = length ? value_of(variables, name, length) : NULL;
        if (!value) {
            at++;
            continue;
        }
        const char *rest = text + at + used;
        text = text_pool_format(pool, "%.*s%s%s", (int)at, text, value, rest);
        if (pool->failed) return "";
        at += strlen(value); /* the value itself is not expanded again */
    }
    return text;
}
