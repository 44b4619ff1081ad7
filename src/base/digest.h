/* digest.h - SHA-256 and SHA-1 of bytes as they come, by libcrypto. */
#ifndef PST_BASE_DIGEST_H
#define PST_BASE_DIGEST_H

#include <stddef.h>

#include "base/cancel.h"
#include "potstill.h"

enum digest_kind { DIGEST_SHA1, DIGEST_SHA256 };

enum { DIGEST_HEX_SIZE = 65 }; /* 64 hex digits and a NUL */

struct digest {
    void *context; /* NULL: not begun */
};

/* Starts, or starts again. Call digest_free() in any case. */
pst_status digest_begin(struct digest *digest, enum digest_kind kind, pst_error *err);
pst_status digest_add(struct digest *digest, const void *bytes, size_t length, pst_error *err);
/* Writes the hex digits of what was added. */
pst_status digest_end(struct digest *digest, char hex[DIGEST_HEX_SIZE], pst_error *err);
void digest_free(struct digest *digest);

/* The hex digits of the whole file `path`; a missing one is PST_ERR_MODEL. `cancel` may be
 * NULL. */
pst_status digest_file(enum digest_kind kind, const char *path, const struct cancel *cancel,
                       char hex[DIGEST_HEX_SIZE], pst_error *err);

#endif
