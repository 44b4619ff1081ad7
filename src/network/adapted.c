/* adapted.c - see adapted.h. */
#include "network/adapted.h"

#include <math.h>
#include <string.h>

enum adapted adapted_by(const struct workspace *ws, uint32_t slot) {
    enum adapted adapted = ADAPTED_NOT;
    for (size_t u = 0; u < ws->active_count; u++) {
        const struct effect *effect = &ws->active[u].effects[slot];
        if (effect->out_scale || effect->b_bias) return ADAPTED_SCALES;
        if (effect_changes(effect)) adapted = ADAPTED_ADDS;
    }
    return adapted;
}

const float *adapted_weight(const struct workspace *ws, uint32_t slot, const float *base) {
    for (size_t u = 0; u < ws->active_count; u++)
        if (ws->active[u].effects[slot].weight) base = ws->active[u].effects[slot].weight;
    return base;
}

const float *adapted_bias(const struct workspace *ws, uint32_t slot, const float *base) {
    for (size_t u = 0; u < ws->active_count; u++)
        if (ws->active[u].effects[slot].bias) base = ws->active[u].effects[slot].bias;
    return base;
}

/* gain [count] of outputs from `first` on. The norm of DoRA depends on the weight of the adapter:
 * |W + s D|^2 is a polynomial in s. IA3 goes a part of the way. */
static void find_gains(const struct active *active, const struct effect *effect, size_t first,
                       size_t count, float *gain) {
    const double s = effect->scale * active->weight;
    for (size_t j = 0; j < count; j++) {
        const double *norms = effect->norms ? effect->norms + (first + j) * 3 : NULL;
        if (!effect->out_scale)
            gain[j] = 1.0f;
        else if (active->weight == 1)
            gain[j] = effect->out_scale[first + j];
        else if (norms)
            gain[j] = (float)(effect->magnitude[first + j] /
                              sqrt(norms[0] + s * (2 * norms[1] + s * norms[2])));
        else
            gain[j] = (float)(1 + active->weight * (effect->out_scale[first + j] - 1.0));
    }
}

/* y = gain * (y - bias + s b_bias) + bias; IA3 scales the bias too. */
static void scale_outputs(const struct workspace *ws, const struct active *active,
                          const struct effect *effect, const struct adapted_block *block,
                          float *room) {
    float *gain = room, *shift = room + block->outs;
    float s = (float)(effect->scale * active->weight);
    find_gains(active, effect, block->first_out, block->outs, gain);
    for (size_t j = 0; j < block->outs; j++) {
        float bias = block->bias && effect->magnitude ? block->bias[j] : 0;
        float added = effect->b_bias ? s * effect->b_bias[block->first_out + j] : 0;
        shift[j] = gain[j] * (added - bias) + bias;
    }
    for (size_t i = 0; i < block->rows; i++)
        ws->kernels->affine(block->y + i * block->y_stride, gain, shift, block->outs);
}

/* Outputs whose row of the weight is replaced: found in the sorted ids by halving. */
static void replace_outputs(const struct workspace *ws, const struct effect *effect,
                            const struct adapted_block *block, float *scratch) {
    uint32_t low = 0, high = effect->row_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (effect->row_ids[middle] < block->first_out)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < effect->row_count && effect->row_ids[low] < block->first_out + block->outs; low++)
        ws->kernels->matmul(
            &(struct matmul){.y = block->y + effect->row_ids[low] - block->first_out,
                             .x = block->x,
                             .w = effect->rows + (size_t)low * block->in,
                             .y_stride = block->y_stride,
                             .x_stride = block->x_stride,
                             .w_stride = block->in,
                             .m = block->rows,
                             .n = 1,
                             .k = block->in,
                             .scale = 1.0f},
            scratch);
}

void adapted_apply(const struct workspace *ws, const struct adapted_block *block, float *scratch,
                   float *room) {
    const float *inner = block->inner;
    for (size_t u = 0; u < ws->active_count; u++) {
        const struct effect *effect = &ws->active[u].effects[block->slot];
        size_t rank = effect->rank;
        struct matmul matmul = {
            .y = block->y,
            .y_stride = block->y_stride,
            .m = block->rows,
            .n = block->outs,
            .scale = (float)(effect->scale * ws->active[u].weight),
            .accumulate = 1,
        };
        if (rank) {
            matmul.x = inner + block->first_row * rank;
            matmul.w = effect->b + block->first_out * rank;
            matmul.x_stride = matmul.w_stride = matmul.k = rank;
            ws->kernels->matmul(&matmul, scratch);
            inner += block->all_rows * rank;
        }
        if (effect->delta) {
            matmul.x = block->x;
            matmul.w = effect->delta + block->first_out * block->in;
            matmul.x_stride = block->x_stride;
            matmul.w_stride = matmul.k = block->in;
            ws->kernels->matmul(&matmul, scratch);
        }
        if (effect->out_scale || effect->b_bias)
            scale_outputs(ws, &ws->active[u], effect, block, room);
        if (effect->rows) replace_outputs(ws, effect, block, scratch);
    }
}

/* ------------------------------------------------------------------------------------ embedding */

static const float *find_row(const struct effect *effect, uint32_t token, size_t dim) {
    for (uint32_t r = 0; r < effect->row_count; r++)
        if (effect->row_ids[r] == token) return effect->rows + r * dim;
    return NULL;
}

static void change_row(const struct workspace *ws, const struct active *active,
                       const struct effect *effect, uint32_t token, float *row) {
    size_t dim = ws->model->config.dim, vocab = ws->model->config.vocab, rank = effect->rank;
    struct adapted_block block = {.y = row, .y_stride = dim, .rows = 1, .outs = dim};
    float s = (float)(effect->scale * active->weight), *column = ws->lora_inner;
    for (size_t r = 0; r < rank; r++) column[r] = effect->a[r * vocab + token];
    struct matmul matmul = {.y = row,
                            .x = column,
                            .w = effect->b,
                            .y_stride = dim,
                            .x_stride = rank,
                            .w_stride = rank,
                            .m = 1,
                            .n = dim,
                            .k = rank,
                            .scale = s,
                            .accumulate = 1};
    if (rank) ws->kernels->matmul(&matmul, NULL);
    for (size_t i = 0; effect->delta && i < dim; i++) row[i] += s * effect->delta[token * dim + i];
    if (effect->out_scale) scale_outputs(ws, active, effect, &block, ws->embed_room);
    const float *replaced = find_row(effect, token, dim);
    if (replaced) memcpy(row, replaced, dim * sizeof *row);
}

void adapted_embed(const struct workspace *ws, uint32_t token, float *row) {
    const struct linear *embed = &ws->model->weights.embed_tokens;
    const float *weight = adapted_weight(ws, embed->slot, embed->weight);
    memcpy(row, weight + (size_t)token * embed->in, embed->in * sizeof *row);
    for (size_t u = 0; u < ws->active_count; u++)
        change_row(ws, &ws->active[u], &ws->active[u].effects[embed->slot], token, row);
}
