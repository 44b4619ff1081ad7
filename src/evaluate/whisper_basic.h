/* whisper_basic.h - text as Whisper's normaliser for any language makes it. */
#ifndef PST_EVALUATE_WHISPER_BASIC_H
#define PST_EVALUATE_WHISPER_BASIC_H

#include <stddef.h>

#include "base/buffer.h"
#include "potstill.h"

/* Appends what BasicTextNormalizer of whisper-normalizer makes of `text` [length]: lower case;
 * what stands in <>, [] and () goes; then NFKC, and every mark, symbol and punctuation a space;
 * runs of white space become one. PST_ERR_INPUT with the byte when it is not UTF-8. */
pst_status whisper_basic(struct buffer *normalized, const char *text, size_t length,
                         pst_error *err);

/* The beginning of it: appends `text` [length] in lower case, without what stands in brackets. */
pst_status whisper_lower_outside(struct buffer *out, const char *text, size_t length,
                                 pst_error *err);

#endif
