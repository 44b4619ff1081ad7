/* scope.c - a hash table of values by name, left in the reverse order of entering. */
#include "coreml/mil/scope.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "coreml/mil/mil.h"

/* The entry of `name`, or the free one where it belongs. */
static size_t *place(const struct scope *scope, const char *name) {
    uint64_t hash = 14695981039346656037u ^ scope->seed; /* FNV-1a */
    for (const char *at = name; *at != 0; at++) hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    size_t index = (size_t)(hash ^ hash >> 32) & (scope->table_size - 1);
    while (scope->table[index] != 0 &&
           strcmp(scope->values[scope->table[index] - 1]->name, name) != 0)
        index = (index + 1) & (scope->table_size - 1);
    return &scope->table[index];
}

/* Makes space for one more; the table is at most half full. Values enter a larger table in their
 * order, so that scope_leave() can still remove the last one first. */
static int reserve(struct scope *scope) {
    if (scope->count < scope->capacity) return 1;
    size_t capacity = scope->capacity == 0 ? 64 : 2 * scope->capacity;
    if (scope->capacity == 0) scope->seed = clock_now_ns() ^ (uint64_t)(uintptr_t)scope << 32;
    const struct mil_value **values = realloc(scope->values, capacity * sizeof *values);
    if (values == NULL) return 0;
    scope->values = values;
    size_t *table = calloc(2 * capacity, sizeof *table);
    if (table == NULL) return 0;
    free(scope->table);
    scope->capacity = capacity;
    scope->table = table;
    scope->table_size = 2 * capacity;
    for (size_t i = 0; i < scope->count; i++) *place(scope, values[i]->name) = i + 1;
    return 1;
}

int scope_add(struct scope *scope, const struct mil_value *value) {
    if (!reserve(scope)) return -1;
    size_t *entry = place(scope, value->name);
    if (*entry != 0) return 0;
    scope->values[scope->count++] = value;
    *entry = scope->count;
    return 1;
}

const struct mil_value *scope_find(const struct scope *scope, const char *name) {
    size_t *entry = scope->table_size != 0 ? place(scope, name) : NULL;
    return entry != NULL && *entry != 0 ? scope->values[*entry - 1] : NULL;
}

/* The last value to enter is the last on its chain of collisions: removing it breaks no chain. */
void scope_leave(struct scope *scope, size_t count) {
    while (scope->count > count) {
        *place(scope, scope->values[scope->count - 1]->name) = 0;
        scope->count--;
    }
}

void scope_free(struct scope *scope) {
    free(scope->values);
    free(scope->table);
    *scope = (struct scope){0};
}
