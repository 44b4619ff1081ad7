/* event_queue.c - see event_queue.h. */
#include "pipeline/stream/event_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct queued_event {
    pst_stream_event event;
    struct queued_event *next;
    char *text;
    int32_t *tokens;
};

static void free_event(struct queued_event *queued) {
    if (!queued) return;
    free(queued->text);
    free(queued->tokens);
    free(queued);
}

pst_status event_queue_add(struct event_queue *queue, const pst_stream_event *event,
                           pst_error *err) {
    struct queued_event *queued = calloc(1, sizeof *queued);
    size_t bytes = event->token_count * sizeof *event->tokens;
    if (queued) queued->text = strdup(event->text ? event->text : "");
    if (queued && bytes) queued->tokens = malloc(bytes);
    if (!queued || !queued->text || (bytes && !queued->tokens)) {
        free_event(queued);
        return error_memory(err, bytes);
    }
    if (bytes) memcpy(queued->tokens, event->tokens, bytes);
    queued->event = *event;
    queued->event.text = queued->text;
    queued->event.tokens = queued->tokens;
    *(queue->last ? &queue->last->next : &queue->first) = queued;
    queue->last = queued;
    return PST_OK;
}

const pst_stream_event *event_queue_next(struct event_queue *queue) {
    free_event(queue->given);
    queue->given = queue->first;
    if (!queue->given) return NULL;
    queue->first = queue->given->next;
    if (!queue->first) queue->last = NULL;
    return &queue->given->event;
}

void event_queue_clear(struct event_queue *queue) {
    while (event_queue_next(queue)) {}
}
