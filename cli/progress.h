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
/* `done` seconds of sound of the item are transcribed, of `total`; 0: not known. Time runs from its
 * progress_show(). */
void progress_sound(size_t index, size_t count, const char *name, double done, double total);
/* Whether a line of standard output is begun and not ended: on a terminal progress is below it. */
void progress_within_line(int within);
/* `received` of `total` bytes have come, now those of `name`. Time runs from the first call. */
void progress_transfer(const char *name, uint64_t received, uint64_t total);
void progress_clear(void);
/* The same before a line of standard error: a line that is begun on the same screen ends. */
void progress_break(void);

#endif
