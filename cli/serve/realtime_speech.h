/* realtime_speech.h - a realtime session whose turns the server finds: sound goes through a stream,
 * each of whose lines is an item. */
#ifndef POTSTILL_CLI_REALTIME_SPEECH_H
#define POTSTILL_CLI_REALTIME_SPEECH_H

#include "serve/adapter_shelf.h"
#include "serve/realtime_events.h"
#include "serve/realtime_settings.h"
#include "serve/transcription.h"

struct realtime_speech {
    struct realtime_events *events;
    const struct transcriber *transcriber;
    int (*cancelled)(void *user); /* asked before each step of the decoder; other than 0: the end */
    void *user;
    pst_stream *stream; /* NULL: none yet */
    struct sound_format format;
    int logprobs;  /* are told with what is completed */
    double before; /* seconds of sound of the session before the stream's */
    double fed;    /* and of the stream */
    double since;  /* seconds of sound after the last turn */
    int speaking;  /* a line is at hand */
    int by_hand;   /* the client ends it */
    char *told;    /* of the line at hand, in deltas; NULL: nothing */
    double work_seconds;
    size_t lines, tokens; /* made */
};

/* With the stream closed: with these settings. 0, or -1 with the reason in `error`. */
int realtime_speech_open(struct realtime_speech *speech, const struct realtime_settings *settings,
                         const struct adapter_choice *adapters, struct api_error *error);
/* What was said and not committed is forgotten. */
void realtime_speech_close(struct realtime_speech *speech);
/* Samples as they were sent [count]. 0, or -1: the stream is closed, and the client was told. */
int realtime_speech_feed(struct realtime_speech *speech, const unsigned char *bytes, size_t count);
/* The line at hand is complete. 0; 1: there is none; or -1, as above. */
int realtime_speech_commit(struct realtime_speech *speech);

#endif
