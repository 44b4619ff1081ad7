/* lower.h - texts as code points, and Python's str.lower() of them. */
#ifndef PST_EVALUATE_LOWER_H
#define PST_EVALUATE_LOWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "potstill.h"

/* The code points of `text` [length]: `*points` [*count], malloc'ed. PST_ERR_INPUT with the byte
 * when it is not UTF-8. */
pst_status text_points(const char *text, size_t length, int32_t **points, size_t *count,
                       pst_error *err);
void text_append_point(struct buffer *text, int32_t code_point);
/* Appends `points` [count] in lower case, by the full mapping: a capital sigma at the end of a word
 * becomes a final one. */
void text_append_lower(struct buffer *text, const int32_t *points, size_t count);

#endif
