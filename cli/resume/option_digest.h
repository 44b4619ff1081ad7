/* option_digest.h - what the command line says as one number, to tell two runs apart. */
#ifndef POTSTILL_CLI_OPTION_DIGEST_H
#define POTSTILL_CLI_OPTION_DIGEST_H

#include "options.h"

/* FNV-1a: it need not withstand anybody, only tell one thing from the next. */
#define DIGEST_FIRST 14695981039346656037u

uint64_t digest_bytes(uint64_t hash, const void *bytes, size_t length);
/* With its end, so that two texts are not one; NULL is another than "". */
uint64_t digest_text(uint64_t hash, const char *text);

/* Adds the values of all options of `command` but those that `except` names, [..] to a NULL. */
uint64_t digest_options(uint64_t hash, const struct command *command, const void *values,
                        const char *const *except);

#endif
