/* rules.h - what generate() lets a caller forbid, force or favour, as changes to a row of scores.
 *
 * The rules act on logits in greedy search and on log-probabilities in beam search, in the order in
 * which transformers applies its processors. */
#ifndef PST_DECODE_RULES_H
#define PST_DECODE_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "potstill.h"

/* More beams than anyone uses; keeps rows * vocab and the candidate lists small. */
enum { BEAMS_MAX = 64 };

/* The tokens that end a text: one, in most models. */
enum { ENDS_MAX = 15 };
struct end_tokens {
    int32_t ids[ENDS_MAX]; /* [count] */
    uint32_t count;
};

static inline int is_end_token(const struct end_tokens *ends, int32_t token) {
    for (uint32_t i = 0; i < ends->count; i++)
        if (ends->ids[i] == token) return 1;
    return 0;
}

struct rules {
    const pst_decode_options *options;
    size_t vocab;
    size_t max_length; /* tokens, start token included */
    size_t ahead;      /* tokens of one text that a step may take; 0: as 1 */
    struct end_tokens ends;
};

/* Fails with the name of the first option that transformers or this model would not take. */
pst_status rules_check(const pst_decode_options *options, size_t vocab, pst_error *err);

/* Do they ask for nothing but the most likely token each time? */
int rules_are_plain(const pst_decode_options *options);

/* May rules_apply() change anything at the token that follows `count`? */
int rules_act(const struct rules *rules, size_t count);

/* scores [vocab] of the token that follows ids [count]; `kept` [count] is scratch. */
void rules_apply(const struct rules *rules, float *scores, const int32_t *ids, size_t count,
                 float *kept);

#endif
