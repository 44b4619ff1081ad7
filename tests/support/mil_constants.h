/* mil_constants.h - the commonest constants of programs that tests build. A text is a scalar of
 * type string. */
#ifndef PST_TESTS_MIL_CONSTANTS_H
#define PST_TESTS_MIL_CONSTANTS_H

#include <string.h>

#include "coreml/mil/mil.h"

static inline struct mil_value *mil_const_int(struct mil_model *model, struct mil_block *block,
                                              const char *name, int32_t value) {
    return mil_const(model, block, name, mil_type_of(MIL_I32, 0, NULL), &value, sizeof value, 0);
}

static inline struct mil_value *mil_const_bool(struct mil_model *model, struct mil_block *block,
                                               const char *name, int value) {
    unsigned char byte = value != 0;
    return mil_const(model, block, name, mil_type_of(MIL_BOOL, 0, NULL), &byte, 1, 0);
}

static inline struct mil_value *mil_const_text(struct mil_model *model, struct mil_block *block,
                                               const char *name, const char *text) {
    struct mil_type type = mil_type_of(MIL_STRING, 0, NULL);
    return mil_const(model, block, name, type, text, strlen(text) + 1, 0);
}

static inline struct mil_value *mil_const_ints(struct mil_model *model, struct mil_block *block,
                                               const char *name, const int32_t *values,
                                               size_t count) {
    struct mil_type type = mil_type_of(MIL_I32, 1, (const int64_t[]){(int64_t)count});
    return mil_const(model, block, name, type, values, count * sizeof *values, 0);
}

#endif
