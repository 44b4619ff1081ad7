/* cancel_at.h - a caller that asks to stop at the n-th time that it is asked, and from then on. */
#ifndef TESTS_CANCEL_AT_H
#define TESTS_CANCEL_AT_H

#include <dirent.h>
#include <stdatomic.h>
#include <string.h>

struct cancel_at {
    long limit; /* asked so often, it says no; -1: it never stops the work */
    atomic_long asked;
};

static inline int cancel_at(void *user) {
    struct cancel_at *at = user;
    long before = atomic_fetch_add(&at->asked, 1);
    return at->limit >= 0 && before >= at->limit;
}

/* Names in `folder` that begin with `start`. */
static inline size_t names_with(const char *folder, const char *start) {
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += strncmp(entry->d_name, start, strlen(start)) == 0;
    if (dir) closedir(dir);
    return count;
}

#endif
