/* completions.h - scripts that complete the program's command line in a shell.
 *
 * They are written from the tables that parse the command line and print its help, so that the
 * three cannot disagree. A script holds all it needs: nothing runs while somebody types. */
#ifndef POTSTILL_CLI_COMPLETIONS_H
#define POTSTILL_CLI_COMPLETIONS_H

#include <stdio.h>

#include "options.h"

/* NULL ends `commands`. */
void completions_bash(FILE *out, const struct command *const *commands);
void completions_zsh(FILE *out, const struct command *const *commands);
void completions_fish(FILE *out, const struct command *const *commands);

#endif
