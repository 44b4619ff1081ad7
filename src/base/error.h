/* error.h - filling the caller's error record. */
#ifndef PST_BASE_ERROR_H
#define PST_BASE_ERROR_H

#include "potstill.h"

/* Records `code` and the formatted message in `err` (which may be NULL) and returns `code`, so that
 * a failing function ends in `return error_set(err, PST_ERR_..., "...", ...)`. Long messages are cut
 * at a whole UTF-8 character; control characters from hostile files become '?'. */
pst_status error_set(pst_error *err, pst_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "out of memory" with the number of bytes wanted; 0 when unknown. */
pst_status error_memory(pst_error *err, size_t bytes);

/* `doing` ("open", "read", ...), `path` and strerror(error_number) as PST_ERR_IO. */
pst_status error_system(pst_error *err, const char *doing, const char *path, int error_number);

#endif
