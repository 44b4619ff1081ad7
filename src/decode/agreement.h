/* agreement.h - which tokens of a growing text stand: those that two decodings in a row agree on.
 *
 * The end of a text is decoded again as more is heard. What the decoding before and this one both
 * begin with is committed, and every later one goes on from it: it is never taken back. */
#ifndef PST_DECODE_AGREEMENT_H
#define PST_DECODE_AGREEMENT_H

#include "potstill.h"

struct agreement {
    int32_t *tokens; /* [count] of the last decoding, start token first, no end token */
    size_t count, committed;
    size_t room;
};

/* For texts of at most `room` tokens. agreement_free() in any case. */
pst_status agreement_init(struct agreement *agreement, size_t room, pst_error *err);
void agreement_free(struct agreement *agreement);

/* A new text begins with the token `start`, which is committed. */
void agreement_begin(struct agreement *agreement, int32_t start);
/* The next decoding: tokens [count], the first of which are the committed ones. */
void agreement_add(struct agreement *agreement, const int32_t *tokens, size_t count);

#endif
