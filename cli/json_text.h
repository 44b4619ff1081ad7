/* json_text.h - strings for jansson, which takes only UTF-8; objects as commands print them. */
#ifndef POTSTILL_CLI_JSON_TEXT_H
#define POTSTILL_CLI_JSON_TEXT_H

#include <stdio.h>

#include <jansson.h>

/* A JSON string. A file name that is not UTF-8 has U+FFFD in place of each byte above 0x7f. */
json_t *json_text(const char *text);
/* Prints a string in quotation marks, without a tree: for results of very many utterances. */
void json_print_text(FILE *stream, const char *text);
/* Prints a number with ten digits; null when it is none. */
void json_print_number(FILE *stream, double number);
/* Prints `object` and a new line; `flags` as of json_dumps(). */
void json_print(FILE *stream, const json_t *object, size_t flags);
/* What a value is, for messages: "a list", "an integer", ...; "missing" for NULL. */
const char *json_kind_text(const json_t *value);

#endif
