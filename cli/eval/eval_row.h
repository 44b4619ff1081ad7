/* eval_row.h - a row of a set as a JSON object: the names that people give its fields. */
#ifndef POTSTILL_CLI_EVAL_ROW_H
#define POTSTILL_CLI_EVAL_ROW_H

#include "eval/eval_set.h"

/* Adds a row at `line`: an object, or any other value, which is an error. `row` is owned. `where`
 * is how messages call the place: "m.jsonl:3". */
void eval_row_add(struct eval_set *set, json_t *row, const char *where, uint32_t line);
/* Adds a row that could not be read; `error`, with the place in it, is owned. */
void eval_row_add_error(struct eval_set *set, char *error, uint32_t line);
/* How messages call the place of an item in the set, to be freed. */
char *eval_row_place(const struct eval_set *set, const struct eval_item *item);
/* The path of `audio`, to be freed: one from here, or else from `folder`, unless that is NULL. */
char *eval_audio_path(const char *folder, const char *audio);
/* After the last row: finds the files, gives ids to those that have none, and counts. */
void eval_rows_finish(struct eval_set *set);

#endif
