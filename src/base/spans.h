/* spans.h - who did what when: stretches of work by thread, for profiles and traces.
 *
 * Each thread of a pool writes to a list of its own, so nothing is locked. Everything takes NULL
 * for "nobody is watching", which costs a comparison. */
#ifndef PST_BASE_SPANS_H
#define PST_BASE_SPANS_H

#include <stddef.h>
#include <stdint.h>

#include "potstill_tools.h"

struct spans;

/* Lists for `threads`; empty. */
pst_status spans_new(struct spans **spans, unsigned threads, pst_error *err);
void spans_free(struct spans *spans);
void spans_clear(struct spans *spans);

/* Nanoseconds of a clock that only goes forward; 0 when spans is NULL. */
uint64_t spans_start(const struct spans *spans);
/* Adds work of `stage` called `name` (a string that lives as long as the program) on `thread` since
 * `start`. Without memory the span is counted as lost. */
void spans_end(struct spans *spans, unsigned thread, pst_stage stage, const char *name,
               uint64_t start);

/* All lists one after another, each in the order of ending: [*count], valid until the next change.
 * NULL when there is no memory for it. */
const pst_span *spans_all(struct spans *spans, size_t *count, size_t *lost);

#endif
