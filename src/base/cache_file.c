/* cache_file.c - see cache_file.h. */
#include "base/cache_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/cache_folder.h"
#include "base/checked.h"
#include "base/file_writer.h"

static const char MAGIC[] = "pstcache";
enum {
    MAGIC_BYTES = sizeof MAGIC - 1,
    CHECKED_FROM = MAGIC_BYTES + 8, /* the checksum covers what comes after it */
    HEAD_FROM = CHECKED_FROM + 16,
    PAGE = 4096, /* of the file; pages of memory may be larger, which alignment does not need */
    HEAD_MAX = 1 << 20
};

/* A fuzzer finds no checksum, and is there for what comes behind it. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { SUM_COUNTS = 0 };
#else
enum { SUM_COUNTS = 1 };
#endif

void cache_file_name(char name[CACHE_NAME_SIZE], const char *kind, const void *about,
                     size_t length) {
    XXH128_hash_t hash = XXH3_128bits(about, length);
    snprintf(name, CACHE_NAME_SIZE, "%s-%016llx%016llx", kind, (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

static void put_u64(unsigned char *at, uint64_t value) {
    for (int i = 0; i < 8; i++, value >>= 8) at[i] = (unsigned char)value;
}

static uint64_t get_u64(const unsigned char *at) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | at[i];
    return value;
}

/* Where the body begins; 0 when a file cannot be that long. */
static size_t body_offset(const struct cache_content *content) {
    size_t end;
    if (content->head_bytes > HEAD_MAX) return 0;
    size_t offset = (HEAD_FROM + content->head_bytes + PAGE - 1) / PAGE * PAGE;
    return checked_add(offset, content->body_bytes, &end) ? offset : 0;
}

/* All of the file up to its body in fresh memory, the checksum left 0. */
static unsigned char *make_front(const struct cache_content *content, size_t offset) {
    unsigned char *front = offset ? calloc(1, offset) : NULL;
    if (!front) return NULL;
    memcpy(front, MAGIC, MAGIC_BYTES);
    put_u64(front + CHECKED_FROM, content->head_bytes);
    put_u64(front + CHECKED_FROM + 8, content->body_bytes);
    memcpy(front + HEAD_FROM, content->head, content->head_bytes);
    return front;
}

const unsigned char *cache_file_check(const unsigned char *bytes, size_t size,
                                      const struct cache_content *wanted) {
    struct cache_content content = *wanted;
    if (content.body_bytes == CACHE_BODY_ANY) content.body_bytes = 0;
    size_t offset = body_offset(&content);
    if (offset == 0 || size < offset) return NULL;
    if (wanted->body_bytes == CACHE_BODY_ANY) content.body_bytes = size - offset;
    unsigned char *front =
        size - offset == content.body_bytes ? make_front(&content, offset) : NULL;
    if (!front) return NULL;
    int same = memcmp(bytes, front, MAGIC_BYTES) == 0 &&
               memcmp(bytes + CHECKED_FROM, front + CHECKED_FROM, offset - CHECKED_FROM) == 0;
    free(front);
    if (!same) return NULL;
    uint64_t sum = XXH3_64bits(bytes + CHECKED_FROM, size - CHECKED_FROM);
    return !SUM_COUNTS || sum == get_u64(bytes + MAGIC_BYTES) ? bytes + offset : NULL;
}

const unsigned char *cache_file_open(struct file_view *view, const char *dir,
                                     const struct cache_content *wanted) {
    *view = (struct file_view){0};
    char *path = path_join(dir, wanted->name);
    /* Without waiting: the name may be that of a pipe. */
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    free(path);
    if (fd < 0) return NULL;
    struct stat st;
    const unsigned char *body = NULL;
    if (fstat(fd, &st) == 0 && cache_folder_owns(&st) && st.st_size > 0 &&
        file_view_map(view, fd, (size_t)st.st_size)) {
        body = cache_file_check(view->data, view->size, wanted);
        if (body) cache_folder_used(fd, &st);
    }
    close(fd);
    if (!body) file_view_close(view);
    return body;
}

static int write_all(int fd, const unsigned char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return 0;
        bytes += written;
        length -= (size_t)written;
    }
    return 1;
}

static uint64_t checksum(const unsigned char *front, size_t offset,
                         const struct cache_content *content) {
    XXH3_state_t *state = XXH3_createState();
    if (!state) return 0; /* no reader would accept the file */
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, front + CHECKED_FROM, offset - CHECKED_FROM);
    XXH3_64bits_update(state, content->body, content->body_bytes);
    uint64_t sum = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return sum;
}

/* Fills the temporary file and gives it its name. */
static int write_file(const char *temporary, int fd, const char *path,
                      const struct cache_content *content) {
    size_t offset = body_offset(content);
    unsigned char *front = make_front(content, offset);
    if (front) put_u64(front + MAGIC_BYTES, checksum(front, offset, content));
    int good = front && write_all(fd, front, offset) &&
               write_all(fd, content->body, content->body_bytes) && fsync(fd) == 0;
    free(front);
    good &= close(fd) == 0;
    return good && rename(temporary, path) == 0;
}

int cache_file_write(const char *dir, const struct cache_content *content) {
    char *path = path_join(dir, content->name);
    char *temporary = path_join(dir, CACHE_TEMPORARY "XXXXXX");
    int written = 0;
    if (path && temporary && path_make_parents(temporary)) {
        int fd = mkstemp(temporary); /* for its owner alone, whatever the umask */
        written = fd >= 0 && write_file(temporary, fd, path, content);
        if (fd >= 0 && !written) unlink(temporary);
    }
    free(path);
    free(temporary);
    if (written) cache_folder_clean(dir, CACHE_BYTES_MAX, CACHE_DAYS);
    return written;
}
