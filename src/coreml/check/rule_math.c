/* rule_math.c - the rules of operations that compute. */
#include <string.h>

#include "coreml/check/rule_table.h"

int infer_same(struct inference *in) {
    return rule_give(in, *rule_type(in, "x"));
}

int infer_binary(struct inference *in) {
    struct mil_type type;
    return rule_broadcast(in, rule_type(in, "x"), rule_type(in, "y"), &type) && rule_give(in, type);
}

int infer_compare(struct inference *in) {
    struct mil_type type;
    if (!rule_broadcast(in, rule_type(in, "x"), rule_type(in, "y"), &type)) return 0;
    type.dtype = MIL_BOOL;
    return rule_give(in, type);
}

int infer_select(struct inference *in) {
    struct mil_type type;
    if (!rule_broadcast(in, rule_type(in, "a"), rule_type(in, "b"), &type) ||
        !rule_broadcast(in, &type, rule_type(in, "cond"), &type))
        return 0;
    return rule_give(in, type);
}

/* The type that a text names; 0: none that this specification casts to. */
static enum mil_dtype named_dtype(const char *name, int32_t specification) {
    static const enum mil_dtype casts[] = {MIL_F16, MIL_F32, MIL_I32, MIL_BOOL,
                                           MIL_I8,  MIL_U8,  MIL_I16, MIL_U16};
    size_t count = specification >= 8 ? 8 : 4;
    for (size_t i = 0; i < count; i++)
        if (strcmp(mil_dtype_name(casts[i]), name) == 0) return casts[i];
    return 0;
}

int infer_cast(struct inference *in) {
    struct mil_type type = *rule_type(in, "x");
    const char *name = rule_text(in, "dtype");
    type.dtype = named_dtype(name, in->specification);
    if (type.dtype == 0)
        return rule_refuse(in, "dtype is %s, which this opset does not cast to", name);
    return rule_give(in, type);
}

/* -------------------------------------------------------------------------------- convolution */

/* Has the vector `name` so many elements? */
static int has_length(struct inference *in, const char *name, uint32_t length) {
    const struct mil_type *type = rule_type(in, name);
    if (type == NULL || type->dims[0] < 0 || type->dims[0] == (int64_t)length) return 1;
    return rule_refuse(in, "%s has %lld elements, expected %u", name, (long long)type->dims[0],
                       (unsigned)length);
}

/* The output's length along one axis, or below 1: there is none. `pads` counts with pad_type custom. */
static int64_t conv_length(const char *pad_type, int64_t size, int64_t kernel, int64_t stride,
                           int64_t dilation, int64_t pads) {
    int64_t reach = (kernel - 1) * dilation + 1;
    if (size < 0 || kernel < 0) return MIL_UNKNOWN;
    if (strncmp(pad_type, "same", 4) == 0) return (size + stride - 1) / stride;
    if (strcmp(pad_type, "valid") == 0) pads = 0;
    return size + pads < reach ? 0 : (size + pads - reach) / stride + 1;
}

static int conv_axes(struct inference *in, const struct mil_type *x, const struct mil_type *weight,
                     struct mil_type *type) {
    int64_t strides[RULE_INTS_MAX], pad[RULE_INTS_MAX], dilations[RULE_INTS_MAX];
    const char *pad_type = rule_text(in, "pad_type");
    uint32_t axes = x->rank - 2;
    int same_lower = strcmp(pad_type, "same_lower") == 0 && in->specification >= 7;
    if (strcmp(pad_type, "valid") != 0 && strcmp(pad_type, "custom") != 0 &&
        strcmp(pad_type, "same") != 0 && !same_lower)
        return rule_refuse(in, "pad_type is %s", pad_type);
    if (!has_length(in, "strides", axes) || !has_length(in, "pad", 2 * axes) ||
        !has_length(in, "dilations", axes))
        return 0;
    if (rule_ints(in, "strides", strides) < 0 || rule_ints(in, "pad", pad) < 0 ||
        rule_ints(in, "dilations", dilations) < 0)
        return rule_refuse(in, "strides, pad and dilations are not constants");
    for (uint32_t i = 0; i < axes; i++) {
        if (strides[i] < 1 || dilations[i] < 1 || pad[2 * i] < 0 || pad[2 * i + 1] < 0)
            return rule_refuse(in, "a stride or dilation is below 1 or a pad below 0");
        type->dims[i + 2] = conv_length(pad_type, x->dims[i + 2], weight->dims[i + 2], strides[i],
                                        dilations[i], pad[2 * i] + pad[2 * i + 1]);
        if (type->dims[i + 2] == 0)
            return rule_refuse(in, "its kernel of %lld is longer than axis %u",
                               (long long)weight->dims[i + 2], (unsigned)i + 2);
    }
    return 1;
}

int infer_conv(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x"), *weight = rule_type(in, "weight");
    const struct mil_type *bias = rule_type(in, "bias");
    struct mil_type type = *x;
    int64_t groups = rule_int(in, "groups", 0);
    if (x->rank < 3 || x->rank > 5 || weight->rank != x->rank)
        return rule_refuse(in, "x has rank %u and weight %u, expected both 3, 4 or 5",
                           (unsigned)x->rank, (unsigned)weight->rank);
    if (groups < 1 || (weight->dims[0] >= 0 && weight->dims[0] % groups != 0))
        return rule_refuse(in, "groups is %lld for %lld channels", (long long)groups,
                           (long long)weight->dims[0]);
    if (x->dims[1] >= 0 && weight->dims[1] >= 0 && x->dims[1] != weight->dims[1] * groups)
        return rule_refuse(in, "x has %lld channels, the weight takes %lld", (long long)x->dims[1],
                           (long long)weight->dims[1] * groups);
    if (bias != NULL && bias->dims[0] >= 0 && bias->dims[0] != weight->dims[0])
        return rule_refuse(in, "bias has %lld elements, expected %lld", (long long)bias->dims[0],
                           (long long)weight->dims[0]);
    type.dims[1] = weight->dims[0];
    return conv_axes(in, x, weight, &type) && rule_give(in, type);
}

/* ---------------------------------------------------------------------------------- products */

int infer_linear(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x"), *weight = rule_type(in, "weight");
    struct mil_type type = *x;
    if (x->rank < 1 || x->rank > 3)
        return rule_refuse(in, "x has rank %u, expected 1 to 3", (unsigned)x->rank);
    if (x->dims[x->rank - 1] >= 0 && x->dims[x->rank - 1] != weight->dims[1])
        return rule_refuse(in, "x has %lld columns, the weight takes %lld",
                           (long long)x->dims[x->rank - 1], (long long)weight->dims[1]);
    if (!has_length(in, "bias", (uint32_t)weight->dims[0])) return 0;
    type.dims[type.rank - 1] = weight->dims[0];
    return rule_give(in, type);
}

/* The last two axes of an operand as rows and columns; a vector is one row or, `right`, one column. */
static void as_matrix(const struct mil_type *type, int transpose, int right, int64_t *rows,
                      int64_t *columns) {
    if (type->rank == 1) {
        *rows = right ? type->dims[0] : 1;
        *columns = right ? 1 : type->dims[0];
        return;
    }
    *rows = type->dims[type->rank - (transpose ? 1 : 2)];
    *columns = type->dims[type->rank - (transpose ? 2 : 1)];
}

int infer_matmul(struct inference *in) {
    struct mil_type x = *rule_type(in, "x"), y = *rule_type(in, "y"), type;
    int64_t rows, inner, other, columns;
    if (x.rank == 0 || y.rank == 0) return rule_refuse(in, "an operand is a scalar");
    as_matrix(&x, rule_int(in, "transpose_x", 0) != 0, 0, &rows, &inner);
    as_matrix(&y, rule_int(in, "transpose_y", 0) != 0, 1, &other, &columns);
    if (inner >= 0 && other >= 0 && inner != other)
        return rule_refuse(in, "x has %lld columns, y %lld rows", (long long)inner,
                           (long long)other);
    int left = x.rank > 1, right = y.rank > 1;
    x.rank = left ? x.rank - 2 : 0;
    y.rank = right ? y.rank - 2 : 0;
    if (!rule_broadcast(in, &x, &y, &type) || type.rank + 2 > MIL_RANK_MAX) return 0;
    if (left) type.dims[type.rank++] = rows;
    if (right) type.dims[type.rank++] = columns;
    return rule_give(in, type);
}

/* Notes the dimensions that the letters of one operand stand for; 0 with a reason. */
static int note_letters(struct inference *in, const char *letters, size_t length,
                        const struct mil_type *type, int64_t sizes[26]) {
    if (length != type->rank)
        return rule_refuse(in, "the equation has %zu letters for a tensor of rank %u", length,
                           (unsigned)type->rank);
    for (size_t i = 0; i < length; i++) {
        if (letters[i] < 'a' || letters[i] > 'z')
            return rule_refuse(in, "the equation has letters other than a to z");
        int64_t *size = &sizes[letters[i] - 'a'];
        if (*size > 0 && type->dims[i] >= 0 && *size != type->dims[i])
            return rule_refuse(in, "%c is %lld and %lld", letters[i], (long long)*size,
                               (long long)type->dims[i]);
        if (*size <= 0) *size = type->dims[i];
    }
    return 1;
}

int infer_einsum(struct inference *in) {
    const struct mil_argument *values = mil_op_find(in->op, "values");
    const char *equation = rule_text(in, "equation");
    const char *comma = strchr(equation, ','), *arrow = strstr(equation, "->");
    int64_t sizes[26] = {0};
    struct mil_type type = {.dtype = values->values[0]->type.dtype};
    if (values->count != 2 || comma == NULL || arrow == NULL || arrow < comma)
        return rule_refuse(in, "it takes two values and an equation ab,bc->ac");
    if (!note_letters(in, equation, (size_t)(comma - equation), &values->values[0]->type, sizes) ||
        !note_letters(in, comma + 1, (size_t)(arrow - comma - 1), &values->values[1]->type, sizes))
        return 0;
    for (const char *at = arrow + 2; *at != 0; at++) {
        if (*at < 'a' || *at > 'z' || sizes[*at - 'a'] == 0 || type.rank == MIL_RANK_MAX)
            return rule_refuse(in, "the equation's result has a letter of no operand");
        type.dims[type.rank++] = sizes[*at - 'a'];
    }
    return rule_give(in, type);
}

int infer_attention(struct inference *in) {
    const struct mil_type *query = rule_type(in, "query"), *key = rule_type(in, "key");
    const struct mil_type *value = rule_type(in, "value"), *mask = rule_type(in, "attn_mask");
    uint32_t rank = query->rank;
    if (rank < 3 || key->rank != rank || value->rank != rank)
        return rule_refuse(in, "query, key and value need one rank of 3 or more");
    struct mil_type type = *query, scores = *query, wide;
    for (uint32_t i = 0; i + 2 < rank; i++)
        if (key->dims[i] != query->dims[i] || value->dims[i] != query->dims[i])
            return rule_refuse(in, "query, key and value differ at axis %u", (unsigned)i);
    if (key->dims[rank - 1] != query->dims[rank - 1] ||
        key->dims[rank - 2] != value->dims[rank - 2])
        return rule_refuse(in, "key fits neither query nor value");
    type.dims[rank - 1] = value->dims[rank - 1];
    scores.dims[rank - 1] = key->dims[rank - 2];
    if (mask != NULL && mask->dtype != MIL_BOOL && mask->dtype != query->dtype)
        return rule_refuse(in, "attn_mask is %s", mil_dtype_name(mask->dtype));
    if (mask != NULL &&
        (!rule_broadcast(in, &scores, mask, &wide) || !mil_types_agree(&wide, &scores)))
        return rule_refuse(in, "attn_mask does not fit the scores");
    return rule_give(in, type);
}

/* ------------------------------------------------------------------------------ normalisation */

int infer_norm(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x");
    int64_t axes[RULE_INTS_MAX];
    int count = rule_ints(in, "axes", axes);
    struct mil_type expected = {.dtype = x->dtype};
    if (count < 1 || count > (int)x->rank)
        return rule_refuse(in, "axes has %d elements for a tensor of rank %u", count,
                           (unsigned)x->rank);
    for (int i = 0; i < count; i++) {
        uint32_t axis;
        if (!rule_axis(in, axes[i], x->rank, &axis)) return 0;
        expected.dims[expected.rank++] = x->dims[axis];
    }
    const struct mil_type *gamma = rule_type(in, "gamma"), *beta = rule_type(in, "beta");
    if ((gamma != NULL && !mil_types_agree(gamma, &expected)) ||
        (beta != NULL && !mil_types_agree(beta, &expected)))
        return rule_refuse(in, "gamma or beta has not the shape of the axes");
    return rule_give(in, *x);
}

int infer_channel_norm(struct inference *in) {
    static const char *const names[] = {"mean", "variance", "gamma", "beta"};
    const struct mil_type *x = rule_type(in, "x");
    if (x->rank < 3 || x->rank > 5)
        return rule_refuse(in, "x has rank %u, expected 3 to 5", (unsigned)x->rank);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (x->dims[1] >= 0 && !has_length(in, names[i], (uint32_t)x->dims[1])) return 0;
    return rule_give(in, *x);
}

int infer_softmax(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x");
    uint32_t axis;
    return rule_axis(in, rule_int(in, "axis", 0), x->rank, &axis) && rule_give(in, *x);
}

/* --------------------------------------------------------------------------------- reductions */

/* x without the axes in `bits`, or with 1 in their place. */
static struct mil_type reduced(const struct mil_type *x, unsigned bits, int keep) {
    struct mil_type type = {.dtype = x->dtype};
    for (uint32_t i = 0; i < x->rank; i++) {
        if ((bits >> i & 1) == 0)
            type.dims[type.rank++] = x->dims[i];
        else if (keep)
            type.dims[type.rank++] = 1;
    }
    return type;
}

int infer_reduce(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x");
    int64_t axes[RULE_INTS_MAX];
    int count = rule_ints(in, "axes", axes);
    unsigned bits = 0;
    if (mil_op_find(in->op, "axes") == NULL) bits = (1u << x->rank) - 1;
    for (int i = 0; i < count; i++) {
        uint32_t axis;
        if (!rule_axis(in, axes[i], x->rank, &axis)) return 0;
        bits |= 1u << axis;
    }
    return rule_give(in, reduced(x, bits, rule_int(in, "keep_dims", 0) != 0));
}

int infer_arg(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x");
    const char *name = rule_text(in, "output_dtype");
    uint32_t axis;
    if (!rule_axis(in, rule_int(in, "axis", 0), x->rank, &axis)) return 0;
    struct mil_type type = reduced(x, 1u << axis, rule_int(in, "keep_dims", 0) != 0);
    type.dtype = strcmp(name, "uint16") == 0 ? MIL_U16 : MIL_I32;
    return rule_give(in, type);
}

int infer_topk(struct inference *in) {
    struct mil_type type = *rule_type(in, "x");
    int64_t k = rule_int(in, "k", MIL_UNKNOWN);
    uint32_t axis;
    if (!rule_axis(in, rule_int(in, "axis", 0), type.rank, &axis)) return 0;
    if (k < MIL_UNKNOWN || (type.dims[axis] >= 0 && k > type.dims[axis]))
        return rule_refuse(in, "k is %lld of %lld", (long long)k, (long long)type.dims[axis]);
    type.dims[axis] = k;
    if (!rule_give(in, type)) return 0;
    if (in->specification >= 7 && rule_int(in, "return_indices", 1) == 0) return 1;
    type.dtype = strcmp(rule_text(in, "output_indices_dtype"), "uint16") == 0 ? MIL_U16 : MIL_I32;
    return rule_give(in, type);
}

/* -------------------------------------------------------------------------------------- lstm */

int infer_lstm(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x"), *hidden = rule_type(in, "weight_hh");
    const struct mil_type *input = rule_type(in, "weight_ih");
    int both = strcmp(rule_text(in, "direction"), "bidirectional") == 0;
    int64_t size = hidden->dims[1], width = both ? 2 * size : size;
    struct mil_type state = {.dtype = x->dtype, .rank = 2, .dims = {x->dims[1], width}};
    struct mil_type sequence = {.dtype = x->dtype, .rank = 3, .dims = {1, x->dims[1], width}};
    if (both) return rule_refuse(in, "two directions are not checked by this version");
    if (hidden->dims[0] != 4 * size || input->dims[0] != 4 * size ||
        (x->dims[2] >= 0 && input->dims[1] != x->dims[2]))
        return rule_refuse(in, "weight_ih and weight_hh are not [4H, %lld] and [4H, H]",
                           (long long)x->dims[2]);
    if (!has_length(in, "bias", (uint32_t)(4 * size)) ||
        !has_length(in, "peephole", (uint32_t)(3 * size)))
        return 0;
    if (!mil_types_agree(&state, rule_type(in, "initial_h")) ||
        !mil_types_agree(&state, rule_type(in, "initial_c")))
        return rule_refuse(in, "initial_h or initial_c is not [batch, %lld]", (long long)width);
    if (rule_int(in, "output_sequence", 0) != 0) sequence.dims[0] = x->dims[0];
    return rule_give(in, sequence) && rule_give(in, state) && rule_give(in, state);
}
