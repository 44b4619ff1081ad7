/* same_transcript.h - two transcripts that must be one, to the bit. */
#ifndef PST_TESTS_SAME_TRANSCRIPT_H
#define PST_TESTS_SAME_TRANSCRIPT_H

#include <math.h>
#include <string.h>

#include "potstill.h"
#include "support/test.h"

static int same_number(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

static void assert_same(const pst_transcript *a, const pst_transcript *b) {
    assert_int_equal(a->token_count, b->token_count);
    assert_memory_equal(a->tokens, b->tokens, a->token_count * sizeof *a->tokens);
    assert_true(same_number(a->avg_logprob, b->avg_logprob));
    assert_true(a->margin == b->margin);
    assert_int_equal(a->truncated, b->truncated);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->word_count, b->word_count);
    for (size_t i = 0; i < a->word_count; i++) {
        assert_true(a->words[i].start == b->words[i].start && a->words[i].end == b->words[i].end);
        assert_true(same_number(a->words[i].probability, b->words[i].probability));
    }
}

#endif
