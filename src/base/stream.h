/* stream.h - a whole pipe, file or device in memory. */
#ifndef PST_BASE_STREAM_H
#define PST_BASE_STREAM_H

#include <stddef.h>

#include "base/buffer.h"
#include "potstill.h"

/* Reads `fd` to its end into `bytes`, which must be empty. More than `limit` bytes is
 * PST_ERR_INPUT, so an endless stream costs no more memory than that. `name` is used in
 * messages. */
pst_status stream_read(int fd, const char *name, size_t limit, struct buffer *bytes,
                       pst_error *err);

#endif
