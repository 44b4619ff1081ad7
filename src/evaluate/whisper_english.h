/* whisper_english.h - text as Whisper's normaliser for English makes it. */
#ifndef PST_EVALUATE_WHISPER_ENGLISH_H
#define PST_EVALUATE_WHISPER_ENGLISH_H

#include <stddef.h>

#include "base/buffer.h"
#include "potstill.h"

/* Appends what EnglishTextNormalizer of whisper-normalizer makes of `text` [length]: lower case;
 * what stands in brackets, and sounds like "hmm", go; contractions and titles become words;
 * diacritics go, symbols become spaces; numbers and money become figures (number_words.h), British
 * spellings American. PST_ERR_INPUT with the byte when it is not UTF-8. */
pst_status whisper_english(struct buffer *normalized, const char *text, size_t length,
                           pst_error *err);

#endif
