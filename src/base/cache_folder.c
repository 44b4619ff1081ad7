/* cache_folder.c - see cache_folder.h. */
#include "base/cache_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 86400 };

struct cached {
    char name[80];
    time_t used;
    uint64_t bytes;
};

struct listing {
    struct cached *files; /* [count] */
    size_t count, capacity;
};

int cache_folder_owns(const struct stat *st) {
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

void cache_folder_used(int fd, const struct stat *st) {
    time_t now = time(NULL);
    /* Also a time in the future, which would keep it forever. */
    if (now - st->st_mtime >= DAY || st->st_mtime > now) futimens(fd, NULL);
}

/* "<letters>-<hex digits>", or unfinished. The folder may be the user's own choice and hold other
 * things. */
static int is_ours(const char *name) {
    if (strncmp(name, CACHE_TEMPORARY, sizeof CACHE_TEMPORARY - 1) == 0)
        return strlen(name) == sizeof CACHE_TEMPORARY - 1 + 6;
    size_t letters = strspn(name, "abcdefghijklmnopqrstuvwxyz");
    if (letters == 0 || name[letters] != '-') return 0;
    const char *digits = name + letters + 1;
    size_t count = strspn(digits, "0123456789abcdef");
    return count == 32 && digits[count] == '\0' && letters < 32;
}

static int add(struct listing *listing, const char *name, const struct stat *st) {
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
        struct cached *files = realloc(listing->files, capacity * sizeof *files);
        if (!files) return 0;
        listing->files = files;
        listing->capacity = capacity;
    }
    struct cached *file = &listing->files[listing->count++];
    *file = (struct cached){.used = st->st_mtime, .bytes = (uint64_t)st->st_size};
    snprintf(file->name, sizeof file->name, "%s", name);
    return 1;
}

static int last_used_first(const void *a, const void *b) {
    const struct cached *left = a, *right = b;
    if (left->used != right->used) return left->used > right->used ? -1 : 1;
    return strcmp(left->name, right->name);
}

static void remove_some(int dir_fd, struct listing *listing, uint64_t bytes_max, int days) {
    time_t now = time(NULL);
    uint64_t bytes = 0;
    if (listing->count)
        qsort(listing->files, listing->count, sizeof *listing->files, last_used_first);
    for (size_t i = 0; i < listing->count; i++) {
        const struct cached *file = &listing->files[i];
        int unfinished = strncmp(file->name, CACHE_TEMPORARY, sizeof CACHE_TEMPORARY - 1) == 0;
        bytes += file->bytes;
        if (now - file->used > (unfinished ? 1 : days) * (time_t)DAY ||
            (bytes > bytes_max && !unfinished && i > 0))
            unlinkat(dir_fd, file->name, 0);
    }
}

void cache_folder_clean(const char *dir, uint64_t bytes_max, int days) {
    DIR *folder = opendir(dir);
    if (!folder) return;
    struct listing listing = {0};
    int complete = 1;
    for (struct dirent *entry; complete && (entry = readdir(folder));) {
        struct stat st;
        if (is_ours(entry->d_name) &&
            fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            cache_folder_owns(&st))
            complete = add(&listing, entry->d_name, &st);
    }
    if (complete) remove_some(dirfd(folder), &listing, bytes_max, days);
    free(listing.files);
    closedir(folder);
}
