/* set_table.h - sets that are tables: columns with tabs or commas between them. */
#ifndef POTSTILL_CLI_SET_TABLE_H
#define POTSTILL_CLI_SET_TABLE_H

#include "eval/eval_set.h"

/* Adds the rows of `text` [size], whose first line names the columns. With commas a field may stand
 * in quotation marks, doubled inside, and then hold line breaks. NULL, or why it is no set. */
char *set_table_parse(struct eval_set *set, const char *text, size_t size, const char *name,
                      char separator);

#endif
