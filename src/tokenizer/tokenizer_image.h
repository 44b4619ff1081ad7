/* tokenizer_image.h - a tokenizer as one block of bytes that is used where it lies.
 *
 * Reading a tokenizer.json takes 14 ms, most of it for two tables that are looked up by hash. In an image
 * they are as they are in memory. All the same nothing in one is believed: every number that is an index
 * is checked once, so that what encodes and decodes later may rely on it as on a parsed file. */
#ifndef PST_TOKENIZER_TOKENIZER_IMAGE_H
#define PST_TOKENIZER_TOKENIZER_IMAGE_H

#include <stddef.h>

#include "base/buffer.h"
#include "tokenizer/tokenizer.h"

/* Count one up when the same files come to give another image. */
enum { TOKENIZER_IMAGE_VERSION = 1 };

/* Appends the image; check image->failed. */
void tokenizer_image_write(struct buffer *image, const struct tokenizer *tokenizer);
/* A tokenizer over bytes [size], 64-byte aligned, which must outlive it; NULL when they are no image or
 * memory is short. */
struct tokenizer *tokenizer_image_read(const unsigned char *bytes, size_t size);

#endif
