/* attention.h - rotary positions, and attention of every frame to every frame. */
#ifndef PST_NETWORK_ATTENTION_H
#define PST_NETWORK_ATTENTION_H

#include "network/workspace.h"

/* Query rows of one head that one task handles: their scores against all frames stay in the cache
 * (96 rows of 1249 frames, 30 s of sound, are 480 KB) and a packed panel of keys serves them all. */
enum { ATTENTION_ROWS = 96 };

/* Fills ws->cos, ws->sin [positions, pairs] in float32, as the reference computes its angles. */
void rotary_tables(struct workspace *ws, size_t positions);

/* Rotates the first rotary channels of each head of q and k [rows, width], whose first row stands at
 * `position`. `same` != 0: all rows stand there (beams). */
void rotary_apply(const struct workspace *ws, float *q, float *k, size_t rows, size_t position,
                  int same);

/* ws->mixed = softmax(q kT / sqrt(head_dim)) v over ws->q, ws->k, ws->v [frames, width]. */
void attention_full(struct workspace *ws);

#endif
