/* cache_folder.h - cleans the folder of cache files: which files count, when each was last used,
 * and which can be removed. The last use is the time of modification, which a reader sets: access
 * times are off on many machines. */
#ifndef PST_BASE_CACHE_FOLDER_H
#define PST_BASE_CACHE_FOLDER_H

#include <stdint.h>
#include <sys/stat.h>

/* Names of unfinished files begin with this. */
#define CACHE_TEMPORARY "tmp-"

/* A regular file of this user that no one else may write. */
int cache_folder_owns(const struct stat *st);
/* Records that the open file was used, once a day. */
void cache_folder_used(int fd, const struct stat *st);
/* Removes files with the names that cache files have: those not used for `days`, unfinished ones
 * after a day, and then, least recently used first, until those left are at most `bytes_max`
 * together. */
void cache_folder_clean(const char *dir, uint64_t bytes_max, int days);

#endif
