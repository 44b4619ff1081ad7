/* child.h - another program whose output is read as it comes. */
#ifndef PST_AUDIO_CHILD_H
#define PST_AUDIO_CHILD_H

#include <stddef.h>
#include <sys/types.h>

#include "potstill.h"

/* Of what it says on standard error the end is kept: the reason is there. */
enum { CHILD_SAID_MAX = 2048 };

struct child {
    pid_t pid;    /* 0: not running */
    int out, err; /* pipes; -1: closed */
    int limit_ms; /* silence that is waited for, while there is nothing to read */
    int status;   /* as of waitpid(), once it has ended */
    char said[CHILD_SAID_MAX + 1];
    size_t said_length;
};

/* Starts the program argv[0], a path, without a shell: its standard input is `in`; -1: empty. */
pst_status child_start(struct child *child, char *const argv[], int in, int limit_ms,
                       pst_error *err);
/* Waits for bytes; `*got` is 0 when there are no more. PST_ERR_INPUT: none came for too long. */
pst_status child_read(struct child *child, void *bytes, size_t capacity, size_t *got,
                      pst_error *err);
/* Waits until it has ended, as long as for bytes; then, or when that takes too long, it is killed.
 * 1: it has ended by itself, without an error. */
int child_end(struct child *child);
/* Ends it at once; harmless when it has ended. */
void child_kill(struct child *child);

#endif
