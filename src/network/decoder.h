/* decoder.h - one token a row in, one row of what logits are made of out (logits.h).
 *
 * Each layer attends twice: to the tokens so far (self-attention, whose cache grows by a row a
 * token) and to the memory (cross-attention, see cross_kv.h). Nothing here chooses the next
 * token. */
#ifndef PST_NETWORK_DECODER_H
#define PST_NETWORK_DECODER_H

#include "network/workspace.h"

/* A step of one of several texts. */
struct text_step {
    size_t text; /* whose cache it is */
    int32_t token;
    size_t position;
};

/* One step at `position` (0 for the start token): tokens [rows], rows <= extent.beams, to
 * ws->step.normed [rows, dim]. */
void decoder_step(struct workspace *ws, const int32_t *tokens, size_t rows, size_t position);

/* Tokens [count] of one text at `position` and on in one pass over the weights; count <=
 * extent.ahead, extent.beams may be any. Row i is to the bit what a step of tokens[i] alone makes,
 * after steps of those before it. A step at a position that was taken before takes the place of
 * what was there. */
void decoder_step_ahead(struct workspace *ws, const int32_t *tokens, size_t count, size_t position);

/* Of several texts [count <= extent.ahead], each encoded to its cache with extent.beams 1, in one
 * pass over the weights. Row i is to the bit what a step of steps[i] alone makes. */
void decoder_step_texts(struct workspace *ws, const struct text_step *steps, size_t count);

/* Row i goes on from what was row parents[i] before the last step: [rows] each. `position` is that
 * of the next step. Cached keys and values stay where they are; only the lists of where they are
 * move. */
void decoder_reorder(struct workspace *ws, const int *parents, size_t rows, size_t position);

#endif
