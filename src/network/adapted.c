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

const float *adapted_norm(const struct workspace *ws, const struct norm *norm) {
    const float *scale = adapted_weight(ws, norm->slot, norm->weight);
    for (size_t u = 0; u < ws->active_count; u++) {
        const struct effect *effect = &ws->active[u].effects[norm->slot];
        if (effect->norm_scale) scale = effect->norm_scale;
    }
    return scale;
}

const float *adapted_bias(const struct workspace *ws, uint32_t slot, const float *base) {
    for (size_t u = 0; u < ws->active_count; u++)
        if (ws->active[u].effects[slot].bias) base = ws->active[u].effects[slot].bias;
    return base;
}

/* gain [count] of outputs from `first` on. The norm of DoRA depends on the weight of the adapter:
 * |W + s D|^2 is a polynomial in s. IA3 is interpolated between 1 and its scale. */
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
                          const struct effect *effect, const struct adapted_outputs *o,
                          float *gains) {
    float *gain = gains, *shift = gains + o->outs;
    float s = (float)(effect->scale * active->weight);
    find_gains(active, effect, o->first_out, o->outs, gain);
    for (size_t j = 0; j < o->outs; j++) {
        float bias = o->bias && effect->magnitude ? o->bias[j] : 0;
        float added = effect->b_bias ? s * effect->b_bias[o->first_out + j] : 0;
        shift[j] = gain[j] * (added - bias) + bias;
    }
    for (size_t i = 0; i < o->rows; i++)
        ws->kernels->affine(o->y + i * o->y_stride, gain, shift, o->outs);
}

/* y = x wT over the outputs `o`, w [outs, in]. */
static struct matmul product(const struct adapted_outputs *o, const float *w) {
    return (struct matmul){
        .y = o->y,
        .x = o->x,
        .w = w,
        .y_stride = o->y_stride,
        .x_stride = o->x_stride,
        .w_stride = o->in,
        .m = o->rows,
        .n = o->outs,
        .k = o->in,
        .scale = 1.0f,
        .as_many = o->as_many,
    };
}

/* Outputs whose row of the weight is replaced: found in the sorted ids by bisection. */
static void replace_outputs(const struct workspace *ws, const struct effect *effect,
                            const struct adapted_outputs *o, float *panel) {
    uint32_t low = 0, high = effect->row_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (effect->row_ids[middle] < o->first_out)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < effect->row_count && effect->row_ids[low] < o->first_out + o->outs; low++) {
        struct matmul one = product(o, effect->rows + (size_t)low * o->in);
        one.y += effect->row_ids[low] - o->first_out;
        one.n = 1;
        ws->kernels->matmul(&one, panel);
    }
}

void adapted_apply(const struct workspace *ws, const struct adapted_outputs *o,
                   struct scratch *scratch) {
    const float *lora_a = o->lora_a;
    for (size_t u = 0; u < ws->active_count; u++) {
        const struct effect *effect = &ws->active[u].effects[o->slot];
        size_t rank = effect->rank;
        struct matmul add = product(o, NULL);
        add.scale = (float)(effect->scale * ws->active[u].weight);
        add.accumulate = 1;
        if (rank) {
            struct matmul lora_b = add;
            lora_b.x = lora_a;
            lora_b.w = effect->b + o->first_out * rank;
            lora_b.x_stride = lora_b.w_stride = lora_b.k = rank;
            ws->kernels->matmul(&lora_b, scratch->panel);
            lora_a += o->rows * rank;
        }
        if (effect->delta) {
            add.w = effect->delta + o->first_out * o->in;
            ws->kernels->matmul(&add, scratch->panel);
        }
        if (effect->out_scale || effect->b_bias)
            scale_outputs(ws, &ws->active[u], effect, o, scratch->gains);
        if (effect->rows) replace_outputs(ws, effect, o, scratch->panel);
    }
}

/* ------------------------------------------------------------------------------------ embedding */

static const float *find_row(const struct effect *effect, uint32_t token, size_t dim) {
    for (uint32_t r = 0; r < effect->row_count; r++)
        if (effect->row_ids[r] == token) return effect->rows + r * dim;
    return NULL;
}

static void change_row(const struct workspace *ws, const struct active *active,
                       const struct effect *effect, const struct linear *embed, uint32_t token,
                       float *row, struct scratch *scratch) {
    size_t dim = embed->in, rank = effect->rank;
    float s = (float)(effect->scale * active->weight), *column = scratch->lora_a;
    for (size_t r = 0; r < rank; r++) column[r] = effect->a[r * embed->out + token];
    struct adapted_outputs o = {.y = row,
                                .y_stride = dim,
                                .x = column,
                                .x_stride = rank,
                                .in = rank,
                                .rows = 1,
                                .outs = dim};
    struct matmul lora_b = product(&o, effect->b);
    lora_b.scale = s;
    lora_b.accumulate = 1;
    if (rank) ws->kernels->matmul(&lora_b, NULL);
    for (size_t i = 0; effect->delta && i < dim; i++) row[i] += s * effect->delta[token * dim + i];
    if (effect->out_scale) scale_outputs(ws, active, effect, &o, scratch->gains);
    const float *replaced = find_row(effect, token, dim);
    if (replaced) memcpy(row, replaced, dim * sizeof *row);
}

void adapted_embed(const struct workspace *ws, const struct linear *embed, uint32_t token,
                   float *row, struct scratch *scratch) {
    const float *weight = adapted_weight(ws, embed->slot, embed->weight);
    memcpy(row, weight + (size_t)token * embed->in, embed->in * sizeof *row);
    for (size_t u = 0; u < ws->active_count; u++)
        change_row(ws, &ws->active[u], &ws->active[u].effects[embed->slot], embed, token, row,
                   scratch);
}
