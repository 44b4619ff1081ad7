/* normalize.h - text as the reference script compares it.
 *
 * What Python does in re.sub(r"[^\w\s]", "", text).lower().strip(): characters that are neither \w
 * nor white space go; the rest is lowered by the full mapping; white space goes from both ends.
 * Python 3.11 counts the characters of Unicode 14.0; whatever utf8proc's version, so does this. */
#ifndef PST_EVALUATE_NORMALIZE_H
#define PST_EVALUATE_NORMALIZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "potstill.h"

/* Python's str.isspace(), which is also its \s. */
int text_is_space(int32_t code_point);
/* Python's \w. */
int text_is_word(int32_t code_point);

/* Appends the normalised `text` [length]; PST_ERR_INPUT with the byte when it is not UTF-8. */
pst_status normalize_text(struct buffer *normalized, const char *text, size_t length,
                          pst_error *err);

#endif
