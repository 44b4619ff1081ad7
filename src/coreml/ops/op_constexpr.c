/* op_constexpr.c - decompresses weights: int8 with scales, blocks with scales, palettes, masks.
 *
 * They run once, when a program is prepared. Two of them have other parameters since iOS 18. */
#include <string.h>

#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

/* --------------------------------------------------------------------------- scales of channels */

/* A number for all, or one for each of `length` channels. */
static int is_per_channel(const struct mil_type *type, int64_t length) {
    return type->rank == 0 || (type->rank == 1 && type->dims[0] == length);
}

static int infer_affine(struct op_call *call) {
    const struct mil_type *data = op_type(call, "quantized_data");
    const struct mil_type *zero = op_type(call, "zero_point"), *scale = op_type(call, "scale");
    struct mil_type type = *data;
    int axis = op_axis(call, data->rank);
    if (axis < 0) return 0;
    if (zero->dtype != data->dtype)
        return op_refuse(call, "zero_point is %s, the data %s", mil_dtype_name(zero->dtype),
                         mil_dtype_name(data->dtype));
    if (!is_per_channel(zero, data->dims[axis]) || !is_per_channel(scale, data->dims[axis]))
        return op_refuse(call, "scale or zero_point has neither one element nor %lld",
                         (long long)data->dims[axis]);
    type.dtype = scale->dtype;
    return op_give(call, type);
}

/* w = scale * (q - zero_point) */
static pst_status run_affine(struct op_call *call) {
    const struct mil_tensor *data = op_tensor(call, "quantized_data");
    const struct mil_tensor *zero = op_tensor(call, "zero_point");
    const struct mil_tensor *scale = op_tensor(call, "scale");
    struct mil_tensor *y = op_result(call, 0);
    uint32_t axis = (uint32_t)op_axis(call, data->type.rank);
    size_t n = (size_t)y->type.dims[axis], inner = span_of(&y->type, axis + 1, y->type.rank);
    for (size_t i = 0, count = mil_elements(&y->type); i < count; i++) {
        size_t channel = i / inner % n;
        float shift = (float)zero->i[zero->type.rank ? channel : 0];
        y->f[i] = scale->f[scale->type.rank ? channel : 0] * ((float)data->i[i] - shift);
    }
    return PST_OK;
}

/* ---------------------------------------------------------------------------- tables for blocks */

/* Do the first axes of `table` divide those of `whole` into blocks? */
static int divides(const struct mil_type *whole, const struct mil_type *table) {
    for (uint32_t i = 0; i < whole->rank; i++)
        if (table->dims[i] < 1 || whole->dims[i] % table->dims[i] != 0) return 0;
    return 1;
}

/* How an index of `whole` becomes the number of a block, which is that of an entry of `table`. */
struct blocks {
    uint32_t rank;
    size_t length[MIL_RANK_MAX], stride[MIL_RANK_MAX];
};

static struct blocks blocks_of(const struct mil_type *whole, const struct mil_type *table) {
    struct blocks blocks = {.rank = whole->rank};
    size_t stride = 1;
    for (uint32_t d = whole->rank; d-- > 0;) {
        blocks.length[d] = (size_t)(whole->dims[d] / table->dims[d]);
        blocks.stride[d] = table->dims[d] == 1 ? 0 : stride;
        stride *= (size_t)table->dims[d];
    }
    return blocks;
}

static size_t block_at(const struct blocks *blocks, const size_t *index) {
    size_t block = 0;
    for (uint32_t d = 0; d < blocks->rank; d++)
        if (blocks->stride[d]) block += index[d] / blocks->length[d] * blocks->stride[d];
    return block;
}

static int infer_blockwise(struct op_call *call) {
    const struct mil_type *data = op_type(call, "data"), *scale = op_type(call, "scale");
    const struct mil_type *offset = op_type(call, "offset");
    struct mil_type type = *data, wanted = *scale;
    if (data->dtype != MIL_I4 && data->dtype != MIL_U4 && data->dtype != MIL_I8 &&
        data->dtype != MIL_U8)
        return op_refuse(call, "data is %s, expected 4 or 8 bits", mil_dtype_name(data->dtype));
    if (scale->rank != data->rank || !divides(data, scale))
        return op_refuse(call, "scale does not divide the data into blocks");
    wanted.dtype = data->dtype;
    if (offset != NULL && !mil_types_agree(offset, &wanted))
        return op_refuse(call, "offset does not have the type of the data and the shape of scale");
    type.dtype = scale->dtype;
    return op_give(call, type);
}

/* w = scale * (data - offset); scale and offset have a number for each block of data. */
static pst_status run_blockwise(struct op_call *call) {
    const struct mil_tensor *data = op_tensor(call, "data"), *scale = op_tensor(call, "scale");
    const struct mil_tensor *offset = op_tensor(call, "offset");
    struct mil_tensor *y = op_result(call, 0);
    struct blocks blocks = blocks_of(&y->type, &scale->type);
    struct walk walk = walk_of(&y->type);
    size_t i = 0;
    do {
        size_t block = block_at(&blocks, walk.index);
        float shift = offset ? (float)offset->i[block] : 0;
        y->f[i] = scale->f[block] * ((float)data->i[i] - shift);
        i++;
    } while (walk_next(&walk));
    return PST_OK;
}

/* ------------------------------------------------------------------------------------- palettes */

/* The constant vector `shape` of unsigned numbers as dimensions. */
static int shape_of(struct op_call *call, struct mil_type *type) {
    int64_t dims[OP_INTS_MAX];
    int count = op_ints(call, "shape", dims);
    if (op_type(call, "shape")->dtype != MIL_U32 || count < 0 || count > MIL_RANK_MAX)
        return op_refuse(call, "shape is not a short vector of uint32");
    type->rank = (uint32_t)count;
    for (int i = 0; i < count; i++) type->dims[i] = dims[i];
    return 1;
}

/* 1, 2, 4, 6 or 8 when it is the base-2 logarithm of `length`; else 0. */
static uint32_t palette_bits(int64_t length) {
    for (uint32_t bits = 1; bits <= 8; bits++)
        if (length == (int64_t)1 << bits) return bits == 3 || bits == 5 || bits == 7 ? 0 : bits;
    return 0;
}

static int infer_palette(struct op_call *call) {
    const struct mil_type *indices = op_type(call, "indices"), *lut = op_type(call, "lut");
    struct mil_type type = {.dtype = lut->dtype};
    uint32_t bits = palette_bits(lut->dims[0]);
    if (!shape_of(call, &type)) return 0;
    if (indices->dtype != MIL_U8 || bits == 0)
        return op_refuse(call, "lut has %lld entries, expected 2, 4, 16, 64 or 256",
                         (long long)lut->dims[0]);
    size_t elements = mil_elements(&type);
    if (elements == 0 || elements > SIZE_MAX / 8 ||
        (uint64_t)indices->dims[0] != (elements * bits + 7) / 8)
        return op_refuse(call, "indices has %lld bytes for %zu elements of %u bits",
                         (long long)indices->dims[0], elements, (unsigned)bits);
    return op_give(call, type);
}

/* One palette, indices packed into bytes from the lowest bit up. */
static pst_status run_palette(struct op_call *call) {
    const struct mil_tensor *indices = op_tensor(call, "indices"), *lut = op_tensor(call, "lut");
    struct mil_tensor *y = op_result(call, 0);
    uint32_t bits = palette_bits(lut->type.dims[0]);
    for (size_t i = 0, count = mil_elements(&y->type); i < count; i++) {
        size_t at = i * bits / 8, shift = i * bits % 8;
        uint32_t pair = (uint32_t)indices->i[at];
        if (shift + bits > 8) pair |= (uint32_t)indices->i[at + 1] << 8;
        tensor_move(y, i, lut, pair >> shift & ((1u << bits) - 1), 1);
    }
    return PST_OK;
}

static int infer_palettes(struct op_call *call) {
    const struct mil_type *indices = op_type(call, "indices"), *lut = op_type(call, "lut");
    struct mil_type type = *indices;
    uint32_t bits = mil_bits(indices->dtype);
    if (lut->rank != indices->rank + 2 || !divides(indices, lut))
        return op_refuse(call, "lut is not a table for groups of the indices");
    if (indices->dtype < MIL_U8 || bits > 8)
        return op_refuse(call, "indices is %s, expected uint1 to uint8",
                         mil_dtype_name(indices->dtype));
    int64_t entries = lut->dims[indices->rank], vector = lut->dims[indices->rank + 1];
    if (entries != (int64_t)1 << bits)
        return op_refuse(call, "lut has %lld entries for indices of type %s", (long long)entries,
                         mil_dtype_name(indices->dtype));
    type.dtype = lut->dtype;
    if (vector != 1) {
        if (op_count(call, "vector_axis") == 0)
            return op_refuse(call, "lut has vectors of %lld, but there is no vector_axis",
                             (long long)vector);
        int axis = op_axis_of(call, op_int(call, "vector_axis", 0), type.rank);
        if (axis < 0) return 0;
        type.dims[axis] *= vector;
    }
    return op_give(call, type);
}

/* Indices have the shape of the weight; there is a palette for each block of it, the last two
 * dimensions of lut being entries and elements of an entry, which are laid along `vector_axis`. */
static pst_status run_palettes(struct op_call *call) {
    const struct mil_tensor *indices = op_tensor(call, "indices"), *lut = op_tensor(call, "lut");
    struct mil_tensor *y = op_result(call, 0);
    uint32_t rank = indices->type.rank;
    size_t entries = (size_t)lut->type.dims[rank], width = (size_t)lut->type.dims[rank + 1];
    int axis = width == 1 ? -1 : op_axis_of(call, op_int(call, "vector_axis", 0), rank);
    struct blocks blocks = blocks_of(&indices->type, &lut->type);
    struct walk walk = walk_of(&indices->type);
    strides_of(&y->type, walk.stride[0]);
    size_t step = axis < 0 ? 0 : (size_t)walk.stride[0][axis], i = 0;
    if (axis >= 0) walk.stride[0][axis] *= (ptrdiff_t)width;
    do {
        size_t block = block_at(&blocks, walk.index);
        size_t from = (block * entries + (size_t)indices->i[i++]) * width;
        for (size_t j = 0; j < width; j++)
            tensor_move(y, (size_t)walk.offset[0] + j * step, lut, from + j, 1);
    } while (walk_next(&walk));
    return PST_OK;
}

/* ---------------------------------------------------------------------------------------- masks */

static int infer_sparse(struct op_call *call) {
    const struct mil_type *mask = op_type(call, "mask");
    struct mil_type type = {.dtype = op_type(call, "nonzero_data")->dtype};
    if (!shape_of(call, &type)) return 0;
    if (mask->dtype != MIL_U8 || (uint64_t)mask->dims[0] != (mil_elements(&type) + 7) / 8)
        return op_refuse(call, "mask has %lld bytes for %zu elements", (long long)mask->dims[0],
                         mil_elements(&type));
    return op_give(call, type);
}

static int infer_sparse_mask(struct op_call *call) {
    struct mil_type type = *op_type(call, "mask");
    if (type.dtype != MIL_U1)
        return op_refuse(call, "mask is %s, expected uint1", mil_dtype_name(type.dtype));
    type.dtype = op_type(call, "nonzero_data")->dtype;
    return op_give(call, type);
}

/* The weights that are not zero, and a bit for each weight that says which those are, either as
 * bytes or, from iOS 18, as a tensor. */
static pst_status run_sparse(struct op_call *call) {
    const struct mil_tensor *data = op_tensor(call, "nonzero_data");
    const struct mil_tensor *mask = op_tensor(call, "mask");
    struct mil_tensor *y = op_result(call, 0);
    size_t nonzero = mil_elements(&data->type), next = 0;
    int packed = mask->type.dtype == MIL_U8;
    tensor_fill(y, NULL);
    for (size_t i = 0, count = mil_elements(&y->type); i < count; i++) {
        if ((packed ? mask->i[i / 8] >> (i % 8) & 1 : mask->i[i]) == 0) continue;
        if (next == nonzero)
            return op_error(call, PST_ERR_MODEL, "nonzero_data is shorter than the mask says");
        tensor_move(y, i, data, next++, 1);
    }
    return PST_OK;
}

/* ----------------------------------------------------------------------------------------- cast */

static int infer_constexpr_cast(struct op_call *call) {
    struct mil_type type = *op_type(call, "source_val");
    if (type.dtype != MIL_F16 || strcmp(op_text(call, "output_dtype"), "fp32") != 0)
        return op_refuse(call, "it casts fp16 to fp32 only");
    type.dtype = MIL_F32;
    return op_give(call, type);
}

static pst_status run_constexpr_cast(struct op_call *call) {
    tensor_copy(op_result(call, 0), op_tensor(call, "source_val"));
    return PST_OK;
}

/* When two rows have one name, the newer one comes first. */
const struct op_row op_constexpr_rows[] = {
    {"constexpr_affine_dequantize", 7, "quantized_data! q, zero_point! q, scale! f, axis! i0",
     infer_affine, run_affine, 0, 0},
    {"constexpr_blockwise_shift_scale", 9, "data! w, scale! f, offset?! w", infer_blockwise,
     run_blockwise, 0, 0},
    {"constexpr_cast", 7, "source_val! f, output_dtype! s0", infer_constexpr_cast,
     run_constexpr_cast, 0, 0},
    {"constexpr_lut_to_dense", 9, "indices! w, lut! w, vector_axis?! i0", infer_palettes,
     run_palettes, 0, 0},
    {"constexpr_lut_to_dense", 7, "indices! q1, lut! w1, shape! w1", infer_palette, run_palette, 0,
     0},
    {"constexpr_sparse_to_dense", 9, "nonzero_data! w1, mask! w", infer_sparse_mask, run_sparse, 0,
     0},
    {"constexpr_sparse_to_dense", 7, "nonzero_data! w1, mask! q1, shape! w1", infer_sparse,
     run_sparse, 0, 0},
    {0},
};
