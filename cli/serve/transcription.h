/* transcription.h - one file that was sent, to the reply that was asked for. */
#ifndef POTSTILL_CLI_TRANSCRIPTION_H
#define POTSTILL_CLI_TRANSCRIPTION_H

#include <stddef.h>

#include <jansson.h>

#include "potstill.h"
#include "serve/adapter_shelf.h"
#include "serve/transcription_form.h"
#include "subtitles.h"

/* What all requests share. */
struct transcriber {
    const pst_model *model;
    const pst_vad *vad;               /* NULL: all sound is transcribed */
    const pst_decode_options *decode; /* the model's, by the command line */
    const pst_audio_options *audio;
    const char *language;
    struct subtitle_style subtitles;
    int guard; /* texts in doubt are tried again */
};

struct transcription {
    const struct transcription_form *form;
    const struct adapter_choice *adapters;
    int fd; /* the file, from its beginning */
    /* Asked before each step of the decoder: other than 0, and the work ends. */
    int (*cancelled)(void *user);
    /* With form->stream: an event of the stream, borrowed. */
    void (*event)(void *user, const json_t *event);
    void *user;

    pst_decode_options decode; /* by the form, while it runs */
    struct api_error error;    /* the result, or: */
    char detail[512];          /* with an error: what the log says more; "": nothing */
    char *body;                /* [length], to be freed; NULL of a stream */
    size_t length;
    double seconds; /* of sound */
    size_t tokens;  /* made */
    size_t told;    /* events sent with text */
    size_t seen;    /* segments that became final on the way */
    int ended;      /* the result is whole */
};

/* "text/plain; charset=utf-8", ... */
const char *transcription_content_type(enum reply_format format);

/* Of some [count >= 1] with the same adapters, with a session of the model; a result is there when
 * all are. The fields of the results are 0 before. */
void transcription_run(struct transcription *const *transcriptions, size_t count,
                       const struct transcriber *transcriber, pst_session *session);

#endif
