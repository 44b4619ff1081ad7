/* content_digest.h - the SHA-256 of a file, computed once for each of its states. */
#ifndef PST_BASE_CONTENT_DIGEST_H
#define PST_BASE_CONTENT_DIGEST_H

#include "base/digest.h"
#include "base/file_view.h"

/* The hex digits for the file `path` in the state `stamp`; 0 when it is no longer in that state or
 * cannot be read. They are kept in `cache_dir` under the real path and the stamp, unless the file
 * changed less than CONTENT_SETTLED_MS ago: a file that is written twice within a tick of the clock
 * may have one stamp for two contents, a case that git knows as well. */
int content_digest(const char *path, const struct file_stamp *stamp, const char *cache_dir,
                   char hex[DIGEST_HEX_SIZE]);

enum { CONTENT_SETTLED_MS = 2000 }; /* FAT counts in steps of two seconds */

#endif
