/* set_json.h - sets that are JSON: an object a line, or all in one. */
#ifndef POTSTILL_CLI_SET_JSON_H
#define POTSTILL_CLI_SET_JSON_H

#include "eval/eval_set.h"

/* Adds the rows of `text` [size]. NULL, or why it is no set, to be freed. */
char *set_json_parse(struct eval_set *set, const char *text, size_t size, const char *name);

#endif
