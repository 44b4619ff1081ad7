/* cache_file.h - results kept for the next process: files in a folder that may vanish at any time.
 *
 * A reader knows beforehand what the head must be: everything that the body was made from. So
 * nothing in a file is trusted or even parsed: the head is compared, and head and body must have
 * the checksum that the file states. A file that is damaged, cut short, made by another version,
 * owned by another user or writable by others is ignored. A file is never changed in place, only
 * replaced by a rename, so that readers may keep it mapped.
 *
 *   8 bytes   "pstcache"
 *   8         XXH3 of all bytes that follow, little-endian as all numbers
 *   8, 8      length of the head, length of the body
 *   head      then zeros up to a multiple of 4096
 *   body      up to the end of the file */
#ifndef PST_BASE_CACHE_FILE_H
#define PST_BASE_CACHE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/file_view.h"

enum { CACHE_NAME_SIZE = 64 };
#define CACHE_BODY_ANY SIZE_MAX

/* The head that is expected, and its body. */
struct cache_content {
    char name[CACHE_NAME_SIZE];
    const void *head; /* [head_bytes] */
    size_t head_bytes;
    const void *body;  /* [body_bytes]; not looked at when reading */
    size_t body_bytes; /* when reading also CACHE_BODY_ANY: up to the end of the view */
};

/* The name of a cache file: `kind`, a few letters, and the digits of a hash of `about` [length]. */
void cache_file_name(char name[CACHE_NAME_SIZE], const char *kind, const void *about,
                     size_t length);

/* Maps <dir>/<name> and returns the body, 64-byte aligned, valid until file_view_close(view). NULL:
 * there is no such file, or its head, length or checksum is not as expected. */
const unsigned char *cache_file_open(struct file_view *view, const char *dir,
                                     const struct cache_content *wanted);
/* Writes the file durably, replacing an older one, and then cleans `dir`: removes cache files that
 * have not been opened for CACHE_DAYS, and, beyond CACHE_BYTES_MAX, those opened longest ago. 0
 * when it could not be written; nothing of it is left then. */
int cache_file_write(const char *dir, const struct cache_content *content);

enum { CACHE_DAYS = 30, CACHE_BYTES_MAX = 1 << 30 };

/* The body in the bytes [size] of a whole file, which are 64-byte aligned; NULL likewise. */
const unsigned char *cache_file_check(const unsigned char *bytes, size_t size,
                                      const struct cache_content *wanted);

#endif
