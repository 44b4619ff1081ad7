/* event_queue.h - what has happened in a stream and has not been asked for yet. */
#ifndef PST_PIPELINE_EVENT_QUEUE_H
#define PST_PIPELINE_EVENT_QUEUE_H

#include "potstill.h"

struct queued_event;

struct event_queue {
    struct queued_event *first, *last;
    struct queued_event *given; /* to the caller, whose strings are still in use */
};

/* Copies of the text and the tokens of `event` are kept. */
pst_status event_queue_add(struct event_queue *queue, const pst_stream_event *event,
                           pst_error *err);
/* NULL: there is none. It lives until the next call. */
const pst_stream_event *event_queue_next(struct event_queue *queue);
void event_queue_clear(struct event_queue *queue);

#endif
