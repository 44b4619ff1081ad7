/* head_choice.h - the values of --alignment-heads. */
#ifndef POTSTILL_CLI_HEAD_CHOICE_H
#define POTSTILL_CLI_HEAD_CHOICE_H

#include "options.h"
#include "potstill.h"

/* Each of `texts`, "5.7" or "5.7:-2", as one of `heads`. 0, or EXIT_USAGE with the reason
 * printed. */
int heads_choose(const struct command *command, const struct option_texts *texts,
                 pst_alignment_head *heads);

#endif
