/* op_attention.c - attention in one operation: softmax(query key^T / sqrt(width) + mask) value. */
#include <math.h>
#include <stdlib.h>

#include "coreml/ops/op_product.h"
#include "coreml/ops/tensor_walk.h"

static int infer_attention(struct op_call *call) {
    const struct mil_type *query = op_type(call, "query"), *key = op_type(call, "key");
    const struct mil_type *value = op_type(call, "value"), *mask = op_type(call, "attn_mask");
    uint32_t rank = query->rank;
    if (rank < 3 || key->rank != rank || value->rank != rank)
        return op_refuse(call, "query, key and value need one rank of 3 or more");
    struct mil_type type = *query, scores = *query, wide;
    for (uint32_t i = 0; i + 2 < rank; i++)
        if (key->dims[i] != query->dims[i] || value->dims[i] != query->dims[i])
            return op_refuse(call, "query, key and value differ at axis %u", (unsigned)i);
    if (key->dims[rank - 1] != query->dims[rank - 1] ||
        key->dims[rank - 2] != value->dims[rank - 2])
        return op_refuse(call, "key fits neither query nor value");
    if (key->dims[rank - 2] == 0) return op_refuse(call, "there is no key");
    type.dims[rank - 1] = value->dims[rank - 1];
    scores.dims[rank - 1] = key->dims[rank - 2];
    if (mask != NULL && mask->dtype != MIL_BOOL && mask->dtype != query->dtype)
        return op_refuse(call, "attn_mask is %s", mil_dtype_name(mask->dtype));
    if (mask != NULL &&
        (!op_broadcast(call, &scores, mask, &wide) || !mil_types_agree(&wide, &scores)))
        return op_refuse(call, "attn_mask does not fit the scores");
    return op_give(call, type);
}

/* Attention over all leading axes, one [queries, keys] after the other. */
struct attention {
    const struct mil_tensor *query, *key, *value, *mask;
    size_t queries, keys, width, value_width;
    ptrdiff_t mask_steps[2]; /* in the mask, of a query and of a key */
    float *scores;           /* [queries, keys] */
};

/* The probabilities of the keys; a boolean mask says which of them count. */
static pst_status weigh(struct op_call *call, const struct attention *a, ptrdiff_t mask_at) {
    for (size_t i = 0; i < a->queries; i++) {
        float *row = a->scores + i * a->keys;
        ptrdiff_t at = mask_at + (ptrdiff_t)i * a->mask_steps[0];
        for (size_t j = 0; a->mask && j < a->keys; j++, at += a->mask_steps[1]) {
            if (a->mask->f)
                row[j] += a->mask->f[at];
            else if (a->mask->i[at] == 0)
                row[j] = -INFINITY;
        }
        call->resources->kernels->softmax(row, a->keys);
    }
    return op_work(call, a->queries, a->keys, 1);
}

static pst_status attend(struct op_call *call, const struct attention *a, size_t index,
                         ptrdiff_t mask_at) {
    struct matmul scores = {
        .y = a->scores,
        .x = a->query->f + index * a->queries * a->width,
        .w = a->key->f + index * a->keys * a->width,
        .m = a->queries,
        .n = a->keys,
        .k = a->width,
        .scale = 1.0f / sqrtf((float)a->width),
    };
    struct matmul mixed = {
        .y = op_result(call, 0)->f + index * a->queries * a->value_width,
        .x = a->scores,
        .w = a->value->f + index * a->keys * a->value_width,
        .m = a->queries,
        .n = a->value_width,
        .k = a->keys,
        .scale = 1,
        .w_is_kn = 1,
    };
    pst_status status = op_product(call, scores);
    if (status == PST_OK) status = weigh(call, a, mask_at);
    return status ? status : op_product(call, mixed);
}

static pst_status run_attention(struct op_call *call) {
    struct attention a = {.query = op_tensor(call, "query"),
                          .key = op_tensor(call, "key"),
                          .value = op_tensor(call, "value"),
                          .mask = op_tensor(call, "attn_mask")};
    struct mil_type scores = a.query->type;
    uint32_t lead = scores.rank - 2;
    a.queries = (size_t)scores.dims[lead];
    a.width = (size_t)scores.dims[lead + 1];
    a.keys = (size_t)a.key->type.dims[lead];
    a.value_width = (size_t)a.value->type.dims[lead + 1];
    scores.dims[lead + 1] = a.key->type.dims[lead];
    struct walk walk = walk_of(&scores);
    if (a.mask) broadcast_strides(&a.mask->type, &scores, walk.stride[0]);
    walk.rank = lead;
    for (int i = 0; i < 2; i++) a.mask_steps[i] = walk.stride[0][lead + (uint32_t)i];
    pst_status status = op_floats_new(call, a.queries * a.keys, &a.scores);
    size_t index = 0;
    if (status) return status;
    do status = attend(call, &a, index++, walk.offset[0]);
    while (status == PST_OK && walk_next(&walk));
    free(a.scores);
    return status;
}

const struct op_row op_attention_rows[] = {
    {"scaled_dot_product_attention", 9, "query F, key F, value F, attn_mask? w", infer_attention,
     run_attention, 0, 0},
    {0},
};
