/* word_spans.h - the words of a transcript: where they lie in its text, and in its tokens. */
#ifndef PST_PIPELINE_WORD_SPANS_H
#define PST_PIPELINE_WORD_SPANS_H

#include "tokenizer/tokenizer.h"

struct word_span {
    size_t offset, length;      /* bytes of the text */
    size_t first_token, tokens; /* that it has a part of */
    double into_first;          /* how much of the first token is another word's; mostly 0 */
};

/* Finds the words of `transcript` and their tokens. `*spans` [`*count`] is malloc'ed. */
pst_status word_spans_find(const struct tokenizer *tokenizer, const pst_transcript *transcript,
                           struct word_span **spans, size_t *count, pst_error *err);

#endif
