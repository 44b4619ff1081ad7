/* attention.h - rotary positions, and attention of every frame to every frame. */
#ifndef PST_NETWORK_ATTENTION_H
#define PST_NETWORK_ATTENTION_H

#include "network/workspace.h"

/* Fills ws->cos, ws->sin [positions, pairs] in float32, as the reference computes its angles. */
void rotary_tables(struct workspace *ws, size_t positions);

/* Rotates the first rotary channels of each head of q and k [rows, width], whose first row stands at
 * `position`. `same` != 0: all rows stand there (beams). */
void rotary_apply(const struct workspace *ws, float *q, float *k, size_t rows, size_t position,
                  int same);

/* Rows [first, last) of ws->q become softmax(q kT / sqrt(head_dim)) v over keys and values k, v [frames,
 * width]; `scratch` as for attend_rows(). */
void attention_rows(struct workspace *ws, const float *k, const float *v, size_t first, size_t last,
                    float *scratch);

#endif
