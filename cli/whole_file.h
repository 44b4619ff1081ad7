/* whole_file.h - a file read at once. */
#ifndef POTSTILL_CLI_WHOLE_FILE_H
#define POTSTILL_CLI_WHOLE_FILE_H

#include <stddef.h>

/* The whole of a file, pipe or device of at most `most` bytes: `*text` [*size], with a NUL behind.
 * NULL, or the reason why not, to be freed. `*text` is to be freed in any case. */
char *whole_file_read(const char *path, size_t most, char **text, size_t *size);

#endif
