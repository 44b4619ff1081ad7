/* op_constexpr.c - compressed weights made whole: int8 with scales, blocks with scales, palettes, masks.
 * They run once, while the machine is prepared. */
#include "coreml/ops/op.h"

/* w = scale * (q - zero_point), each a number or one for every place of an axis. */
static pst_status run_affine_dequantize(struct op_call *call) {
    const struct mil_tensor *data, *zero, *scale;
    struct mil_tensor *y;
    uint32_t axis = 0;
    pst_status status = op_integers(call, "quantized_data", &data);
    if (status == PST_OK) status = op_integers(call, "zero_point", &zero);
    if (status == PST_OK) status = op_floats(call, "scale", &scale);
    if (status == PST_OK) status = op_axis(call, "axis", data->type.rank, &axis);
    if (status) return status;
    int64_t n = data->type.dims[axis];
    if (zero->type.rank > 1 || scale->type.rank > 1 ||
        (zero->type.rank == 1 && zero->type.dims[0] != n) ||
        (scale->type.rank == 1 && scale->type.dims[0] != n))
        return op_error(call, PST_ERR_MODEL, "zero_point or scale does not fit axis %u", axis);
    struct mil_type type = data->type;
    type.dtype = scale->type.dtype;
    status = op_output(call, 0, &type, &y);
    size_t count = 0, inner = span_of(&type, axis + 1, type.rank);
    if (status || !mil_type_count(&type, &count)) return status;
    for (size_t i = 0; i < count; i++) {
        size_t place = i / inner % (size_t)n;
        float shift = (float)zero->i[zero->type.rank ? place : 0];
        y->f[i] = scale->f[scale->type.rank ? place : 0] * ((float)data->i[i] - shift);
    }
    return PST_OK;
}

/* Strides of `small` seen with the dims of `large`, of which each holds whole blocks. 0: it does not
 * divide. `sizes`: elements of a block along each dimension. */
static int block_strides(const struct mil_type *small, const struct mil_type *large,
                         ptrdiff_t *strides, size_t *sizes) {
    ptrdiff_t stride = 1;
    for (uint32_t d = large->rank; d-- > 0;) {
        if (small->dims[d] < 1 || large->dims[d] % small->dims[d]) return 0;
        sizes[d] = (size_t)(large->dims[d] / small->dims[d]);
        strides[d] = stride;
        stride *= (ptrdiff_t)small->dims[d];
    }
    return 1;
}

static size_t block_of(const struct walk *walk, const ptrdiff_t *strides, const size_t *sizes) {
    size_t block = 0;
    for (uint32_t d = 0; d < walk->rank; d++)
        block += walk->index[d] / sizes[d] * (size_t)strides[d];
    return block;
}

/* w = scale * (data - offset); scale and offset have a number for each block of data. */
static pst_status run_blockwise(struct op_call *call) {
    const struct mil_tensor *data, *scale, *offset = NULL;
    struct mil_tensor *y;
    ptrdiff_t strides[MIL_RANK_MAX];
    size_t sizes[MIL_RANK_MAX], count = 0;
    pst_status status = op_tensor(call, "data", &data);
    if (status == PST_OK) status = op_floats(call, "scale", &scale);
    if (status == PST_OK && op_argument(call, "offset"))
        status = op_tensor(call, "offset", &offset);
    if (status) return status;
    if (scale->type.rank != data->type.rank ||
        !block_strides(&scale->type, &data->type, strides, sizes))
        return op_error(call, PST_ERR_MODEL, "scale does not divide data into blocks");
    if (offset) {
        struct mil_type same = scale->type;
        same.dtype = offset->type.dtype;
        if (!mil_type_equal(&same, &offset->type))
            return op_error(call, PST_ERR_MODEL, "offset has not the shape of scale");
    }
    struct mil_type type = data->type;
    type.dtype = scale->type.dtype;
    status = op_output(call, 0, &type, &y);
    if (status || !mil_type_count(&type, &count) || count == 0) return status;
    struct walk walk = {.rank = type.rank};
    for (uint32_t d = 0; d < type.rank; d++) walk.dims[d] = (size_t)type.dims[d];
    size_t i = 0;
    do {
        size_t block = block_of(&walk, strides, sizes);
        float shift = 0, value = data->f ? data->f[i] : (float)data->i[i];
        if (offset) shift = offset->f ? offset->f[block] : (float)offset->i[block];
        y->f[i++] = scale->f[block] * (value - shift);
    } while (walk_next(&walk));
    return PST_OK;
}

/* ------------------------------------------------------------------------------------------- palettes */

static uint32_t log2_of(int64_t n) {
    uint32_t bits = 0;
    while (bits < 8 && (int64_t)1 << bits < n) bits++;
    return (int64_t)1 << bits == n ? bits : 0;
}

/* The type that the argument `shape` gives. */
static pst_status read_dense_type(struct op_call *call, enum mil_dtype dtype,
                                  struct mil_type *type) {
    int32_t shape[MIL_RANK_MAX];
    int rank;
    pst_status status = op_ints(call, "shape", MIL_RANK_MAX, shape, &rank);
    if (status) return status;
    *type = (struct mil_type){.dtype = dtype};
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0) return op_error(call, PST_ERR_MODEL, "shape has %d", shape[i]);
        type->dims[type->rank++] = shape[i];
    }
    return PST_OK;
}

/* The form of iOS 16: one palette, indices packed into bytes from the lowest bit up. */
static pst_status unpack_palette(struct op_call *call, const struct mil_tensor *indices,
                                 const struct mil_tensor *lut) {
    struct mil_type type;
    struct mil_tensor *y;
    size_t bytes = 0, count = 0, needed;
    uint32_t bits = lut->type.rank == 1 ? log2_of(lut->type.dims[0]) : 0;
    pst_status status = read_dense_type(call, lut->type.dtype, &type);
    if (status) return status;
    if (bits == 0 || indices->type.dtype != MIL_U8 || !mil_type_count(&indices->type, &bytes) ||
        !mil_type_count(&type, &count) || !checked_mul(count, bits, &needed) ||
        bytes < needed / 8 + (needed % 8 != 0))
        return op_error(call, PST_ERR_MODEL, "indices, lut and shape do not fit each other");
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    for (size_t i = 0; i < count; i++) {
        size_t at = i * bits / 8, shift = i * bits % 8;
        uint32_t pair = (uint32_t)indices->i[at];
        if (shift + bits > 8) pair |= (uint32_t)indices->i[at + 1] << 8;
        y->f[i] = lut->f[pair >> shift & ((1u << bits) - 1)];
    }
    return PST_OK;
}

/* The form of iOS 18: indices have the shape of the weight; a palette for each block of it, the last
 * two dimensions of lut being entries and elements of an entry, laid along `vector_axis`. */
static pst_status look_up(struct op_call *call, const struct mil_tensor *indices,
                          const struct mil_tensor *lut) {
    ptrdiff_t strides[MIL_RANK_MAX], out[MIL_RANK_MAX];
    size_t sizes[MIL_RANK_MAX], count = 0;
    uint32_t axis = 0, rank = indices->type.rank;
    if (rank == 0 || lut->type.rank != rank + 2 ||
        !block_strides(&lut->type, &indices->type, strides, sizes))
        return op_error(call, PST_ERR_MODEL, "lut does not divide the indices into blocks");
    size_t entries = (size_t)lut->type.dims[rank], width = (size_t)lut->type.dims[rank + 1];
    if (width > 1 && op_argument(call, "vector_axis") == NULL)
        return op_error(call, PST_ERR_MODEL, "needs vector_axis");
    pst_status status = op_axis(call, "vector_axis", rank, &axis);
    if (status) return status;
    struct mil_type type = indices->type;
    struct mil_tensor *y;
    type.dtype = lut->type.dtype;
    if (__builtin_mul_overflow(type.dims[axis], (int64_t)width, &type.dims[axis]))
        return op_error(call, PST_ERR_MODEL, "lut is too large");
    status = op_output(call, 0, &type, &y);
    if (status || !mil_type_count(&type, &count) || count == 0) return status;
    strides_of(&type, out);
    struct walk walk = {.rank = rank};
    for (uint32_t d = 0; d < rank; d++) {
        walk.dims[d] = (size_t)indices->type.dims[d];
        walk.stride[0][d] = out[d] * (d == axis ? (ptrdiff_t)width : 1);
    }
    size_t i = 0;
    do {
        size_t entry = (size_t)indices->i[i++];
        if (entry >= entries) return op_error(call, PST_ERR_MODEL, "an index is beyond lut");
        const float *from = lut->f + (block_of(&walk, strides, sizes) * entries + entry) * width;
        for (size_t j = 0; j < width; j++)
            y->f[walk.offset[0] + (ptrdiff_t)j * out[axis]] = from[j];
    } while (walk_next(&walk));
    return PST_OK;
}

static pst_status run_lut_to_dense(struct op_call *call) {
    const struct mil_tensor *indices, *lut;
    pst_status status = op_integers(call, "indices", &indices);
    if (status == PST_OK) status = op_floats(call, "lut", &lut);
    if (status) return status;
    return op_argument(call, "shape") ? unpack_palette(call, indices, lut)
                                      : look_up(call, indices, lut);
}

/* ---------------------------------------------------------------------------------------------- others */

/* The weights that are not zero, and a bit for each weight that says which those are. */
static pst_status run_sparse_to_dense(struct op_call *call) {
    const struct mil_tensor *data, *mask;
    struct mil_type type;
    struct mil_tensor *y;
    size_t count = 0, bits = 0, nonzero = 0, next = 0;
    pst_status status = op_floats(call, "nonzero_data", &data);
    if (status == PST_OK) status = op_integers(call, "mask", &mask);
    if (status) return status;
    int packed = op_argument(call, "shape") != NULL;
    type = mask->type;
    if (packed) status = read_dense_type(call, data->type.dtype, &type);
    if (status) return status;
    type.dtype = data->type.dtype;
    (void)mil_type_count(&data->type, &nonzero);
    if (!mil_type_count(&type, &count) || !mil_type_count(&mask->type, &bits) ||
        (packed && (mask->type.dtype != MIL_U8 || bits < count / 8 + (count % 8 != 0))))
        return op_error(call, PST_ERR_MODEL, "mask and shape do not fit each other");
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    for (size_t i = 0; i < count; i++) {
        int set = packed ? mask->i[i / 8] >> (i % 8) & 1 : mask->i[i] != 0;
        if (set && next == nonzero)
            return op_error(call, PST_ERR_MODEL, "nonzero_data is shorter than the mask says");
        y->f[i] = set ? data->f[next++] : 0;
    }
    return PST_OK;
}

static pst_status run_constexpr_cast(struct op_call *call) {
    const struct mil_tensor *source;
    int choice = 0;
    pst_status status = op_floats(call, "source_val", &source);
    if (status == PST_OK) status = op_choice(call, "output_dtype", "fp32|fp16", &choice);
    if (status) return status;
    struct mil_type type = source->type;
    type.dtype = choice ? MIL_F16 : MIL_F32;
    return op_copy(call, 0, source, &type);
}

const struct op_entry op_constexpr_entries[] = {
    {"constexpr_affine_dequantize", run_affine_dequantize, 0, 0},
    {"constexpr_blockwise_shift_scale", run_blockwise, 0, 0},
    {"constexpr_lut_to_dense", run_lut_to_dense, 0, 0},
    {"constexpr_sparse_to_dense", run_sparse_to_dense, 0, 0},
    {"constexpr_cast", run_constexpr_cast, 0, 0},
    {0},
};
