/* replace_file.h - a file that appears whole or not at all, as base/temporary.h makes them for the
 * library. */
#ifndef POTSTILL_CLI_REPLACE_FILE_H
#define POTSTILL_CLI_REPLACE_FILE_H

#include <stddef.h>

/* Writes `text` [length] under a temporary name beside `path`, syncs it and renames it. Nothing
 * that has the temporary name already is opened, be it a link or a file, and what killed processes
 * left of this output is removed. 0, or why not, as errno has it. */
int replace_file(const char *path, const char *text, size_t length);

/* Writes `text` [length] to what `path` is: a device or a pipe. 0, or errno. */
int write_in_place(const char *path, const char *text, size_t length);

#endif
