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
    float *logprobs;
};

static void free_event(struct queued_event *queued) {
    if (!queued) return;
    free(queued->text);
    free(queued->tokens);
    free(queued->logprobs);
    free(queued);
}

/* 0: no memory. */
static int copy(void **to, const void *from, size_t bytes) {
    if (!from || !bytes) return 1;
    *to = malloc(bytes);
    if (*to) memcpy(*to, from, bytes);
    return *to != NULL;
}

pst_status event_queue_add(struct event_queue *queue, const pst_stream_event *event,
                           pst_error *err) {
    struct queued_event *queued = calloc(1, sizeof *queued);
    void *tokens = NULL, *logprobs = NULL;
    int whole = queued && copy(&tokens, event->tokens, event->token_count * sizeof *event->tokens);
    if (queued) queued->tokens = tokens;
    whole = whole && copy(&logprobs, event->token_logprobs,
                          event->token_count * sizeof *event->token_logprobs);
    if (queued) queued->logprobs = logprobs;
    if (queued) queued->text = strdup(event->text ? event->text : "");
    if (!whole || !queued->text) {
        free_event(queued);
        return error_memory(err, event->token_count * sizeof *event->tokens);
    }
    queued->event = *event;
    queued->event.text = queued->text;
    queued->event.tokens = queued->tokens;
    queued->event.token_logprobs = queued->logprobs;
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
