/* console.h - what the program says besides its results, and how it ends.
 *
 * Messages go to standard error, one line each, starting with "potstill: ". Every command
 * returns one of the exit codes below; they are part of the contract with scripts. */
#ifndef POTSTILL_CLI_CONSOLE_H
#define POTSTILL_CLI_CONSOLE_H

#include "potstill.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_INPUTS = 1,      /* some inputs failed, each was named, the rest is complete */
    EXIT_USAGE = 2,       /* the command line is wrong; nothing was done */
    EXIT_MODEL = 3,       /* a model or adapter is missing, damaged or does not fit */
    EXIT_ENVIRONMENT = 4, /* memory, disk, device, or whoever reads the output */
    EXIT_THRESHOLD = 5,   /* all done, and not good enough */
};

/* Prints one line; control characters from file names and files become '?'. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for the library's warnings. */
void say_warning(void *user, const char *message);
/* Says it and returns `code`. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The exit code of a library error, unless a command has a better one. */
int exit_code_of(const pst_error *err);

/* Returns `memory`, or ends the program: a short-lived process that writes its outputs whole or not
 * at all has nothing to clean up when memory runs out. */
void *need(void *memory);
/* printf into fresh memory. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "name: message", or the message alone when it names `name` already. */
char *text_error(const char *name, const pst_error *err);

#endif
