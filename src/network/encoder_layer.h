/* encoder_layer.h - a pre-norm transformer layer of the encoder, over some rows:
 *
 *   h += o_proj(attention(rotate(q), rotate(k), v)),  q, k, v from layer_norm(h)
 *   h += fc2(gelu(fc1(layer_norm(h))))
 *
 * In the first family every frame attends to every frame. In the streaming family it attends to the
 * frames in the window of the layer, and nothing is rotated: the cost is linear in the clip.
 *
 * What a row becomes depends on itself and the keys it attends to, never on the rows beside it. So
 * a clip may be taken in any blocks, and a stream frame by frame, with the same bits. */
#ifndef PST_NETWORK_ENCODER_LAYER_H
#define PST_NETWORK_ENCODER_LAYER_H

#include "network/attention.h"

/* The rows of a block; block.first is the frame that the first of them is. */
struct layer_rows {
    float *hidden; /* [rows, encoder_dim]: the residual stream */
    float *query;  /* [rows, encoder_width], then the context in its place */
};

/* Up to the query, and k, v [rows, key-value width]. */
void encoder_layer_start(const struct block *b, uint32_t layer, const struct layer_rows *rows,
                         float *k, float *v);
/* From attention on, to keys that reach as far as the rows attend; rows->hidden is what the next
 * layer starts from. */
void encoder_layer_finish(const struct block *b, uint32_t layer, const struct layer_rows *rows,
                          const struct layer_keys *keys);

#endif
