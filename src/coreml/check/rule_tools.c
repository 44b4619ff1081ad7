/* rule_tools.c - see rule_tools.h. */
#include "coreml/check/rule_tools.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int rule_refuse(struct inference *in, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(in->reason, RULE_REASON_SIZE, format, list);
    va_end(list);
    return 0;
}

int rule_give(struct inference *in, struct mil_type type) {
    char declared[MIL_TYPE_TEXT_SIZE], inferred[MIL_TYPE_TEXT_SIZE];
    size_t index = in->given++;
    if (index >= in->op->output_count)
        return 1; /* counted, and compared with the number of outputs at the end */
    const struct mil_value *output = in->op->outputs[index];
    if (mil_types_agree(&output->type, &type)) return 1;
    return rule_refuse(in, "%s is declared %s, but what it gives is %s", output->name,
                       mil_type_text(&output->type, declared), mil_type_text(&type, inferred));
}

const struct mil_type *rule_type(const struct inference *in, const char *name) {
    const struct mil_value *value = mil_op_value(in->op, name);
    return value != NULL ? &value->type : NULL;
}

int rule_ints(const struct inference *in, const char *name, int64_t ints[RULE_INTS_MAX]) {
    const struct mil_value *value = mil_op_value(in->op, name);
    if (value == NULL || value->data == NULL) return -1;
    uint32_t bits = mil_bits(value->type.dtype);
    size_t count = mil_elements(&value->type);
    if (count > RULE_INTS_MAX || value->bytes < mil_data_bytes(&value->type) || bits % 8 != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        uint32_t word = 0;
        const unsigned char *at = (const unsigned char *)value->data + i * bits / 8;
        if (bits > 32) return -1;
        for (uint32_t b = 0; b < bits / 8; b++) word |= (uint32_t)at[b] << 8 * b;
        switch (value->type.dtype) {
        case MIL_I8: ints[i] = (int64_t)(word ^ 0x80) - 0x80; break;
        case MIL_I16: ints[i] = (int16_t)word; break;
        case MIL_I32: ints[i] = (int32_t)word; break;
        case MIL_BOOL:
        case MIL_U8:
        case MIL_U16:
        case MIL_U32: ints[i] = word; break;
        default: return -1;
        }
    }
    return (int)count;
}

int64_t rule_int(const struct inference *in, const char *name, int64_t missing) {
    int64_t ints[RULE_INTS_MAX];
    return rule_ints(in, name, ints) == 1 ? ints[0] : missing;
}

const char *rule_text(const struct inference *in, const char *name) {
    const struct mil_value *value = mil_op_value(in->op, name);
    if (value == NULL || value->data == NULL || value->type.dtype != MIL_STRING ||
        value->bytes == 0)
        return "";
    return value->data;
}

int rule_axis(struct inference *in, int64_t axis, uint32_t rank, uint32_t *result) {
    if (axis < -(int64_t)rank || axis >= (int64_t)rank)
        return rule_refuse(in, "axis %lld of a tensor of rank %u", (long long)axis, (unsigned)rank);
    *result = (uint32_t)(axis < 0 ? axis + rank : axis);
    return 1;
}

int rule_broadcast(struct inference *in, const struct mil_type *a, const struct mil_type *b,
                   struct mil_type *result) {
    char first[MIL_TYPE_TEXT_SIZE], second[MIL_TYPE_TEXT_SIZE];
    struct mil_type wide = {.dtype = a->dtype, .rank = a->rank > b->rank ? a->rank : b->rank};
    for (uint32_t i = 0; i < wide.rank; i++) {
        /* Missing axes stand in front and count as 1. */
        uint32_t at_a = i + a->rank - wide.rank, at_b = i + b->rank - wide.rank;
        int64_t x = i + a->rank >= wide.rank ? a->dims[at_a] : 1;
        int64_t y = i + b->rank >= wide.rank ? b->dims[at_b] : 1;
        if (x != y && x > 1 && y > 1)
            return rule_refuse(in, "%s and %s do not fit together", mil_type_text(a, first),
                               mil_type_text(b, second));
        /* An unknown one is 1 or equal to the other. */
        wide.dims[i] = x == 1 || (x < 0 && y > 1) ? y : x;
    }
    *result = wide;
    return 1;
}
