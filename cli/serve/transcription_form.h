/* transcription_form.h - the fields of POST /v1/audio/transcriptions, checked.
 *
 * What this server does not do is refused by the name of the field, never ignored, but for
 * `prompt`: clients send one to every model, and the reply says that nobody read it. */
#ifndef POTSTILL_CLI_TRANSCRIPTION_FORM_H
#define POTSTILL_CLI_TRANSCRIPTION_FORM_H

#include <stddef.h>

#include "serve/api_error.h"

/* The order of their names in the .c. */
enum reply_format { REPLY_JSON, REPLY_TEXT, REPLY_SRT, REPLY_VTT, REPLY_VERBOSE_JSON };

enum { FORM_MODEL_MAX = 1024 };

struct transcription_form {
    char model[FORM_MODEL_MAX + 1]; /* "": not there yet */
    enum reply_format format;
    int stream, words, segments; /* the last two as they were asked for */
    int logprobs;                /* of each token */
    int has_prompt, has_file;
};

/* Sets a field by its name; `language` is the model's. 0, or -1 with the reason in `error`. */
int form_set(struct transcription_form *form, const char *name, const char *value,
             const char *language, struct api_error *error);
/* All fields have come: what is missing, or does not go together. 0, or -1. */
int form_check(const struct transcription_form *form, struct api_error *error);

#endif
