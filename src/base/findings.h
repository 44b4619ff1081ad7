/* findings.h - what a check finds in a folder, each thing reported once under its file.
 *
 * Readers overlap, so one fault is met several times; and a hostile file can have as many faults as
 * it has bytes, so after FINDINGS_MAX they are only counted. */
#ifndef PST_BASE_FINDINGS_H
#define PST_BASE_FINDINGS_H

#include "base/buffer.h"
#include "potstill_tools.h"

struct findings {
    const char *dir;                                        /* the folder that is checked */
    void (*report)(void *user, const pst_finding *finding); /* NULL: counted only */
    void *user;
    uint32_t problems, warnings;
    uint32_t files, tensors; /* looked at */
    /* Every finding so far, each ended by NUL. `failed` is also set when memory ran out elsewhere:
     * the findings may then be wrong. */
    struct buffer seen;
};

/* Reports `message`. A path of the folder that it begins with becomes the finding's file; `file`
 * ("" for the folder) counts when there is none. */
void findings_add(struct findings *findings, pst_severity severity, const char *file,
                  const char *message);
void findings_addf(struct findings *findings, pst_severity severity, const char *file,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What a reader returned, with its error `found`: a problem of `file` when it says something about
 * the files, else the status itself, because the check cannot go on without memory. */
pst_status findings_check(struct findings *findings, pst_status status, const char *file,
                          const pst_error *found, pst_error *err);

#endif
