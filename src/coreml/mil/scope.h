/* scope.h - the names that can be seen at a place of a program. */
#ifndef PST_COREML_MIL_SCOPE_H
#define PST_COREML_MIL_SCOPE_H

#include <stddef.h>
#include <stdint.h>

struct mil_value;

struct scope {
    const struct mil_value **values; /* [count], in order of definition */
    size_t count, capacity;
    size_t *table; /* [table_size] index + 1 by hash of the name; 0: free */
    size_t table_size;
    uint64_t seed; /* so that no file can be made whose names all meet in one place */
};

/* Adds value->name: 1; 0 when the name is taken, -1 when there is no memory. */
int scope_add(struct scope *scope, const struct mil_value *value);
/* NULL: there is none. */
const struct mil_value *scope_find(const struct scope *scope, const char *name);
/* Forgets all that was added since `count` was the count: the end of a block. */
void scope_leave(struct scope *scope, size_t count);
void scope_free(struct scope *scope);

#endif
