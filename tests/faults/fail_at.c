/* fail_at.c - a library to preload: the N-th call that changes a file fails, writes short, or is
 * the last thing that the process does.
 *
 *   FAIL_AT=N FAIL_HOW=enospc|eio|short|kill|count FAIL_LOG=F LD_PRELOAD=... potstill ...
 *
 * Calls are counted over the process, in the order they come; `count` changes nothing. How many
 * there were is written to F at the end of the process, and the name of the call that failed. Only
 * calls that create, write, name or remove are counted: what a reader does has tests of its own. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long at;
static const char *how = "count";
static char failed[64] = "nothing";

/* Before main(), and never through the calls that are replaced here. */
__attribute__((constructor)) static void begin(void) {
    const char *number = getenv("FAIL_AT"), *kind = getenv("FAIL_HOW");
    at = number ? strtol(number, NULL, 10) : 0;
    if (kind) how = kind;
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FAIL_LOG");
    if (!path) return;
    int (*real_open)(const char *, int, ...) =
        (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    ssize_t (*real_write)(int, const void *, size_t) =
        (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    char text[128];
    int length = snprintf(text, sizeof text, "%ld %s\n", (long)calls, failed);
    int fd = real_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd >= 0 && real_write(fd, text, (size_t)length) < 0) _exit(99);
}

enum verdict { GO, FAIL, SHORT };

/* What is to happen to this call. */
static enum verdict judge(const char *name, int can_be_short) {
    if (atomic_fetch_add(&calls, 1) + 1 != at || strcmp(how, "count") == 0) return GO;
    snprintf(failed, sizeof failed, "%s", name);
    if (strcmp(how, "kill") == 0) raise(SIGKILL);
    if (strcmp(how, "short") == 0) return can_be_short ? SHORT : GO;
    errno = strcmp(how, "eio") == 0 ? EIO : ENOSPC;
    return FAIL;
}

#define REAL(name)                                                                                 \
    __extension__({                                                                                \
        static __typeof__(name) *real;                                                             \
        if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                             \
        real;                                                                                      \
    })

/* Files of the system (devices, pipes, terminals) are nobody's output. */
static int is_file(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t write(int fd, const void *data, size_t size) {
    if (!is_file(fd)) return REAL(write)(fd, data, size);
    switch (judge("write", size > 1)) {
    case FAIL: return -1;
    case SHORT: return REAL(write)(fd, data, size / 2);
    default: return REAL(write)(fd, data, size);
    }
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    if (!is_file(fd)) return REAL(pwrite)(fd, data, size, offset);
    switch (judge("pwrite", size > 1)) {
    case FAIL: return -1;
    case SHORT: return REAL(pwrite)(fd, data, size / 2, offset);
    default: return REAL(pwrite)(fd, data, size, offset);
    }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (is_file(fd) && judge("writev", 0) == FAIL) return -1;
    return REAL(writev)(fd, parts, count);
}

static int creates(int flags) {
    return (flags & (O_CREAT | O_WRONLY | O_RDWR)) != 0;
}

static mode_t mode_of(int flags, va_list list) {
    return flags & O_CREAT ? (mode_t)va_arg(list, int) : 0;
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    if (creates(flags) && judge("open", 0) == FAIL) return -1;
    return REAL(open)(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    if (creates(flags) && judge("openat", 0) == FAIL) return -1;
    return REAL(openat)(folder, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode) {
    if (strpbrk(mode, "wa+") && judge("fopen", 0) == FAIL) return NULL;
    return REAL(fopen)(path, mode);
}

#define REPLACE(name, parameters, arguments)                                                       \
    int name parameters {                                                                          \
        return judge(#name, 0) == FAIL ? -1 : REAL(name) arguments;                                \
    }

REPLACE(close, (int fd), (fd))
REPLACE(fsync, (int fd), (fd))
REPLACE(fdatasync, (int fd), (fd))
REPLACE(ftruncate, (int fd, off_t size), (fd, size))
REPLACE(posix_fallocate, (int fd, off_t offset, off_t size), (fd, offset, size))
REPLACE(mkdir, (const char *path, mode_t mode), (path, mode))
REPLACE(mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode))
REPLACE(rename, (const char *from, const char *to), (from, to))
REPLACE(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
REPLACE(renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
        (a, from, b, to, flags))
REPLACE(link, (const char *from, const char *to), (from, to))
REPLACE(linkat, (int a, const char *from, int b, const char *to, int flags),
        (a, from, b, to, flags))
REPLACE(symlink, (const char *target, const char *path), (target, path))
REPLACE(unlink, (const char *path), (path))
REPLACE(unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
REPLACE(rmdir, (const char *path), (path))
REPLACE(fchmod, (int fd, mode_t mode), (fd, mode))
REPLACE(chmod, (const char *path, mode_t mode), (path, mode))
