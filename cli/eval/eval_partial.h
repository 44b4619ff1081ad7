/* eval_partial.h - what an interrupted evaluation has heard, for the next one to go on from.
 *
 * A line for each text, with a key of everything that decides it: the set, the model, adapters and
 * settings. A line of another key is passed over, so the file needs no other order. */
#ifndef POTSTILL_CLI_EVAL_PARTIAL_H
#define POTSTILL_CLI_EVAL_PARTIAL_H

#include <stdio.h>

#include "eval/evaluation.h"

struct eval_partial {
    char *path;
    json_t *lines; /* "KEY ID": the line */
    FILE *file;    /* lines are added here */
};

/* Reads what there is. 0, or an exit code with the reason printed. */
int eval_partial_open(struct eval_partial *partial, const char *folder);
/* The text of an item, and its words into empty ones; NULL: there is none. */
const char *eval_partial_text(const struct eval_partial *partial, const char *key, const char *id,
                              struct spoken_words *words);
/* Adds a line, which is there at once. 0, or an exit code with the reason printed. */
int eval_partial_add(struct eval_partial *partial, const char *key, const char *id,
                     const char *text, const struct spoken_words *words);
/* Removes the file when `done`. */
void eval_partial_close(struct eval_partial *partial, int done);

#endif
