/* json_text.h - JSON as commands print it: strings for jansson, which takes only UTF-8, and objects. */
#ifndef POTSTILL_CLI_JSON_TEXT_H
#define POTSTILL_CLI_JSON_TEXT_H

#include <stdio.h>

#include <jansson.h>

/* A JSON string. A file name that is not UTF-8 has U+FFFD in place of each byte above 0x7f. */
json_t *json_text(const char *text);
/* Prints `object` and a new line; `flags` as of json_dumps(). */
void json_print(FILE *stream, const json_t *object, size_t flags);

#endif
