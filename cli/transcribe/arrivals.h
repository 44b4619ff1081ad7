/* arrivals.h - the recordings that arrive in a folder, each once, when it is whole.
 *
 * A file is whole when nobody writes to it and it has not changed for a while. Linux tells who
 * writes (inotify); elsewhere the folder is looked at again and again. */
#ifndef POTSTILL_CLI_ARRIVALS_H
#define POTSTILL_CLI_ARRIVALS_H

#include <sys/stat.h>

#include "transcribe/inputs.h"

struct arrival;

struct arrivals {
    const char *folder;
    int notes;             /* of the system; -1: it has none */
    struct arrival *files; /* [count] those seen, the first [sorted] by name */
    size_t count, sorted;
};

/* 0, or an exit code with the reason printed. arrivals_close() in any case. */
int arrivals_open(struct arrivals *arrivals, const char *folder);
/* Waits until there are files that are whole and of which `is_done` gives 0, and makes them the
 * list of `inputs`: of files with one stem, one. 0, or an exit code with the reason printed. */
int arrivals_wait(struct arrivals *arrivals, struct inputs *inputs,
                  int (*is_done)(void *user, const char *path, const struct stat *st), void *user);
void arrivals_close(struct arrivals *arrivals);

#endif
