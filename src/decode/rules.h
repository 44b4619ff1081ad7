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

struct rules {
    const pst_decode_options *options;
    size_t vocab;
    size_t max_length; /* tokens, start token included */
    int32_t eos_token_id;
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
