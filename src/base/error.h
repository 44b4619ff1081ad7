/* error.h - filling the caller's error record. */
#ifndef PST_BASE_ERROR_H
#define PST_BASE_ERROR_H

#include <errno.h>
#include <string.h>

#include "potstill.h"

/* Records `code` and the formatted message in `err` (which may be NULL). Long messages are cut at a
 * whole UTF-8 character; control characters from hostile files become '?'. */
void error_record(pst_error *err, pst_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* These return the code that they are given: a failing function ends in `return error_set(err,
 * PST_ERR_..., "...", ...)`. They are macros, so that compilers and analysers see that the result
 * is not PST_OK. */
static inline pst_status error_status(pst_status code) {
    return code;
}
#define error_set(err, code, ...) (error_record((err), (code), __VA_ARGS__), error_status(code))

/* "out of memory" with the number of bytes wanted; 0 when unknown. */
#define error_memory(err, bytes) (error_record_memory((err), (bytes)), error_status(PST_ERR_MEMORY))
void error_record_memory(pst_error *err, size_t bytes);

/* `doing` ("open", "read", ...), `path` and strerror(error_number) as PST_ERR_IO, or PST_ERR_MEMORY
 * where the system has none. */
#define error_system(err, doing, path, error_number)                                               \
    error_set((err), (error_number) == ENOMEM ? PST_ERR_MEMORY : PST_ERR_IO, "%s: cannot %s: %s",  \
              (path), (doing), strerror(error_number))

#endif
