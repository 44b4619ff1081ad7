/* ram_folder.c - see ram_folder.h. What fails here is no fault of a reader, but nothing can be
 * tried without it. */
#define _XOPEN_SOURCE 700 /* nftw() */
#include "ram_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 512 };

static char folder[64];

static void require(int holds, const char *what) {
    if (holds) return;
    perror(what);
    abort();
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void remove_folder(void) {
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *ram_folder(void) {
    if (folder[0]) return folder;
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/potstill-fuzz-XXXXXX", place);
    require(mkdtemp(folder) != NULL, folder);
    atexit(remove_folder);
    return folder;
}

const char *ram_folder_path(const char *name) {
    static char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/%s", ram_folder(), name);
    require(length < PATH_BYTES, name);
    return path;
}

static int open_new(const char *path) {
    char parent[PATH_BYTES];
    snprintf(parent, sizeof parent, "%s", path);
    for (char *slash = parent + strlen(folder) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        require(mkdir(parent, 0700) == 0 || errno == EEXIST, parent);
        *slash = '/';
    }
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
}

void ram_folder_write(const char *name, const void *data, size_t size) {
    const char *path = ram_folder_path(name);
    int fd = open(path, O_WRONLY | O_TRUNC);
    if (fd < 0) fd = open_new(path);
    require(fd >= 0, path);
    for (size_t done = 0; done < size;) {
        ssize_t written = write(fd, (const uint8_t *)data + done, size - done);
        require(written > 0, path);
        done += (size_t)written;
    }
    close(fd);
}

void ram_folder_remove(const char *name) {
    remove(ram_folder_path(name));
}
