/* processor_place.h - where the tokenizer of a model is that has none in its folder.
 *
 * A trainer writes weights into checkpoint-500/, and people keep the processor beside or above
 * them, or leave it with the model that they began from. */
#ifndef POTSTILL_CLI_PROCESSOR_PLACE_H
#define POTSTILL_CLI_PROCESSOR_PLACE_H

#include "environment.h"

/* The folder with the tokenizer.json for the checkpoint in `model_dir`, to be freed, after saying
 * on standard error which it is; NULL: the model has its own, or there is none. Nothing is
 * downloaded. */
char *processor_place_find(const struct environment *environment, const char *model_dir);

#endif
