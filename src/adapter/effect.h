/* effect.h - what an adapter does to one module, whatever method made it.
 *
 * Methods differ in how they store a change, but every change comes to the same few tensors beside
 * the base weight. Adapter files are read into effects; the network applies them unmerged, and
 * adapter_merge_module() folds them into a weight. With * meaning "output by output", W and bias
 * the base's unless replaced, and s the scale times the weight that the user gave the adapter:
 *
 *     y = W (x * in_scale) + bias
 *     y = out_scale * (y - bias + s (B A x + b_bias)) + bias       DoRA
 *     y = out_scale * (y + s (B A x + b_bias + delta x))           else
 *
 * Outputs that belong to a replaced row are that row of x alone. An embedding looks
 * up W[t, :] where a linear layer multiplies, and its A x is column t of A. NULL
 * means "does not take part". */
#ifndef PST_ADAPTER_EFFECT_H
#define PST_ADAPTER_EFFECT_H

#include <stdint.h>

struct effect {
    /* What replaces the base's own: modules_to_save, bias, embeddings stored whole. A convolution
     * is in the order of the network, [out, kernel, in], here and in `a` and `delta`. */
    const float *weight;     /* the module's shape */
    const float *norm_scale; /* [out]: weight + 1, of a norm whose tensor is less by 1 */
    const float *bias;       /* [out] */
    const float *rows;       /* [row_count, in]: single rows of the weight */
    const uint32_t *row_ids; /* [row_count] ascending */
    uint32_t row_count;

    /* What is added. */
    uint32_t rank;       /* 0: no a, b */
    const float *a;      /* [rank, kernel * in]; of an embedding [rank, vocab] */
    const float *b;      /* [out, rank]; of an embedding [dim, rank] */
    const float *b_bias; /* [out] */
    const float *delta;  /* [out, kernel * in]; of an embedding [vocab, dim] */
    double scale;        /* of all that is added; the network rounds it once, as torch does */

    /* What is multiplied. */
    const float *out_scale; /* [out], or [dim]; with DoRA magnitude / norm at weight 1 */
    const float *magnitude; /* [out], or [dim]: DoRA */
    const double *norms;   /* [out, 3], or [dim, 3]: |W|^2, W . D, |D|^2 by output, D = delta / s */
    const float *in_scale; /* [in] */

    /* Merged in float32, as its maker does, not in double; of a linear layer's a and b alone. */
    int merged_in_float;
    /* Low-rank parts that undo a change of the base (PiSSA, OLoRA, KaSA) depend on its weight. */
    int corrects_base;
    /* The whole change was computed from the base's weight: a rotation, a product with it. */
    int from_base;
};

static inline int effect_changes(const struct effect *effect) {
    return effect->weight || effect->bias || effect->row_count || effect->rank || effect->delta ||
           effect->b_bias || effect->out_scale || effect->in_scale;
}

/* The rank as stored: a correction of the base doubles it. */
static inline uint32_t effect_rank(const struct effect *effect) {
    return effect->corrects_base ? effect->rank / 2 : effect->rank;
}

#endif
