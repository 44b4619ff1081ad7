/* live_stream.c - pst_stream: samples in pieces of any size, lines of text out.
 *
 * Frames of the detector of speech say where lines begin and end (endpoint.h); what belongs to a
 * line goes to it as soon as that is sure (line.h). When somebody falls silent the line is
 * transcribed at once, long before the pause is over: should nobody speak until then, the text is
 * there already, and if somebody does, it is thrown away. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/mono.h"
#include "audio/resample.h"
#include "audio/sample_list.h"
#include "base/error.h"
#include "base/option_struct.h"
#include "pipeline/session.h"
#include "pipeline/speech/detector.h"
#include "pipeline/stream/endpoint.h"
#include "pipeline/stream/event_queue.h"
#include "pipeline/stream/line.h"
#include "pipeline/transcribe.h"
#include "vad/vad.h"

struct pst_stream {
    pst_session *session;
    struct vad *vad;
    struct endpoint endpoint;
    struct line line;
    struct event_queue events;
    struct resampler resampler;
    int rate_hz;                  /* of what is fed */
    struct sample_list resampled; /* of the piece at hand */
    struct sample_list held;      /* samples from `base` on: not in a line yet, or not looked at */
    uint64_t base;                /* where held begins in the stream */
    uint64_t given;               /* samples before this are in the line at hand or in none */
    uint64_t update;       /* new samples before the growing text is decoded again; 0: never */
    uint64_t decoded;      /* samples of the line that the text is of */
    uint64_t number;       /* of the line at hand, or of the next */
    pst_transcript *ready; /* of the line as it is, should the pause last; NULL: none */
    char *text;            /* the growing text as it was told last; NULL: none */
    size_t committed;      /* bytes of it */
    int guard, by_loudness;
    pst_status failed;
};

/* A detector that has just begun is sure only after some tenths of a second: a clip that is cut
 * where its speech begins would lose its first syllable. */
static const double SETTLING_S = 0.5;

/* ------------------------------------------------------------------------------------- options */

void pst_stream_options_init_sized(pst_stream_options *options, size_t struct_size) {
    const pst_stream_options defaults = {
        .struct_size = sizeof defaults, .pause_s = 0.6, .pad_s = 0.2, .update_s = 0.25};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

/* Longer lines take a model of the first family longer and longer to decode again. */
static const double LINE_MAX_S = 20;

static pst_status check_seconds(const char *name, double value, double lowest, double highest,
                                pst_error *err) {
    if (value >= lowest && value <= highest) return PST_OK;
    return error_set(err, PST_ERR_ARGUMENT, "%s is %g, expected %g to %g seconds", name, value,
                     lowest, highest);
}

static pst_status check(const pst_model *model, pst_stream_options *options, pst_error *err) {
    double most = (double)line_samples_max(model) / PST_SAMPLE_RATE_HZ;
    if (options->line_max_s == 0) options->line_max_s = fmin(LINE_MAX_S, most);
    pst_status status = check_seconds("line_max_s", options->line_max_s, 1, most, err);
    if (!status) status = check_seconds("pause_s", options->pause_s, 0.1, 10, err);
    if (!status) status = check_seconds("pad_s", options->pad_s, 0, 1, err);
    if (!status) status = check_seconds("update_s", options->update_s, 0, 10, err);
    if (!status && !(options->threshold >= 0 && options->threshold < 1))
        status = error_set(err, PST_ERR_ARGUMENT, "threshold is %g, expected 0 to below 1",
                           options->threshold);
    if (options->rate_hz == 0) options->rate_hz = PST_SAMPLE_RATE_HZ;
    if (!status && (options->rate_hz < AUDIO_RATE_MIN_HZ || options->rate_hz > AUDIO_RATE_MAX_HZ))
        status = error_set(err, PST_ERR_ARGUMENT, "rate_hz is %u, expected %d to %d",
                           (unsigned)options->rate_hz, AUDIO_RATE_MIN_HZ, AUDIO_RATE_MAX_HZ);
    return status;
}

static uint64_t samples_of(double seconds) {
    return (uint64_t)llround(seconds * PST_SAMPLE_RATE_HZ);
}

/* The settings of speech that `vad` has, or the usual ones, but for a threshold of the stream's. */
static void begin_endpoint(pst_stream *stream, const pst_stream_options *options) {
    struct speech_options speech = SPEECH_OPTIONS_SILERO;
    if (options->vad) speech = options->vad->options;
    if (options->threshold > 0) {
        speech.threshold = options->threshold;
        speech.neg_threshold = -1;
    }
    endpoint_init(&stream->endpoint, &(struct endpoint_options){
                                         .threshold = speech.threshold,
                                         .neg_threshold = speech_neg_threshold(&speech),
                                         .pause = samples_of(options->pause_s),
                                         .pad = samples_of(options->pad_s),
                                         .longest = samples_of(options->line_max_s),
                                         .settling = samples_of(SETTLING_S),
                                     });
}

static pst_status set_up(pst_stream *stream, const pst_model *model,
                         const pst_stream_options *options, pst_error *err) {
    pst_session_options session = {.struct_size = sizeof session, .threads = options->threads};
    pst_decode_options decode;
    pst_status status = pst_session_new(model, &session, &stream->session, err);
    if (!status)
        status = pst_session_use_adapters(stream->session, options->adapters,
                                          options->adapter_weights, options->adapter_count, err);
    if (!status) status = transcribe_options(stream->session, options->decode, &decode, err);
    if (!status)
        status = vad_new(&stream->vad, options->vad ? options->vad->weights : NULL,
                         options->vad ? options->vad->cpu : PST_CPU_AUTO, err);
    stream->rate_hz = (int)options->rate_hz;
    if (!status) status = resampler_open(&stream->resampler, stream->rate_hz, err);
    if (status) return status;
    begin_endpoint(stream, options);
    stream->update = samples_of(options->update_s);
    stream->guard = options->guard;
    stream->by_loudness = !options->vad || !options->vad->weights;
    /* A frame of the detector may lie over the end of the longest line. */
    size_t most = (size_t)samples_of(options->line_max_s) + VAD_FRAME;
    size_t limit = line_samples_max(model);
    return line_init(&stream->line, stream->session, &decode, most < limit ? most : limit, err);
}

pst_status pst_stream_new(const pst_model *model, const pst_stream_options *options,
                          pst_stream **out, pst_error *err) {
    pst_stream_options own;
    if (!model || !out)
        return error_set(err, PST_ERR_ARGUMENT, "model and stream must not be NULL");
    pst_stream_options_init(&own);
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_stream_options", err);
    if (!status) status = check(model, &own, err);
    if (status) return status;
    pst_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return error_memory(err, sizeof *stream);
    status = set_up(stream, model, &own, err);
    if (status) {
        pst_stream_free(stream);
        return status;
    }
    *out = stream;
    return PST_OK;
}

void pst_stream_free(pst_stream *stream) {
    if (!stream) return;
    line_free(&stream->line);
    vad_free(stream->vad);
    pst_session_free(stream->session);
    event_queue_clear(&stream->events);
    resampler_close(&stream->resampler);
    sample_list_free(&stream->resampled);
    sample_list_free(&stream->held);
    pst_transcript_free(stream->ready);
    free(stream->text);
    free(stream);
}

size_t pst_stream_memory(const pst_stream *stream) {
    return sizeof *stream + pst_session_memory(stream->session) + line_memory(&stream->line) +
           (stream->held.capacity + stream->resampled.capacity) * sizeof(float);
}

/* ------------------------------------------------------------------------------------- events */

static pst_status tell(pst_stream *stream, pst_stream_event *event, pst_error *err) {
    event->line = stream->number;
    event->first = stream->endpoint.start;
    event->samples = stream->line.count;
    return event_queue_add(&stream->events, event, err);
}

const pst_stream_event *pst_stream_next_event(pst_stream *stream) {
    return event_queue_next(&stream->events);
}

static char *text_of(const pst_stream *stream, const int32_t *tokens, size_t count,
                     pst_error *err) {
    char *text = NULL;
    if (!stream->session->model->tokenizer) return strdup("");
    if (pst_model_decode(stream->session->model, tokens, count, 1, &text, err)) return NULL;
    return text;
}

/* Bytes that both begin with, whole characters. */
static size_t common_bytes(const char *a, const char *b) {
    size_t n = 0;
    while (a[n] && a[n] == b[n]) n++;
    while (n && ((unsigned char)a[n] & 0xC0) == 0x80) n--;
    return n;
}

/* The growing text, if it is another than was told. */
static pst_status tell_text(pst_stream *stream, pst_error *err) {
    const struct agreement *tokens = &stream->line.text;
    char *text = text_of(stream, tokens->tokens, tokens->count, err);
    char *stands = text_of(stream, tokens->tokens, tokens->committed, err);
    if (!text || !stands) {
        free(text);
        free(stands);
        return error_memory(err, 0);
    }
    size_t committed = common_bytes(text, stands);
    free(stands);
    int same = strcmp(stream->text ? stream->text : "", text) == 0;
    same = same && committed == stream->committed;
    free(stream->text);
    stream->text = text;
    stream->committed = committed;
    if (same) return PST_OK;
    return tell(stream,
                &(pst_stream_event){.kind = PST_LINE_TEXT, .text = text, .committed = committed},
                err);
}

static pst_status tell_completed(pst_stream *stream, pst_error *err) {
    const pst_transcript *transcript = stream->ready;
    return tell(stream,
                &(pst_stream_event){.kind = PST_LINE_COMPLETED,
                                    .text = transcript->text,
                                    .committed = strlen(transcript->text),
                                    .tokens = transcript->tokens,
                                    .token_count = transcript->token_count,
                                    .token_logprobs = transcript->token_logprobs,
                                    .avg_logprob = transcript->avg_logprob,
                                    .truncated = transcript->truncated,
                                    .flags = transcript->flags,
                                    .no_speech_prob = transcript->no_speech_prob},
                err);
}

/* ---------------------------------------------------------------------------------- the line */

static pst_status start_line(pst_stream *stream, pst_error *err) {
    line_begin(&stream->line);
    stream->given = stream->endpoint.start;
    stream->decoded = stream->endpoint.at - stream->given; /* little of it is speech so far */
    free(stream->text);
    stream->text = NULL;
    stream->committed = 0;
    return tell(stream, &(pst_stream_event){.kind = PST_LINE_STARTED}, err);
}

/* Gives the line what belongs to it by now. */
static pst_status give(pst_stream *stream, uint64_t reach, pst_error *err) {
    if (reach <= stream->given) return PST_OK;
    const float *samples = stream->held.data + (stream->given - stream->base);
    pst_status status = line_add(&stream->line, samples, (size_t)(reach - stream->given), err);
    stream->given = reach;
    pst_transcript_free(stream->ready);
    stream->ready = NULL;
    return status;
}

static pst_status get_ready(pst_stream *stream, pst_error *err) {
    struct guarded heard = {.by_loudness = stream->by_loudness};
    double speech = endpoint_belief(&stream->endpoint, &heard.speech_seconds);
    if (stream->ready) return PST_OK;
    heard.no_speech_prob = 1 - speech;
    pst_status status =
        line_transcribe(&stream->line, stream->guard ? &heard : NULL, &stream->ready, err);
    if (!status) stream->ready->no_speech_prob = heard.no_speech_prob;
    return status;
}

static pst_status complete_line(pst_stream *stream, pst_error *err) {
    pst_status status = get_ready(stream, err);
    if (!status) status = tell_completed(stream, err);
    pst_transcript_free(stream->ready);
    stream->ready = NULL;
    stream->number++;
    return status;
}

/* A frame of the detector: samples [VAD_FRAME] at endpoint.at. */
static pst_status look_at(pst_stream *stream, const float *samples, pst_error *err) {
    struct endpoint *endpoint = &stream->endpoint;
    enum endpoint_event event = endpoint_add(endpoint, vad_probability(stream->vad, samples));
    pst_status status = event == ENDPOINT_STARTED ? start_line(stream, err) : PST_OK;
    if (!status && (endpoint->in_line || event == ENDPOINT_ENDED))
        status = give(stream, endpoint_reach(endpoint), err);
    if (!status && event == ENDPOINT_ENDED) return complete_line(stream, err);
    if (!status && endpoint_is_quiet(endpoint)) status = get_ready(stream, err);
    return status;
}

/* The growing text of a line that is being spoken. A model that encodes it from the start does so
 * less often the longer it gets. */
static pst_status update_text(pst_stream *stream, pst_error *err) {
    const struct line *line = &stream->line;
    uint64_t wait = stream->update, tenth = line->engine ? 0 : line->count / 10;
    if (!wait || !stream->endpoint.in_line || stream->ready) return PST_OK;
    if (line->count - stream->decoded < (wait > tenth ? wait : tenth)) return PST_OK;
    stream->decoded = line->count;
    pst_status status = line_decode(&stream->line, err);
    return status ? status : tell_text(stream, err);
}

/* Forgets what no line can have any more. */
static void forget(pst_stream *stream) {
    const struct endpoint *endpoint = &stream->endpoint;
    uint64_t keep = endpoint->in_line ? stream->given : endpoint_horizon(endpoint);
    size_t old = (size_t)(keep - stream->base);
    if (keep <= stream->base || old < stream->held.count / 2) return;
    stream->held.count -= old;
    memmove(stream->held.data, stream->held.data + old, stream->held.count * sizeof(float));
    stream->base = keep;
}

/* ------------------------------------------------------------------------------------- samples */

static pst_status look_at_all(pst_stream *stream, pst_error *err) {
    pst_status status = PST_OK;
    while (!status && stream->endpoint.at + VAD_FRAME <= stream->base + stream->held.count) {
        status = look_at(stream, stream->held.data + (stream->endpoint.at - stream->base), err);
        forget(stream);
    }
    return status;
}

/* A second at a time, so that what is held does not grow with the piece. */
static pst_status take(pst_stream *stream, const float *samples, size_t count, pst_error *err) {
    pst_status status = PST_OK;
    for (size_t at = 0, part; at < count && !status; at += part) {
        part = count - at < PST_SAMPLE_RATE_HZ ? count - at : PST_SAMPLE_RATE_HZ;
        if (!sample_list_reserve(&stream->held, part)) return error_memory(err, part);
        memcpy(stream->held.data + stream->held.count, samples + at, part * sizeof *samples);
        stream->held.count += part;
        status = look_at_all(stream, err);
    }
    return status ? status : update_text(stream, err);
}

pst_status pst_stream_feed(pst_stream *stream, const float *samples, size_t count, pst_error *err) {
    if (!stream || (count && !samples))
        return error_set(err, PST_ERR_ARGUMENT, "stream and samples must not be NULL");
    if (stream->failed)
        return error_set(err, stream->failed, "the stream has failed and takes no more samples");
    for (size_t i = 0; i < count; i++)
        if (!isfinite(samples[i]))
            return error_set(err, PST_ERR_INPUT, "sample %zu is not a finite number", i);
    if (stream->rate_hz == PST_SAMPLE_RATE_HZ)
        return stream->failed = take(stream, samples, count, err);
    stream->resampled.count = 0;
    stream->failed = resampler_push(&stream->resampler, samples, count, &stream->resampled, err);
    if (!stream->failed)
        stream->failed = take(stream, stream->resampled.data, stream->resampled.count, err);
    return stream->failed;
}

/* What the resampler still holds; a later piece begins with a new one. */
static pst_status take_rest(pst_stream *stream, pst_error *err) {
    stream->resampled.count = 0;
    if (stream->rate_hz == PST_SAMPLE_RATE_HZ || !stream->resampler.taken) return PST_OK;
    pst_status status = resampler_finish(&stream->resampler, &stream->resampled, err);
    resampler_close(&stream->resampler);
    if (!status) status = resampler_open(&stream->resampler, stream->rate_hz, err);
    return status ? status : take(stream, stream->resampled.data, stream->resampled.count, err);
}

/* What is left of a frame ends the line at hand, if somebody is speaking, and begins none. */
static pst_status end_line(pst_stream *stream, pst_error *err) {
    struct endpoint *endpoint = &stream->endpoint;
    float frame[VAD_FRAME] = {0};
    size_t rest = (size_t)(stream->base + stream->held.count - endpoint->at);
    const float *samples = stream->held.data + (endpoint->at - stream->base);
    if (rest) memcpy(frame, samples, rest * sizeof *frame);
    int in_line = endpoint->in_line;
    endpoint_finish(endpoint, rest ? vad_probability(stream->vad, frame) : 0, rest);
    if (!in_line) return PST_OK;
    pst_status status = give(stream, endpoint_reach(endpoint), err);
    return status ? status : complete_line(stream, err);
}

pst_status pst_stream_finish(pst_stream *stream, pst_error *err) {
    if (!stream) return error_set(err, PST_ERR_ARGUMENT, "stream must not be NULL");
    if (stream->failed) return error_set(err, stream->failed, "the stream has failed");
    stream->failed = take_rest(stream, err);
    if (!stream->failed) stream->failed = end_line(stream, err);
    vad_reset(stream->vad);
    stream->base = stream->endpoint.at;
    stream->held.count = 0;
    return stream->failed;
}
