/* realtime_events.c - see realtime_events.h. */
#include "serve/realtime_events.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "json_text.h"

json_t *realtime_event(struct realtime_events *events, const char *type) {
    char id[REALTIME_ID_MAX];
    json_t *event = need(json_object());
    snprintf(id, sizeof id, "event_%.64s_%llu", events->id, events->count++);
    json_object_set_new(event, "type", json_string(type));
    json_object_set_new(event, "event_id", json_string(id));
    return event;
}

void realtime_send(struct realtime_events *events, json_t *event) {
    events->send(events->user, event);
    json_decref(event);
}

void realtime_new_item(struct realtime_events *events) {
    snprintf(events->item, sizeof events->item, "item_%.64s_%llu", events->id, events->items++);
}

/* About the item at hand. */
static json_t *about_item(struct realtime_events *events, const char *type) {
    json_t *event = realtime_event(events, type);
    json_object_set_new(event, "item_id", json_string(events->item));
    return event;
}

void realtime_send_started(struct realtime_events *events, double start_ms) {
    json_t *event = about_item(events, "input_audio_buffer.speech_started");
    json_object_set_new(event, "audio_start_ms", json_integer((json_int_t)start_ms));
    realtime_send(events, event);
}

void realtime_send_stopped(struct realtime_events *events, double end_ms) {
    json_t *event = about_item(events, "input_audio_buffer.speech_stopped");
    json_object_set_new(event, "audio_end_ms", json_integer((json_int_t)end_ms));
    realtime_send(events, event);
}

static json_t *id_or_null(const char *id) {
    return *id ? json_string(id) : json_null();
}

static json_t *item_json(const struct realtime_events *events) {
    json_t *content = need(json_object()), *contents = need(json_array());
    json_t *item = need(json_object());
    json_object_set_new(content, "type", json_string("input_audio"));
    json_object_set_new(content, "transcript", json_null());
    json_array_append_new(contents, content);
    json_object_set_new(item, "id", json_string(events->item));
    json_object_set_new(item, "object", json_string("realtime.item"));
    json_object_set_new(item, "type", json_string("message"));
    json_object_set_new(item, "status", json_string("completed"));
    json_object_set_new(item, "role", json_string("user"));
    json_object_set_new(item, "content", contents);
    return item;
}

static void send_item(struct realtime_events *events, const char *type) {
    json_t *event = realtime_event(events, type);
    json_object_set_new(event, "previous_item_id", id_or_null(events->committed));
    json_object_set_new(event, "item", item_json(events));
    realtime_send(events, event);
}

void realtime_send_committed(struct realtime_events *events) {
    json_t *event = about_item(events, "input_audio_buffer.committed");
    json_object_set_new(event, "previous_item_id", id_or_null(events->committed));
    realtime_send(events, event);
    if (events->beta) {
        send_item(events, "conversation.item.created");
    } else {
        send_item(events, "conversation.item.added");
        send_item(events, "conversation.item.done");
    }
    memcpy(events->committed, events->item, sizeof events->committed);
}

/* An item has one content, the sound. */
static json_t *about_sound(struct realtime_events *events, const char *type) {
    json_t *event = about_item(events, type);
    json_object_set_new(event, "content_index", json_integer(0));
    return event;
}

#define TRANSCRIPTION "conversation.item.input_audio_transcription."

void realtime_send_delta(struct realtime_events *events, const char *text, json_t *logprobs) {
    if (!*text) return;
    json_t *event = about_sound(events, TRANSCRIPTION "delta");
    json_object_set_new(event, "delta", json_text(text));
    if (logprobs) json_object_set(event, "logprobs", logprobs);
    realtime_send(events, event);
}

void realtime_send_completed(struct realtime_events *events, const char *text, double seconds,
                             json_t *logprobs) {
    json_t *event = about_sound(events, TRANSCRIPTION "completed"), *usage = need(json_object());
    json_object_set_new(event, "transcript", json_text(text));
    if (logprobs) json_object_set(event, "logprobs", logprobs);
    json_object_set_new(usage, "type", json_string("duration"));
    json_object_set_new(usage, "seconds", json_real(rint(seconds * 1e3) / 1e3));
    json_object_set_new(event, "usage", usage);
    realtime_send(events, event);
}

void realtime_send_failed(struct realtime_events *events, const struct api_error *error) {
    json_t *event = about_sound(events, TRANSCRIPTION "failed");
    json_object_set_new(event, "error", api_error_json(error));
    realtime_send(events, event);
}

void realtime_send_error(struct realtime_events *events, const struct api_error *error,
                         const char *event_id) {
    json_t *event = realtime_event(events, "error"), *inner = api_error_json(error);
    json_object_set_new(inner, "event_id", event_id ? json_text(event_id) : json_null());
    json_object_set_new(event, "error", inner);
    realtime_send(events, event);
}
