/* drafts.h - guesses of how a text goes on, from texts that are likely to be said.
 *
 * A step of the decoder that takes several tokens of one text costs little more than one of a
 * single token: it reads the same weights. So tokens that may come are tried along, and those that
 * the search would have chosen are kept (greedy.c). A guess is never part of the result by itself,
 * so a bad one costs time and nothing else. */
#ifndef PST_DECODE_DRAFTS_H
#define PST_DECODE_DRAFTS_H

#include "decode/rules.h"

/* tokens [count] are a text so far, with room for `most` more. Looks through the texts of `rules`,
 * and what is said already, for places behind the same tokens; what stands at the best place is put
 * behind the text. Returns how many that are: the more has matched, the more. No end token is among
 * them. */
size_t drafts_propose(const struct rules *rules, int32_t *tokens, size_t count, size_t most);

#endif
