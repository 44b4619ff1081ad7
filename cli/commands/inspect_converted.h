/* inspect_converted.h - what a folder of packages says of itself. */
#ifndef POTSTILL_CLI_COMMANDS_INSPECT_CONVERTED_H
#define POTSTILL_CLI_COMMANDS_INSPECT_CONVERTED_H

#include <jansson.h>

/* Its potstill.json as an object of texts, numbers and truths; NULL, with the reason printed: it
 * cannot be read. */
json_t *inspect_converted(const char *dir);

#endif
