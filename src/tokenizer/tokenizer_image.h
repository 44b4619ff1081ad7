/* tokenizer_image.h - a tokenizer as one block of bytes that is used where it lies.
 *
 * Reading a tokenizer.json takes 14 ms, most of it for two tables that are looked up by hash. An
 * image has them as they are in memory. It is not trusted for that: every number that is an index
 * is checked once, so that encoding and decoding may rely on it as on a parsed file. */
#ifndef PST_TOKENIZER_TOKENIZER_IMAGE_H
#define PST_TOKENIZER_TOKENIZER_IMAGE_H

#include <stddef.h>

#include "base/buffer.h"
#include "tokenizer/tokenizer.h"

/* Count up by one when the same files give another image. */
enum { TOKENIZER_IMAGE_VERSION = 1 };

/* Appends the image; check image->failed. */
void tokenizer_image_write(struct buffer *image, const struct tokenizer *tokenizer);
/* A tokenizer over bytes [size], 64-byte aligned, which must outlive it; NULL when they are not an
 * image or memory is short. */
struct tokenizer *tokenizer_image_read(const unsigned char *bytes, size_t size);

#endif
