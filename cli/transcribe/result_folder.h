/* result_folder.h - a folder of results: a file for each input and format, named by the input
 * without its extension. Two that would have one name are an error before any work. */
#ifndef POTSTILL_CLI_RESULT_FOLDER_H
#define POTSTILL_CLI_RESULT_FOLDER_H

#include <sys/stat.h>

#include "result_formats.h"
#include "transcribe/inputs.h"

/* Makes the folder, and those above it, and checks the names. 0, or an exit code with the reason
 * printed. */
int result_folder_open(const char *folder, unsigned formats, const struct inputs *inputs);
/* Writes the files of a result, each whole or not at all. 0, or an exit code. */
int result_folder_add(const char *folder, unsigned formats, const struct result *result,
                      const struct result_style *style);

/* Are all files of an input there, none older than `state`, which is the input's? */
int result_folder_has(const char *folder, unsigned formats, const char *input,
                      const struct stat *state);

#endif
