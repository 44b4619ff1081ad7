/* value_words.h - what may stand where a command line is being written: said from the option
 * tables, for the completions of every shell. */
#ifndef POTSTILL_CLI_VALUE_WORDS_H
#define POTSTILL_CLI_VALUE_WORDS_H

#include "options.h"

enum value_class {
    VALUE_FREE,    /* a number, a name: nothing to propose */
    VALUE_FILE,    /* a path */
    VALUE_FOLDER,  /* a folder */
    VALUE_WORDS,   /* one of some words */
    VALUE_LIST,    /* several of them, with commas between them */
    VALUE_COMMAND, /* a command of this program */
};

/* Of an option that takes a value. A path may stand after "NAME=". */
enum value_class value_class(const struct option *option);
/* Of what comes after the options of a command. */
enum value_class operand_class(const struct command *command);

/* The words in "text|json|N", with spaces between them; in fresh memory. Not N: capitals stand for
 * something else. */
char *value_words(const char *choices);

/* The option's help as far as it fits into a list: its first clause, in fresh memory. */
char *option_summary(const struct option *option);

/* Calls `each` for every option of the command, and for --help. */
void each_option(const struct command *command,
                 void (*each)(void *to, const struct command *command, const struct option *option),
                 void *to);

#endif
