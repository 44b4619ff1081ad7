/* op_matmul.c - products of matrices: matmul, linear, einsum, and attention in one operation.
 *
 * All of them are batches of x [m, k] times w: w is [n, k] when its rows are what is multiplied, [k, n]
 * otherwise, which the kernels take both ways. */
#include <stdlib.h>

#include "coreml/ops/op_product.h"

/* [rows, cols] to [cols, rows] */
static void transpose(float *to, const float *from, size_t rows, size_t cols) {
    for (size_t j = 0; j < cols; j++)
        for (size_t i = 0; i < rows; i++) to[j * rows + i] = from[i * cols + j];
}

/* The matrices in the last two dimensions; a vector is one row or one column. */
struct operand {
    struct mil_type batch; /* the dimensions before the last two */
    size_t rows, cols;
    const float *data;
};

static struct operand operand_of(const struct mil_tensor *tensor, int vector_is_column) {
    struct operand operand = {.batch = tensor->type, .data = tensor->f};
    const int64_t *dims = tensor->type.dims;
    uint32_t rank = tensor->type.rank;
    operand.batch.rank = rank > 2 ? rank - 2 : 0;
    operand.rows = rank > 1 ? (size_t)dims[rank - 2] : vector_is_column ? (size_t)dims[0] : 1;
    operand.cols = rank > 1 ? (size_t)dims[rank - 1] : vector_is_column ? 1 : (size_t)dims[0];
    return operand;
}

struct batch {
    struct operand x, y;
    int transpose_x, transpose_y;
    size_t m, n, k;
    float *x_rows; /* [m, k]: x transposed, or NULL */
};

static pst_status run_batch(struct op_call *call, const struct batch *batch, float *out,
                            size_t x_index, size_t y_index) {
    const float *x = batch->x.data + x_index * batch->x.rows * batch->x.cols;
    if (batch->x_rows) {
        transpose(batch->x_rows, x, batch->x.rows, batch->x.cols);
        x = batch->x_rows;
    }
    struct matmul matmul = {
        .y = out,
        .x = x,
        .w = batch->y.data + y_index * batch->y.rows * batch->y.cols,
        .y_stride = batch->n,
        .x_stride = batch->k,
        .w_stride = batch->y.cols,
        .m = batch->m,
        .n = batch->n,
        .k = batch->k,
        .scale = 1,
        .w_is_kn = !batch->transpose_y,
    };
    return op_product(call, &matmul);
}

static pst_status run_batches(struct op_call *call, const struct batch *batch,
                              const struct mil_type *batches, float *out) {
    struct walk walk = {.rank = batches->rank};
    broadcast_strides(&batch->x.batch, batches, walk.stride[0]);
    broadcast_strides(&batch->y.batch, batches, walk.stride[1]);
    for (uint32_t i = 0; i < batches->rank; i++) {
        walk.dims[i] = (size_t)batches->dims[i];
        if (walk.dims[i] == 0) return PST_OK;
    }
    do {
        pst_status status =
            run_batch(call, batch, out, (size_t)walk.offset[0], (size_t)walk.offset[1]);
        if (status) return status;
        out += batch->m * batch->n;
    } while (walk_next(&walk));
    return PST_OK;
}

static pst_status multiply(struct op_call *call, const struct mil_tensor *x,
                           const struct mil_tensor *y, int transpose_x, int transpose_y) {
    if (x->type.rank == 0 || y->type.rank == 0 || x->type.dtype != y->type.dtype)
        return op_error(call, PST_ERR_MODEL, "x and y are not matrices of one type");
    struct batch batch = {.x = operand_of(x, 0),
                          .y = operand_of(y, 1),
                          .transpose_x = transpose_x && x->type.rank > 1,
                          .transpose_y = transpose_y && y->type.rank > 1};
    batch.m = batch.transpose_x ? batch.x.cols : batch.x.rows;
    batch.k = batch.transpose_x ? batch.x.rows : batch.x.cols;
    batch.n = batch.transpose_y ? batch.y.rows : batch.y.cols;
    struct mil_type type;
    if (batch.k != (batch.transpose_y ? batch.y.cols : batch.y.rows) ||
        !broadcast_type(&batch.x.batch, &batch.y.batch, &type))
        return op_error(call, PST_ERR_MODEL, "the shapes of x and y do not fit each other");
    struct mil_type batches = type;
    if (x->type.rank > 1) type.dims[type.rank++] = (int64_t)batch.m;
    if (y->type.rank > 1) type.dims[type.rank++] = (int64_t)batch.n;
    struct mil_tensor *out;
    pst_status status = op_output(call, 0, &type, &out);
    if (status == PST_OK && batch.transpose_x)
        status = op_floats_new(call, batch.m * batch.k, &batch.x_rows);
    if (status == PST_OK) status = run_batches(call, &batch, &batches, out->f);
    free(batch.x_rows);
    return status;
}

static pst_status run_matmul(struct op_call *call) {
    const struct mil_tensor *x, *y;
    int32_t transpose_x = 0, transpose_y = 0;
    pst_status status = op_floats(call, "x", &x);
    if (status == PST_OK) status = op_floats(call, "y", &y);
    if (status == PST_OK) status = op_int(call, "transpose_x", &transpose_x);
    if (status == PST_OK) status = op_int(call, "transpose_y", &transpose_y);
    return status ? status : multiply(call, x, y, transpose_x, transpose_y);
}

static pst_status run_linear(struct op_call *call) {
    const struct mil_tensor *x, *weight, *bias;
    pst_status status = op_floats(call, "x", &x);
    if (status == PST_OK) status = op_floats(call, "weight", &weight);
    if (status == PST_OK) status = op_optional(call, "bias", 1, &bias);
    if (status) return status;
    struct mil_type type = x->type;
    if (type.rank == 0 || weight->type.rank != 2 ||
        type.dims[type.rank - 1] != weight->type.dims[1] ||
        (bias && (bias->type.rank != 1 || bias->type.dims[0] != weight->type.dims[0])))
        return op_error(call, PST_ERR_MODEL, "the shapes of x, weight and bias do not fit");
    type.dims[type.rank - 1] = weight->type.dims[0];
    struct mil_tensor *out;
    status = op_output(call, 0, &type, &out);
    if (status) return status;
    size_t in = (size_t)weight->type.dims[1], outs = (size_t)weight->type.dims[0];
    struct matmul matmul = {
        .y = out->f,
        .x = x->f,
        .w = weight->f,
        .bias = bias ? bias->f : NULL,
        .y_stride = outs,
        .x_stride = in,
        .w_stride = in,
        .m = span_of(&type, 0, type.rank - 1),
        .n = outs,
        .k = in,
        .scale = 1,
    };
    return op_product(call, &matmul);
}

/* ------------------------------------------------------------------------------------------ attention */

/* scores = softmax(q k^T / sqrt(E) + mask); a boolean mask says which keys count. */
static pst_status weigh(struct op_call *call, float *scores, const struct mil_tensor *mask,
                        const struct walk *walk, size_t queries, size_t keys, ptrdiff_t row_step,
                        ptrdiff_t key_step) {
    for (size_t i = 0; i < queries; i++) {
        float *row = scores + i * keys;
        ptrdiff_t at = walk->offset[2] + (ptrdiff_t)i * row_step;
        for (size_t j = 0; mask && j < keys; j++, at += key_step) {
            if (mask->f)
                row[j] += mask->f[at];
            else if (mask->i[at] == 0)
                row[j] = -INFINITY;
        }
        call->resources->kernels->softmax(row, keys);
    }
    return op_work(call, queries, keys, 1);
}

struct attention {
    const struct mil_tensor *query, *key, *value, *mask;
    struct mil_type batches, mask_type;
    size_t queries, keys, width, value_width;
};

static pst_status check_attention(struct op_call *call, struct attention *a) {
    const struct mil_type *q = &a->query->type, *k = &a->key->type, *v = &a->value->type;
    struct mil_type batch_q = *q, batch_k = *k, batch_v = *v, both;
    if (q->rank < 3 || k->rank < 3 || v->rank < 3)
        return op_error(call, PST_ERR_MODEL, "query, key and value should have rank 3 or more");
    batch_q.rank -= 2;
    batch_k.rank -= 2;
    batch_v.rank -= 2;
    a->queries = (size_t)q->dims[q->rank - 2];
    a->width = (size_t)q->dims[q->rank - 1];
    a->keys = (size_t)k->dims[k->rank - 2];
    a->value_width = (size_t)v->dims[v->rank - 1];
    int fits = k->dims[k->rank - 1] == q->dims[q->rank - 1] &&
               v->dims[v->rank - 2] == k->dims[k->rank - 2] &&
               broadcast_type(&batch_q, &batch_k, &both) &&
               broadcast_type(&both, &batch_v, &a->batches) && a->keys > 0;
    struct mil_type scores = a->batches, with_mask;
    if (fits) {
        scores.dims[scores.rank++] = (int64_t)a->queries;
        scores.dims[scores.rank++] = (int64_t)a->keys;
        a->mask_type = scores;
    }
    if (fits && a->mask) {
        fits = broadcast_type(&scores, &a->mask->type, &with_mask) && with_mask.rank == scores.rank;
        for (uint32_t i = 0; fits && i < scores.rank; i++)
            fits = with_mask.dims[i] == scores.dims[i];
    }
    return fits ? PST_OK : op_error(call, PST_ERR_MODEL, "the shapes do not fit each other");
}

static pst_status attend_batch(struct op_call *call, const struct attention *a,
                               const struct walk *walk, const ptrdiff_t *mask_steps, size_t v_index,
                               float *scores, float *out) {
    struct matmul product = {
        .y = scores,
        .x = a->query->f + (size_t)walk->offset[0] * a->queries * a->width,
        .w = a->key->f + (size_t)walk->offset[1] * a->keys * a->width,
        .y_stride = a->keys,
        .x_stride = a->width,
        .w_stride = a->width,
        .m = a->queries,
        .n = a->keys,
        .k = a->width,
        .scale = 1.0f / sqrtf((float)a->width),
    };
    pst_status status = op_product(call, &product);
    if (status == PST_OK)
        status =
            weigh(call, scores, a->mask, walk, a->queries, a->keys, mask_steps[0], mask_steps[1]);
    if (status) return status;
    product = (struct matmul){
        .y = out,
        .x = scores,
        .w = a->value->f + v_index * a->keys * a->value_width,
        .y_stride = a->value_width,
        .x_stride = a->keys,
        .w_stride = a->value_width,
        .m = a->queries,
        .n = a->value_width,
        .k = a->keys,
        .scale = 1,
        .w_is_kn = 1,
    };
    return op_product(call, &product);
}

static pst_status attend_batches(struct op_call *call, const struct attention *a, float *out) {
    struct walk walk = {.rank = a->batches.rank}, values = {.rank = a->batches.rank};
    struct mil_type q = a->query->type, k = a->key->type, v = a->value->type;
    q.rank -= 2;
    k.rank -= 2;
    v.rank -= 2;
    broadcast_strides(&q, &a->batches, walk.stride[0]);
    broadcast_strides(&k, &a->batches, walk.stride[1]);
    broadcast_strides(&v, &a->batches, values.stride[0]);
    ptrdiff_t mask_strides[MIL_RANK_MAX] = {0};
    if (a->mask) broadcast_strides(&a->mask->type, &a->mask_type, mask_strides);
    for (uint32_t i = 0; i < walk.rank; i++) {
        walk.dims[i] = values.dims[i] = (size_t)a->batches.dims[i];
        walk.stride[2][i] = mask_strides[i];
        if (walk.dims[i] == 0) return PST_OK;
    }
    float *scores;
    pst_status status = op_floats_new(call, a->queries * a->keys, &scores);
    if (status) return status;
    do {
        status = attend_batch(call, a, &walk, mask_strides + walk.rank, (size_t)values.offset[0],
                              scores, out);
        out += a->queries * a->value_width;
        (void)walk_next(&values);
    } while (status == PST_OK && walk_next(&walk));
    free(scores);
    return status;
}

static pst_status run_attention(struct op_call *call) {
    struct attention a = {0};
    pst_status status = op_floats(call, "query", &a.query);
    if (status == PST_OK) status = op_floats(call, "key", &a.key);
    if (status == PST_OK) status = op_floats(call, "value", &a.value);
    if (status == PST_OK && op_argument(call, "attn_mask"))
        status = op_tensor(call, "attn_mask", &a.mask);
    if (status == PST_OK) status = check_attention(call, &a);
    if (status) return status;
    struct mil_type type = a.batches;
    type.dtype = a.query->type.dtype;
    type.dims[type.rank++] = (int64_t)a.queries;
    type.dims[type.rank++] = (int64_t)a.value_width;
    struct mil_tensor *out;
    status = op_output(call, 0, &type, &out);
    return status ? status : attend_batches(call, &a, out->f);
}

const struct op_entry op_matmul_entries[] = {
    {"matmul", run_matmul, 0, 0},
    {"linear", run_linear, 0, 0},
    {"scaled_dot_product_attention", run_attention, 0, 0},
    {0},
};
