/* content_digest.c - see content_digest.h. A digest that is kept is a cache file: its head is the
 * path and the stamp, its body the digits. */
#ifndef __APPLE__
#define _XOPEN_SOURCE 700 /* realpath */
#endif
#include "base/content_digest.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cache_file.h"

enum { HEX_DIGITS = DIGEST_HEX_SIZE - 1 };

static void describe(struct buffer *head, const char *path, const struct file_stamp *stamp) {
    buffer_format(head, "content 1\n%s\n%llu %llu %llu %lld %lld\n", path,
                  (unsigned long long)stamp->device, (unsigned long long)stamp->inode,
                  (unsigned long long)stamp->size, (long long)stamp->modified_ns,
                  (long long)stamp->changed_ns);
}

static int look_up(const char *cache_dir, const struct cache_content *content,
                   char hex[DIGEST_HEX_SIZE]) {
    struct file_view view;
    const unsigned char *body = cache_file_open(&view, cache_dir, content);
    if (body) {
        memcpy(hex, body, HEX_DIGITS);
        hex[HEX_DIGITS] = '\0';
    }
    file_view_close(&view);
    return body && strspn(hex, "0123456789abcdef") == HEX_DIGITS;
}

/* Computes the digest of a file that is in the state `stamp` before and after. Uses read(), because
 * the pages of a mapping would count as memory of this process. */
static int compute(const char *path, const struct file_stamp *stamp, char hex[DIGEST_HEX_SIZE]) {
    struct stat before, after;
    struct file_stamp first, last;
    if (stat(path, &before) != 0) return 0;
    file_stamp_of(&first, &before);
    if (!file_stamp_equal(&first, stamp)) return 0;
    if (digest_file(DIGEST_SHA256, path, NULL, hex, NULL) || stat(path, &after) != 0) return 0;
    file_stamp_of(&last, &after);
    return file_stamp_equal(&last, stamp);
}

static int is_settled(const struct file_stamp *stamp) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
    int64_t before = ((int64_t)now.tv_sec * 1000 - CONTENT_SETTLED_MS) * 1000000 + now.tv_nsec;
    return stamp->modified_ns < before && stamp->changed_ns < before;
}

int content_digest(const char *path, const struct file_stamp *stamp, const char *cache_dir,
                   char hex[DIGEST_HEX_SIZE]) {
    char *real = realpath(path, NULL);
    if (!real) return 0;
    struct buffer head = {0};
    describe(&head, real, stamp);
    struct cache_content content = {
        .head = head.data, .head_bytes = head.length, .body_bytes = HEX_DIGITS};
    /* One name a path, so that a newer state takes the place of an older one. */
    cache_file_name(content.name, "content", real, strlen(real));
    int known = !head.failed && look_up(cache_dir, &content, hex);
    int found = known || compute(real, stamp, hex);
    if (found && !known && !head.failed && is_settled(stamp)) {
        content.body = hex;
        cache_file_write(cache_dir, &content);
    }
    buffer_free(&head);
    free(real);
    return found;
}
