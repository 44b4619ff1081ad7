/* word_confidence.h - how likely a word is right, by the probabilities of its tokens.
 *
 * The least sure of its tokens decides: one wrong token makes a wrong word. Tokens of punctuation
 * do not count, as they do not make one. That this number is how often such words are right was
 * measured (docs/TIMES.md); nothing is fitted. */
#ifndef PST_PIPELINE_WORD_CONFIDENCE_H
#define PST_PIPELINE_WORD_CONFIDENCE_H

#include "tokenizer/tokenizer.h"

/* Of a word of tokens [count] with these log-probabilities; NaN where those are. */
double word_confidence(const struct tokenizer *tokenizer, const int32_t *tokens,
                       const float *logprobs, size_t count);
/* Of a text: the share of its words that should be right. NaN without words. */
double text_confidence(const pst_word *words, size_t count);

#endif
