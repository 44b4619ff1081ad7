/* realtime_session.h - a realtime session by its messages, whatever carries them.
 *
 * Messages come one at a time. Sound in them is kept until it is worked through, piece by piece: so
 * who carries them can look after its connection in between, and where sound comes faster than it
 * is worked through, the text of a line is made again for every second of it, not for every
 * message. */
#ifndef POTSTILL_CLI_REALTIME_SESSION_H
#define POTSTILL_CLI_REALTIME_SESSION_H

#include "serve/adapter_shelf.h"
#include "serve/realtime_events.h"
#include "serve/realtime_settings.h"
#include "serve/realtime_speech.h"
#include "serve/realtime_turn.h"
#include "serve/transcription.h"

/* What a session is opened with. */
struct realtime_host {
    const struct transcriber *transcriber;
    struct adapter_shelf *shelf;
    const char *folder; /* for sound of turns that the client ends */
    uint64_t bytes_max; /* of it */
    const char *id;
    enum realtime_shape shape;
    void (*send)(void *user, const json_t *event);
    int (*cancelled)(void *user); /* asked before each step of the decoder; other than 0: the end */
    void *user;
};

struct realtime_session {
    struct realtime_host host;
    struct realtime_settings settings;
    struct adapter_choice adapters;
    struct realtime_events events;
    struct realtime_speech speech;
    struct realtime_turn turn;
    unsigned char *sound; /* [sound_bytes], from `sound_at` on to be worked through; NULL: none */
    size_t sound_bytes, sound_at;
    double seconds; /* of all sound */
};

/* Says that it is there. `model`: what it begins with. 0, or -1 with the reason in `error`;
 * realtime_session_close() in any case. */
int realtime_session_open(struct realtime_session *session, const struct realtime_host *host,
                          const char *model, struct api_error *error);
/* Does what a message [length] says, or tells the client why not. */
void realtime_session_take(struct realtime_session *session, const char *message, size_t length);
/* Sound is at hand, and as much as is worked through at once, or no other message `waits`. */
int realtime_session_has_work(const struct realtime_session *session, int waits);
/* Works through a piece of it: at most a second. */
void realtime_session_work(struct realtime_session *session);
/* The session ends: what is being said is completed. */
void realtime_session_finish(struct realtime_session *session);
void realtime_session_close(struct realtime_session *session);

#endif
