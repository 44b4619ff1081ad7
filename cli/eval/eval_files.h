/* eval_files.h - what other tools read of an evaluation: NeMo's manifest, a table, NIST's files. */
#ifndef POTSTILL_CLI_EVAL_FILES_H
#define POTSTILL_CLI_EVAL_FILES_H

#include <stdio.h>

#include "eval/evaluation.h"

/* A JSON object a line: the fields of the row, and "pred_text_NAME" and "wer_NAME" of each system
 * ("pred_text" and "wer" of the only one). */
void eval_print_lines(FILE *out, const struct evaluation *evaluation);
/* A line for an utterance and system: counts and texts. */
void eval_print_table(FILE *out, const struct evaluation *evaluation);
/* "words (id)": of the references, normalised, and of what a system has heard. */
void eval_print_references(FILE *out, const struct evaluation *evaluation);
void eval_print_hypotheses(FILE *out, const struct evaluation *evaluation, size_t system);

/* The same with times, where a system has them for all that it has heard: words of the references
 * by utterance (stm), and by themselves, of a system (ctm). Every utterance is a file of its own,
 * in the order of their names, by which sclite finds them. */
int eval_has_times(const struct evaluation *evaluation, size_t system);
void eval_print_segments(FILE *out, const struct evaluation *evaluation);
void eval_print_times(FILE *out, const struct evaluation *evaluation, size_t system);

#endif
