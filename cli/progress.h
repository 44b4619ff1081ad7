/* progress.h - one line at the foot of a terminal that says how far a long job is.
 *
 * It exists only when standard error is a terminal and there is more than one thing to do, or one
 * that takes long. Clear it before printing a line. */
#ifndef POTSTILL_CLI_PROGRESS_H
#define POTSTILL_CLI_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

/* Item `index` (from 0) of `total` has begun. */
void progress_show(size_t index, size_t total, const char *name);
/* `received` of `total` bytes have come, now those of `name`. Time runs from the first call. */
void progress_transfer(const char *name, uint64_t received, uint64_t total);
void progress_clear(void);

#endif
