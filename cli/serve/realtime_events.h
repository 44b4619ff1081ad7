/* realtime_events.h - what a realtime session tells its client, in OpenAI's shapes. */
#ifndef POTSTILL_CLI_REALTIME_EVENTS_H
#define POTSTILL_CLI_REALTIME_EVENTS_H

#include <jansson.h>

#include "serve/api_error.h"

enum { REALTIME_ID_MAX = 128 };

/* Where events go, and the names of what they are about. */
struct realtime_events {
    void (*send)(void *user, const json_t *event);
    void *user;
    const char *id; /* of the session; those of its events and items begin with it */
    int beta;       /* items are told as they were while this was a trial */
    unsigned long long count, items;
    char item[REALTIME_ID_MAX];      /* the one at hand; "": none so far */
    char committed[REALTIME_ID_MAX]; /* the one before */
};

/* A new event, to be filled and given to realtime_send(). */
json_t *realtime_event(struct realtime_events *events, const char *type);
/* Takes it. */
void realtime_send(struct realtime_events *events, json_t *event);

/* Something is said, or was sent, that has no item yet. */
void realtime_new_item(struct realtime_events *events);
/* The rest is about the item at hand. `start`, `end`: milliseconds of all sound of the session. */
void realtime_send_started(struct realtime_events *events, double start_ms);
void realtime_send_stopped(struct realtime_events *events, double end_ms);
void realtime_send_committed(struct realtime_events *events);
/* Nothing where `text` is empty. `logprobs` (borrowed; NULL: none) as in token_logprobs.h. */
void realtime_send_delta(struct realtime_events *events, const char *text, json_t *logprobs);
void realtime_send_completed(struct realtime_events *events, const char *text, double seconds,
                             json_t *logprobs);
void realtime_send_failed(struct realtime_events *events, const struct api_error *error);
/* What the client sent was not done; `event_id` is its name for that, or NULL. */
void realtime_send_error(struct realtime_events *events, const struct api_error *error,
                         const char *event_id);

#endif
