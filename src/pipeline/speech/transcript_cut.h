/* transcript_cut.h - a part of a transcript: some of its words, with what belongs to them. */
#ifndef PST_PIPELINE_TRANSCRIPT_CUT_H
#define PST_PIPELINE_TRANSCRIPT_CUT_H

#include "potstill.h"
#include "tokenizer/tokenizer.h"

/* Of a transcript with times of words, words [first, end) stay: text, tokens (between the start and
 * the end token), confidence and compression ratio become theirs. Means over the tokens stay those
 * of the whole. */
pst_status transcript_cut(const struct tokenizer *tokenizer, pst_transcript *transcript,
                          size_t first, size_t end, pst_error *err);
/* Forgets words that nobody asked for. */
void transcript_drop_words(pst_transcript *transcript);

#endif
