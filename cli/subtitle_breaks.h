/* subtitle_breaks.h - where a text may be broken without hurting who reads it. */
#ifndef POTSTILL_CLI_SUBTITLE_BREAKS_H
#define POTSTILL_CLI_SUBTITLE_BREAKS_H

#include "subtitle_word.h"

/* What a break between two words costs: 0 after a sentence, up to 10 inside a phrase. */
double break_cost(const struct subtitle_word *before, const struct subtitle_word *after);
/* Does a sentence end with the word? */
int ends_sentence(const struct subtitle_word *word);

#endif
