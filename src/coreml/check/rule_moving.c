/* rule_moving.c - the rules of operations that move elements about and compute none. */
#include <string.h>

#include "coreml/check/rule_table.h"

/* Elements; -1: a dimension is unknown. */
static int64_t count_known(const struct mil_type *type) {
    int64_t count = 1;
    for (uint32_t i = 0; i < type->rank; i++) {
        if (type->dims[i] < 0) return -1;
        count *= type->dims[i];
    }
    return count;
}

/* A tensor of unknown dimensions, as many as `shape`, a vector, has elements. */
static struct mil_type open_type(enum mil_dtype dtype, const struct mil_type *shape) {
    struct mil_type type = {.dtype = dtype};
    type.rank = shape->dims[0] > MIL_RANK_MAX || shape->dims[0] < 0 ? MIL_RANK_MAX
                                                                    : (uint32_t)shape->dims[0];
    for (uint32_t i = 0; i < type.rank; i++) type.dims[i] = MIL_UNKNOWN;
    return type;
}

int infer_reshape(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x"), *shape = rule_type(in, "shape");
    int64_t dims[RULE_INTS_MAX], known = 1, open = -1, total = count_known(x);
    int count = rule_ints(in, "shape", dims);
    struct mil_type type = open_type(x->dtype, shape);
    if (count < 0) return rule_give(in, type);
    if (count > MIL_RANK_MAX) return rule_refuse(in, "shape has %d elements", count);
    for (int i = 0; i < count; i++) {
        type.dims[i] = dims[i];
        if (dims[i] == 0 && (uint32_t)i < x->rank) type.dims[i] = x->dims[i];
        if (dims[i] < -1 || (dims[i] == -1 && open >= 0))
            return rule_refuse(in, "shape has %lld at %d", (long long)dims[i], i);
        if (dims[i] == -1)
            open = i;
        else if (type.dims[i] < 0)
            total = -1;
        else
            known *= type.dims[i];
    }
    if (total < 0) return rule_give(in, type);
    if (open >= 0 ? known == 0 || total % known != 0 : known != total)
        return rule_refuse(in, "%lld elements cannot take a shape of %lld", (long long)total,
                           (long long)known);
    if (open >= 0) type.dims[open] = total / known;
    return rule_give(in, type);
}

int infer_transpose(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x");
    int64_t perm[RULE_INTS_MAX];
    int count = rule_ints(in, "perm", perm);
    struct mil_type type = *x;
    unsigned seen = 0;
    if (count != (int)x->rank)
        return rule_refuse(in, "perm has %d elements for a tensor of rank %u", count,
                           (unsigned)x->rank);
    for (int i = 0; i < count; i++) {
        uint32_t axis;
        if (!rule_axis(in, perm[i], x->rank, &axis)) return 0;
        if ((seen >> axis & 1) != 0)
            return rule_refuse(in, "perm has axis %u twice", (unsigned)axis);
        seen |= 1u << axis;
        type.dims[i] = x->dims[axis];
    }
    return rule_give(in, type);
}

/* The axes as bits; 0 with a reason. */
static int axes_of(struct inference *in, uint32_t rank, unsigned *bits) {
    int64_t axes[RULE_INTS_MAX];
    int count = rule_ints(in, "axes", axes);
    *bits = 0;
    if (count < 0) return rule_refuse(in, "axes is not a short constant");
    for (int i = 0; i < count; i++) {
        uint32_t axis;
        if (!rule_axis(in, axes[i], rank, &axis)) return 0;
        if ((*bits >> axis & 1) != 0) return rule_refuse(in, "axes has %u twice", (unsigned)axis);
        *bits |= 1u << axis;
    }
    return 1;
}

int infer_expand_dims(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x"), *axes = rule_type(in, "axes");
    struct mil_type type = {.dtype = x->dtype};
    unsigned bits;
    uint32_t from = 0;
    if (axes->dims[0] < 0 || x->rank + axes->dims[0] > MIL_RANK_MAX)
        return rule_refuse(in, "it adds %lld axes", (long long)axes->dims[0]);
    type.rank = x->rank + (uint32_t)axes->dims[0];
    if (!axes_of(in, type.rank, &bits)) return 0;
    for (uint32_t i = 0; i < type.rank; i++)
        type.dims[i] = (bits >> i & 1) != 0 ? 1 : x->dims[from++];
    return rule_give(in, type);
}

int infer_squeeze(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x");
    struct mil_type type = {.dtype = x->dtype};
    unsigned bits = 0;
    int all = mil_op_find(in->op, "axes") == NULL;
    if (!all && !axes_of(in, x->rank, &bits)) return 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        if ((bits >> i & 1) != 0 && x->dims[i] > 1)
            return rule_refuse(in, "axis %u has %lld elements, expected 1", (unsigned)i,
                               (long long)x->dims[i]);
        if ((bits >> i & 1) == 0 && !(all && x->dims[i] == 1)) type.dims[type.rank++] = x->dims[i];
    }
    return rule_give(in, type);
}

/* The length of one sliced axis; -1: unknown. */
static int64_t slice_length(int64_t size, int64_t begin, int64_t end, int64_t stride, int from_edge,
                            int to_edge) {
    if (size < 0) return MIL_UNKNOWN;
    if (begin < 0) begin += size;
    if (end < 0) end += size;
    if (from_edge) begin = stride > 0 ? 0 : size - 1;
    if (to_edge) end = stride > 0 ? size : -1;
    if (end > size) end = size;
    if (begin < 0 || begin > size || end < -1) return -2;
    if (stride > 0) return end > begin ? (end - begin + stride - 1) / stride : 0;
    return begin > end ? (begin - end - stride - 1) / -stride : 0;
}

/* `which`'s element for an axis: its number, or `missing` when it is absent. `*known` falls when it is
 * computed. */
static int64_t element(const struct inference *in, const char *which, uint32_t axis,
                       int64_t missing, int *known) {
    int64_t ints[RULE_INTS_MAX];
    if (mil_op_find(in->op, which) == NULL) return missing;
    int count = rule_ints(in, which, ints);
    if (count <= (int)axis) *known = 0;
    return count > (int)axis ? ints[axis] : missing;
}

/* Every vector of a slice has an element per axis. */
static int check_slice(struct inference *in, uint32_t rank) {
    static const char *const names[] = {"begin",      "end",      "stride",
                                        "begin_mask", "end_mask", "squeeze_mask"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct mil_type *type = rule_type(in, names[i]);
        if (type != NULL && type->dims[0] >= 0 && type->dims[0] != (int64_t)rank)
            return rule_refuse(in, "%s has %lld elements for a tensor of rank %u", names[i],
                               (long long)type->dims[0], (unsigned)rank);
    }
    return 1;
}

int infer_slice_by_index(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x");
    struct mil_type type = {.dtype = x->dtype};
    if (!check_slice(in, x->rank)) return 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        int bounds = 1, masks = 1;
        int64_t begin = element(in, "begin", i, 0, &bounds);
        int64_t end = element(in, "end", i, 0, &bounds);
        int64_t stride = element(in, "stride", i, 1, &masks);
        int from_edge = element(in, "begin_mask", i, 0, &masks) != 0;
        int to_edge = element(in, "end_mask", i, 0, &masks) != 0;
        if (element(in, "squeeze_mask", i, 0, &masks) != 0) continue;
        if (stride == 0) return rule_refuse(in, "stride is 0 at axis %u", (unsigned)i);
        int64_t length = masks && (bounds || (from_edge && to_edge))
                             ? slice_length(x->dims[i], begin, end, stride, from_edge, to_edge)
                             : MIL_UNKNOWN;
        if (length == 0 || length == -2)
            return rule_refuse(in, "axis %u of %lld elements has none from %lld to %lld",
                               (unsigned)i, (long long)x->dims[i], (long long)begin,
                               (long long)end);
        type.dims[type.rank++] = length;
    }
    return rule_give(in, type);
}

int infer_slice_by_size(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x"), *length = rule_type(in, "size");
    struct mil_type type = *x;
    if (!check_slice(in, x->rank) || (length->dims[0] >= 0 && length->dims[0] != (int64_t)x->rank))
        return rule_refuse(in, "begin and size need %u elements", (unsigned)x->rank);
    for (uint32_t i = 0; i < x->rank; i++) {
        int from = 1, sized = 1;
        int64_t begin = element(in, "begin", i, 0, &from);
        int64_t size = element(in, "size", i, 0, &sized);
        int64_t room = !from || x->dims[i] < 0 ? MIL_UNKNOWN : x->dims[i] - begin;
        type.dims[i] = !sized ? MIL_UNKNOWN : size == -1 ? room : size;
        if (sized && from && x->dims[i] >= 0 && (begin < 0 || size < -1 || size > room))
            return rule_refuse(in, "axis %u of %lld elements has not %lld from %lld", (unsigned)i,
                               (long long)x->dims[i], (long long)size, (long long)begin);
    }
    return rule_give(in, type);
}

int infer_concat(struct inference *in) {
    const struct mil_argument *values = mil_op_find(in->op, "values");
    struct mil_type type = values->values[0]->type;
    uint32_t axis;
    char first[MIL_TYPE_TEXT_SIZE], other[MIL_TYPE_TEXT_SIZE];
    if (!rule_axis(in, rule_int(in, "axis", 0), type.rank, &axis)) return 0;
    for (size_t i = 1; i < values->count; i++) {
        struct mil_type next = values->values[i]->type;
        int64_t length = next.dims[axis];
        next.dims[axis] = type.dims[axis];
        if (!mil_types_agree(&type, &next))
            return rule_refuse(in, "%s and %s do not fit together along axis %u",
                               mil_type_text(&type, first),
                               mil_type_text(&values->values[i]->type, other), (unsigned)axis);
        for (uint32_t d = 0; d < type.rank; d++) /* what one leaves open the other may know */
            if (type.dims[d] < 0 && d != axis) type.dims[d] = next.dims[d];
        type.dims[axis] =
            type.dims[axis] < 0 || length < 0 ? MIL_UNKNOWN : type.dims[axis] + length;
    }
    return rule_give(in, type);
}

int infer_stack(struct inference *in) {
    const struct mil_argument *values = mil_op_find(in->op, "values");
    struct mil_type one = values->values[0]->type, type = one;
    uint32_t axis;
    if (one.rank == MIL_RANK_MAX || !rule_axis(in, rule_int(in, "axis", 0), one.rank + 1, &axis))
        return rule_refuse(in, "axis is not one of the result");
    for (size_t i = 1; i < values->count; i++)
        if (!mil_types_agree(&one, &values->values[i]->type))
            return rule_refuse(in, "value %zu has another shape than the first", i);
    type.rank++;
    for (uint32_t i = 0; i < type.rank; i++)
        type.dims[i] = i == axis ? (int64_t)values->count : one.dims[i - (i > axis)];
    return rule_give(in, type);
}

int infer_split(struct inference *in) {
    struct mil_type type = *rule_type(in, "x");
    const struct mil_value *sizes = mil_op_value(in->op, "split_sizes");
    int64_t parts = rule_int(in, "num_splits", 0), total = 0;
    uint32_t axis;
    if (!rule_axis(in, rule_int(in, "axis", 0), type.rank, &axis)) return 0;
    int64_t length = type.dims[axis];
    if (sizes != NULL) parts = sizes->type.dims[0];
    if (parts <= 0 || (size_t)parts != in->op->output_count)
        return rule_refuse(in, "it has %zu outputs, expected %lld", in->op->output_count,
                           (long long)parts);
    if (sizes == NULL && length >= 0 && length % parts != 0)
        return rule_refuse(in, "%lld elements cannot be split in %lld", (long long)length,
                           (long long)parts);
    for (int64_t i = 0; i < parts; i++) {
        int32_t size = 0;
        type.dims[axis] = length < 0 ? MIL_UNKNOWN : length / parts;
        if (sizes != NULL && sizes->data != NULL && sizes->type.dtype == MIL_I32) {
            memcpy(&size, (const unsigned char *)sizes->data + 4 * i, 4);
            type.dims[axis] = size;
            total += size;
        }
        if (!rule_give(in, type)) return 0;
    }
    if (sizes != NULL && length >= 0 && total != length)
        return rule_refuse(in, "split_sizes is %lld in all, x has %lld", (long long)total,
                           (long long)length);
    return 1;
}

int infer_pad(struct inference *in) {
    struct mil_type type = *rule_type(in, "x");
    const struct mil_type *pad = rule_type(in, "pad");
    const char *mode = rule_text(in, "mode");
    int64_t ints[RULE_INTS_MAX];
    int count = rule_ints(in, "pad", ints);
    int64_t pairs = pad->dims[0] / 2;
    if (strcmp(mode, "constant") != 0 && strcmp(mode, "reflect") != 0 &&
        strcmp(mode, "replicate") != 0)
        return rule_refuse(in, "mode is %s, expected constant, reflect or replicate", mode);
    if (pad->dims[0] % 2 != 0 || pairs > (int64_t)type.rank)
        return rule_refuse(in, "pad has %lld elements for a tensor of rank %u",
                           (long long)pad->dims[0], (unsigned)type.rank);
    for (int64_t i = 0; i < pairs; i++) {
        int64_t *size = &type.dims[type.rank - pairs + i];
        *size = count < 0 || *size < 0 ? MIL_UNKNOWN : *size + ints[2 * i] + ints[2 * i + 1];
        if (count >= 0 && (ints[2 * i] < 0 || ints[2 * i + 1] < 0))
            return rule_refuse(in, "pad is negative");
    }
    return rule_give(in, type);
}

int infer_tile(struct inference *in) {
    struct mil_type type = *rule_type(in, "x");
    int64_t reps[RULE_INTS_MAX];
    int count = rule_ints(in, "reps", reps);
    if (count >= 0 && count != (int)type.rank)
        return rule_refuse(in, "reps has %d elements for a tensor of rank %u", count,
                           (unsigned)type.rank);
    for (uint32_t i = 0; i < type.rank; i++) {
        if (count >= 0 && reps[i] < 1)
            return rule_refuse(in, "reps is %lld at axis %u", (long long)reps[i], (unsigned)i);
        type.dims[i] = count < 0 || type.dims[i] < 0 ? MIL_UNKNOWN : type.dims[i] * reps[i];
    }
    return rule_give(in, type);
}

int infer_gather(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x"), *indices = rule_type(in, "indices");
    struct mil_type type = {.dtype = x->dtype};
    int64_t batch = rule_int(in, "batch_dims", 0);
    uint32_t axis;
    if (!rule_axis(in, rule_int(in, "axis", 0), x->rank, &axis)) return 0;
    if (batch < 0 || batch > (int64_t)axis || batch > (int64_t)indices->rank)
        return rule_refuse(in, "batch_dims is %lld", (long long)batch);
    if (x->rank - 1 + indices->rank - batch > MIL_RANK_MAX)
        return rule_refuse(in, "its result has too many axes");
    for (uint32_t i = 0; i < axis; i++) type.dims[type.rank++] = x->dims[i];
    for (uint32_t i = (uint32_t)batch; i < indices->rank; i++)
        type.dims[type.rank++] = indices->dims[i];
    for (uint32_t i = axis + 1; i < x->rank; i++) type.dims[type.rank++] = x->dims[i];
    return rule_give(in, type);
}

int infer_gather_along_axis(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x");
    struct mil_type type = *rule_type(in, "indices");
    uint32_t axis;
    if (type.rank != x->rank)
        return rule_refuse(in, "indices has rank %u, x %u", (unsigned)type.rank, (unsigned)x->rank);
    if (!rule_axis(in, rule_int(in, "axis", 0), x->rank, &axis)) return 0;
    type.dtype = x->dtype;
    return rule_give(in, type);
}

int infer_shape(struct inference *in) {
    const struct mil_type *x = rule_type(in, "x");
    struct mil_type type = {.dtype = MIL_I32, .rank = 1, .dims = {x->rank}};
    return rule_give(in, type);
}

int infer_range(struct inference *in) {
    const struct mil_type *end = rule_type(in, "end");
    struct mil_type type = {.dtype = end->dtype, .rank = 1, .dims = {MIL_UNKNOWN}};
    int64_t from = rule_int(in, "start", 0), to = rule_int(in, "end", INT64_MIN);
    int64_t step = rule_int(in, "step", 0);
    const struct mil_value *start = mil_op_value(in->op, "start");
    if (end->dtype == MIL_I32 && to != INT64_MIN && step != 0 && start->data != NULL) {
        int64_t span = step > 0 ? to - from : from - to, by = step > 0 ? step : -step;
        type.dims[0] = span > 0 ? (span + by - 1) / by : 0;
    }
    return rule_give(in, type);
}

int infer_fill(struct inference *in) {
    int64_t dims[RULE_INTS_MAX];
    int count = rule_ints(in, "shape", dims);
    struct mil_type type = open_type(rule_type(in, "value")->dtype, rule_type(in, "shape"));
    for (int i = 0; i < count && i < (int)type.rank; i++) {
        if (dims[i] < 0) return rule_refuse(in, "shape has %lld", (long long)dims[i]);
        type.dims[i] = dims[i];
    }
    return rule_give(in, type);
}

int infer_one_hot(struct inference *in) {
    const struct mil_type *indices = rule_type(in, "indices");
    struct mil_type type = {.dtype = rule_type(in, "on_value")->dtype, .rank = indices->rank + 1};
    uint32_t axis, from = 0;
    if (type.rank > MIL_RANK_MAX || !rule_axis(in, rule_int(in, "axis", -1), type.rank, &axis))
        return rule_refuse(in, "axis is not one of the result");
    for (uint32_t i = 0; i < type.rank; i++)
        type.dims[i] =
            i == axis ? rule_int(in, "one_hot_vector_size", MIL_UNKNOWN) : indices->dims[from++];
    return rule_give(in, type);
}
