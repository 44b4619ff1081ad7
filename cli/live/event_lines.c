/* event_lines.c - see event_lines.h. */
#include "live/event_lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "json_text.h"
#include "result_json.h"

static double seconds(uint64_t samples) {
    return (double)samples / PST_SAMPLE_RATE_HZ;
}

static double rounded(double value, double steps) {
    return round(value * steps) / steps;
}

static json_t *part(const char *text, size_t length) {
    char *copy = need(strndup(text, length));
    json_t *json = json_text(copy);
    free(copy);
    return json;
}

static void add_completed(json_t *object, const pst_stream_event *event, double latency_ms) {
    json_t *tokens = need(json_array());
    for (size_t i = 0; i < event->token_count; i++)
        json_array_append_new(tokens, json_integer(event->tokens[i]));
    json_object_set_new(object, "end", json_real(seconds(event->first + event->samples)));
    json_object_set_new(object, "text", json_text(event->text));
    json_object_set_new(object, "tokens", tokens);
    json_object_set_new(object, "avg_logprob",
                        isfinite(event->avg_logprob) ? json_real(event->avg_logprob) : json_null());
    if (event->truncated) json_object_set_new(object, "truncated", json_true());
    json_object_set_new(object, "no_speech_prob", json_real(rounded(event->no_speech_prob, 1e4)));
    json_object_set_new(object, "flags", result_flags(event->flags));
    json_object_set_new(object, "latency_ms", json_real(rounded(latency_ms, 10)));
}

void event_line_print(FILE *stream, const pst_stream_event *event, double latency_ms) {
    static const char *const NAMES[] = {"", "line_started", "line_text", "line_completed"};
    json_t *object = need(json_object());
    json_object_set_new(object, "event", json_string(NAMES[event->kind]));
    json_object_set_new(object, "line", json_integer((json_int_t)event->line));
    json_object_set_new(object, "start", json_real(seconds(event->first)));
    if (event->kind == PST_LINE_TEXT) {
        json_object_set_new(object, "committed", part(event->text, event->committed));
        json_object_set_new(object, "tentative", json_text(event->text + event->committed));
    }
    if (event->kind == PST_LINE_COMPLETED) add_completed(object, event, latency_ms);
    json_print(stream, object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
}
