/* replace_file.c - see replace_file.h. Whoever writes a temporary file holds a lock on it (flock),
 * which ends with the process: so what a killed one left can be told from what is being written. */
/* flock(): POSIX locks are let go by any close of the file. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "replace_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "console.h"

#define MARK ".tmp-"
enum { DIGITS = 16 };

/* Names tried before giving up. */
enum { ATTEMPTS = 100 };

/* Is `path` still what `fd` is open on? */
static int is_there(const char *path, int fd) {
    struct stat named, opened;
    return lstat(path, &named) == 0 && fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

/* Removes the file `path` if nobody holds it. */
static void remove_dead(const char *path) {
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_there(path, fd)) unlink(path);
    close(fd);
}

static void remove_all_dead(const char *output) {
    const char *slash = strrchr(output, '/'), *base = slash ? slash + 1 : output;
    char *folder = text_format("%.*s", (int)(base - output), output);
    char *start = text_format("%s" MARK, base);
    size_t length = strlen(start);
    DIR *dir = opendir(*folder ? folder : ".");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *digits = entry->d_name + length;
        if (strncmp(entry->d_name, start, length) != 0 || strlen(digits) != DIGITS ||
            strspn(digits, "0123456789abcdef") != DIGITS)
            continue;
        char *path = text_format("%s%s", folder, entry->d_name);
        remove_dead(path);
        free(path);
    }
    if (dir) closedir(dir);
    free(start);
    free(folder);
}

/* A new file with a name of its own in `*name`; -1 with errno set. O_EXCL follows no link. The name
 * need not be secret, only seldom met: the clock and the process id are enough. */
static int create_aside(const char *path, char **name) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        *name =
            text_format("%s" MARK "%08lx%08lx", path, ((unsigned long)getpid() + i) & 0xffffffff,
                        (unsigned long)now.tv_nsec & 0xffffffff);
        int fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd >= 0) {
            int held = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
            if (held && is_there(*name, fd)) return fd;
            close(fd); /* taken for dead before it was locked */
            errno = EEXIST;
        }
        int error_number = errno;
        free(*name);
        *name = NULL;
        errno = error_number;
        if (error_number != EEXIST) break;
    }
    return -1;
}

static int write_all(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(fd, text, length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        text += written;
        length -= (size_t)written;
    }
    return 0;
}

int replace_file(const char *path, const char *text, size_t length) {
    char *name = NULL;
    remove_all_dead(path);
    int fd = create_aside(path, &name);
    if (fd < 0) return errno;
    int error_number = write_all(fd, text, length);
    /* Some file systems have no fsync(). */
    if (!error_number && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        error_number = errno;
    if (!error_number && rename(name, path) != 0) error_number = errno;
    if (error_number) unlink(name);
    if (close(fd) != 0 && !error_number) error_number = errno; /* where it is said late */
    free(name);
    return error_number;
}

int write_in_place(const char *path, const char *text, size_t length) {
    int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error_number = write_all(fd, text, length);
    if (close(fd) != 0 && !error_number) error_number = errno;
    return error_number;
}
