/* trace_file.h - spans as a file that chrome://tracing and Perfetto show. */
#ifndef POTSTILL_CLI_TRACE_FILE_H
#define POTSTILL_CLI_TRACE_FILE_H

#include "potstill_tools.h"

/* Writes `spans` [count] to `path`, whole or not at all. 0, or an exit code with the reason
 * said. */
int trace_file_write(const char *path, const pst_span *spans, size_t count);

#endif
