/* realtime_turn.h - a realtime session whose turns its client ends: sound is kept until then, in a
 * file, and is transcribed as one that was sent. */
#ifndef POTSTILL_CLI_REALTIME_TURN_H
#define POTSTILL_CLI_REALTIME_TURN_H

#include "serve/adapter_shelf.h"
#include "serve/realtime_events.h"
#include "serve/sound_format.h"
#include "serve/transcription.h"

struct realtime_turn {
    struct realtime_events *events;
    const struct transcriber *transcriber;
    int (*cancelled)(void *user); /* asked before each step of the decoder; other than 0: the end */
    void *user;
    const char *folder; /* for the file */
    uint64_t bytes_max; /* of it */
    struct sound_format format;
    int fd; /* -1: no sound yet */
    uint64_t bytes;
    pst_session *session; /* NULL: none yet */
    double work_seconds;
    size_t tokens;
};

/* Adds sound as it was sent [count bytes]. 0, or -1 with the reason in `error`. */
int realtime_turn_add(struct realtime_turn *turn, const unsigned char *bytes, size_t count,
                      struct api_error *error);
double realtime_turn_seconds(const struct realtime_turn *turn);
/* All of it to its text; the client is told. The turn is empty then. */
void realtime_turn_transcribe(struct realtime_turn *turn, const struct adapter_choice *adapters,
                              int logprobs);
/* Empties it. */
void realtime_turn_clear(struct realtime_turn *turn);
void realtime_turn_close(struct realtime_turn *turn);

#endif
