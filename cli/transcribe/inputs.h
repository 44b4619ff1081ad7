/* inputs.h - from FILE|DIR|- on the command line to the list of audio files.
 *
 * Nothing is opened here but folders. A folder stands for the audio files in it (not below it),
 * known by their extension and sorted by name, and those that cannot be read are said; a file is
 * taken whatever its name is. */
#ifndef POTSTILL_CLI_INPUTS_H
#define POTSTILL_CLI_INPUTS_H

#include <stddef.h>

#include "potstill.h"

struct input {
    char *path;  /* "-": standard input */
    char *error; /* why it cannot be an input; NULL: try it */
};

struct inputs {
    struct input *list; /* [count] */
    size_t count;
    int several; /* more than one operand, or a folder: results need the name of their input */
    pst_audio_options audio; /* with ffmpeg, where that is on the PATH */
    char *ffmpeg;
};

void inputs_expand(struct inputs *inputs, char **operands, int operand_count);
void inputs_free(struct inputs *inputs);

/* Adds a path, which is then the list's. */
void inputs_add(struct inputs *inputs, char *path);
/* The list is empty again. */
void inputs_clear(struct inputs *inputs);
/* Would a file of this name be taken from a folder? */
int inputs_is_audio(const struct inputs *inputs, const char *name);

/* What is said of an input that failed, in memory of its own: the error, and ffmpeg if it lacks. */
char *inputs_error(const struct inputs *inputs, const char *path, const pst_error *err);

/* The name of a file without its folder and its last extension, in memory of its own. */
char *input_stem(const char *path);

#endif
