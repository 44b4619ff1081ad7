/* channel_choice.h - the value of --channels. */
#ifndef POTSTILL_CLI_CHANNEL_CHOICE_H
#define POTSTILL_CLI_CHANNEL_CHOICE_H

#include "options.h"

/* "mix", "split" or a number (NULL: mix) as the `channel` of pst_audio_options. 0, or EXIT_USAGE
 * with the reason printed. */
int channel_choose(const struct command *command, const char *wish, uint32_t *channel);

#endif
