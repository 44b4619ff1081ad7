/* output.h - where results go: standard output as they come, or a file at the end.
 *
 * A file given by --output appears whole or not at all, so its text is collected in memory and
 * written when the command is done; an interrupted run leaves what was there before. On standard
 * output every result is flushed, and the first write that fails ends the command. */
#ifndef POTSTILL_CLI_OUTPUT_H
#define POTSTILL_CLI_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

#include "potstill.h"

struct output {
    const char *path; /* NULL: standard output */
    FILE *stream;     /* print here */
    char *text;       /* [length] what was printed, when it goes to a file */
    size_t length;
    int failed; /* nobody can read it: reported once */
};

/* Opens. 0, or an exit code with the reason printed: a path that could not be written in the end is
 * found out before the work begins. */
int output_open(struct output *output, const char *path);
/* Refuses a path that is one of the command's own inputs. 0, or an exit code. */
int output_spare(const struct output *output, const char *input_path);
/* After each result. 0, or an exit code: nobody can read what would follow. */
int output_flush(struct output *output);
/* Writes the file, if it is one and `keep`. 0, or an exit code. */
int output_close(struct output *output, int keep);

/* Delays SIGINT, SIGTERM and SIGHUP, so that a file or folder being written is finished (or its
 * temporary name removed) before the program ends by the signal. Not nested. */
void signals_hold(void);
void signals_release(void);
/* Whether one came meanwhile: long work ends early, in good order. */
int signals_pending(void);
/* The same as a function that the library asks, on any thread. */
int signals_cancelled(void *user);

/* The end of a command that makes a folder, after signals_hold(): prints the folder made, or why
 * there is none. A signal that stopped the work ends the program; one that came, or comes, when the
 * folder is there already is forgotten. Returns the exit code. */
int finish_folder(const char *dir, pst_status status, const pst_error *err);

#endif
