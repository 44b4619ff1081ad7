/* realtime_speech.c - see realtime_speech.h. */
#include "serve/realtime_speech.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "seconds.h"
#include "serve/token_logprobs.h"

int realtime_speech_open(struct realtime_speech *speech, const struct realtime_settings *settings,
                         const struct adapter_choice *adapters, struct api_error *error) {
    const struct transcriber *transcriber = speech->transcriber;
    char detail[512];
    pst_error err;
    pst_stream_options options;
    pst_decode_options decode = *transcriber->decode;
    decode.cancelled = speech->cancelled;
    decode.cancelled_user = speech->user;
    pst_stream_options_init(&options);
    options.threads = 1;
    options.adapters = adapters->adapters;
    options.adapter_weights = adapters->weights;
    options.adapter_count = adapters->count;
    options.decode = &decode;
    options.vad = transcriber->vad;
    options.threshold = settings->threshold;
    options.pause_s = settings->silence_ms / 1000;
    options.pad_s = settings->padding_ms / 1000;
    options.rate_hz = settings->format.rate_hz;
    options.guard = transcriber->guard;
    decode.skip_logprob = !settings->logprobs;
    speech->format = settings->format;
    speech->logprobs = settings->logprobs;
    if (!pst_stream_new(transcriber->model, &options, &speech->stream, &err)) return 0;
    speech->stream = NULL;
    api_error_of_library(error, &err, detail);
    say("a realtime stream cannot be opened: %s", err.message);
    return -1;
}

static void forget_line(struct realtime_speech *speech) {
    free(speech->told);
    speech->told = NULL;
    speech->speaking = 0;
}

void realtime_speech_close(struct realtime_speech *speech) {
    pst_stream_free(speech->stream);
    speech->stream = NULL;
    speech->before += speech->fed;
    speech->fed = speech->since = 0;
    forget_line(speech);
}

/* -------------------------------------------------------------------------------------- events */

static double milliseconds(const struct realtime_speech *speech, uint64_t samples) {
    return 1000 * (speech->before + (double)samples / PST_SAMPLE_RATE_HZ);
}

/* Tells `text` [length] as far as it goes on from what was told; what was told is never taken
 * back. */
static void tell(struct realtime_speech *speech, const char *text, size_t length) {
    size_t told = speech->told ? strlen(speech->told) : 0;
    if (length <= told || (told && memcmp(text, speech->told, told) != 0)) return;
    char *now = text_format("%.*s", (int)length, text);
    realtime_send_delta(speech->events, now + told, NULL);
    free(speech->told);
    speech->told = now;
}

static void complete(struct realtime_speech *speech, const pst_stream_event *event) {
    double end = milliseconds(speech, event->first + event->samples);
    if (!speech->by_hand) realtime_send_stopped(speech->events, end);
    realtime_send_committed(speech->events);
    json_t *logprobs = speech->logprobs ? need(json_array()) : NULL;
    if (logprobs)
        token_logprobs_add(logprobs, speech->transcriber->model, event->text, event->tokens,
                           event->token_logprobs, event->token_count, 0);
    tell(speech, event->text, strlen(event->text));
    realtime_send_completed(speech->events, event->text,
                            (double)event->samples / PST_SAMPLE_RATE_HZ, logprobs);
    json_decref(logprobs);
    speech->lines++;
    speech->tokens += event->token_count;
    speech->since = speech->before + speech->fed - end / 1000;
    forget_line(speech);
}

static void tell_events(struct realtime_speech *speech) {
    const pst_stream_event *event;
    while ((event = pst_stream_next_event(speech->stream))) {
        if (event->kind == PST_LINE_STARTED) {
            speech->speaking = 1;
            realtime_new_item(speech->events);
            realtime_send_started(speech->events, milliseconds(speech, event->first));
        } else if (event->kind == PST_LINE_TEXT) {
            tell(speech, event->text, event->committed);
        } else {
            complete(speech, event);
        }
    }
}

static int give_up(struct realtime_speech *speech, const pst_error *err) {
    struct api_error error = {.status = 0};
    char detail[512];
    if (err->code != PST_ERR_CANCELLED) {
        say("a realtime stream has failed: %s", err->message);
        api_error_of_library(&error, err, detail);
        if (speech->speaking)
            realtime_send_failed(speech->events, &error);
        else
            realtime_send_error(speech->events, &error, NULL);
    }
    realtime_speech_close(speech);
    return -1;
}

/* --------------------------------------------------------------------------------------- sound */

int realtime_speech_feed(struct realtime_speech *speech, const unsigned char *bytes, size_t count) {
    pst_error err;
    float *values = need(malloc((count + 1) * sizeof *values));
    double began = seconds_now(), seconds = (double)count / speech->format.rate_hz;
    sound_values(&speech->format, bytes, count, values);
    speech->fed += seconds;
    speech->since += seconds;
    pst_status status = pst_stream_feed(speech->stream, values, count, &err);
    free(values);
    speech->work_seconds += seconds_now() - began;
    if (status) return give_up(speech, &err);
    tell_events(speech);
    return 0;
}

int realtime_speech_commit(struct realtime_speech *speech) {
    pst_error err;
    double began = seconds_now();
    pst_status status = pst_stream_finish(speech->stream, &err);
    speech->work_seconds += seconds_now() - began;
    if (status) return give_up(speech, &err);
    size_t before = speech->lines;
    speech->by_hand = 1;
    tell_events(speech);
    speech->by_hand = 0;
    return speech->lines > before ? 0 : 1;
}
