/* json_text.h - strings for jansson, which takes only UTF-8. */
#ifndef POTSTILL_CLI_JSON_TEXT_H
#define POTSTILL_CLI_JSON_TEXT_H

#include <jansson.h>

/* A JSON string. A file name that is not UTF-8 has U+FFFD in place of each byte above 0x7f. */
json_t *json_text(const char *text);

#endif
