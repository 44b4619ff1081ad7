/* hypotheses.h - ready transcripts: of a file, of an earlier evaluation, of columns of the set. */
#ifndef POTSTILL_CLI_HYPOTHESES_H
#define POTSTILL_CLI_HYPOTHESES_H

#include "eval/evaluation.h"

/* Reads the texts of system `system` from a file: JSON objects a line or in a list (of run-stt's
 * report too), found by their "id" or audio, else by their order; lines of text, one for each item;
 * or results.json of an earlier evaluation, of which the system `of` is taken, the last one when it
 * is NULL. 0, or an exit code with the reason printed. */
int hypotheses_read(struct evaluation *evaluation, size_t system, const char *path, const char *of);

/* The columns pred_text and pred_text_NAME of the set: their names, in the order they are met. */
void hypotheses_columns(const struct eval_set *set, char ***columns, size_t *count);
/* The texts of system `system` from such a column. */
void hypotheses_take(struct evaluation *evaluation, size_t system, const char *column);

#endif
