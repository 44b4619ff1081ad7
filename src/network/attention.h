/* attention.h - rotary positions, and attention of every frame to every frame.
 *
 * This is the encoder's; a step of the decoder attends in decoder.c. Scores, soft-max and the sum
 * over values are one kernel, attend_rows() of kernels.h, so that scores are never written out. */
#ifndef PST_NETWORK_ATTENTION_H
#define PST_NETWORK_ATTENTION_H

#include "network/block.h"

/* Fills ws->cos, ws->sin [positions, pairs]. */
void rotary_tables(struct workspace *ws, size_t positions);

/* Rotates the rotary channels of each head of x [rows, width] by the frame that the row is. */
void rotate_rows(const struct block *b, float *x);

/* Keys and values of frames [first, end) of a layer. */
struct layer_keys {
    const float *k, *v; /* [end - first, key-value width] */
    size_t first, end;
};

/* q [rows, width] becomes the context softmax(q kT / sqrt(head_dim)) v, head by head, over all
 * keys. */
void attention_rows(const struct block *b, float *q, const struct layer_keys *keys);

/* The same over the frames in the window of each row, as far as there are any. Neighbouring heads
 * of q share a head of the keys. */
void attention_window(const struct block *b, float *q, const struct layer_keys *keys,
                      struct window window);

#endif
