/* whole_file.h - a file read at once, and all of something written. */
#ifndef POTSTILL_CLI_WHOLE_FILE_H
#define POTSTILL_CLI_WHOLE_FILE_H

#include <stddef.h>

/* The whole of a file, pipe or device of at most `most` bytes: `*text` [*size], with a NUL behind.
 * NULL, or the reason why not, to be freed. `*text` is to be freed in any case. */
char *whole_file_read(const char *path, size_t most, char **text, size_t *size);
/* Writes `bytes` [count] to a descriptor; 0: errno says why not. */
int whole_file_write(int fd, const char *bytes, size_t count);

#endif
