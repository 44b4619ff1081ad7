/* transcription.c - see transcription.h.
 *
 * Requests are a batch over the worker's session, so that their texts are those of
 * `potstill transcribe`, and the formats are those of the same writers. */
#include "serve/transcription.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caption_file.h"
#include "console.h"
#include "json_text.h"
#include "serve/token_logprobs.h"
#include "serve/transcription_json.h"

/* What the callbacks of the batch share. */
struct run {
    struct transcription *const *transcriptions; /* [count] */
    size_t count, given;
    const struct transcriber *transcriber;
};

const char *transcription_content_type(enum reply_format format) {
    if (format == REPLY_JSON || format == REPLY_VERBOSE_JSON) return "application/json";
    return format == REPLY_VTT ? "text/vtt; charset=utf-8" : "text/plain; charset=utf-8";
}

/* --------------------------------------------------------------------------------------- reply */

static void print_json(FILE *stream, json_t *object) {
    char *text = need(json_dumps(object, JSON_REAL_PRECISION(12)));
    fputs(text, stream);
    free(text);
    json_decref(object);
}

/* NULL where they were not asked for. */
static json_t *logprobs_of(const struct transcription *t, const struct transcriber *transcriber,
                           const pst_clip_result *clip) {
    return t->form->logprobs ? token_logprobs_of_clip(transcriber->model, clip) : NULL;
}

static void print_body(FILE *stream, const struct transcription *t,
                       const struct transcriber *transcriber, const pst_clip_result *clip) {
    const struct transcription_form *form = t->form;
    const struct result result = {.path = "file", .clip = clip};
    const struct result_style style = {.subtitles = transcriber->subtitles};
    switch (form->format) {
    case REPLY_JSON:
        print_json(stream, transcription_plain_json(clip, logprobs_of(t, transcriber, clip)));
        break;
    case REPLY_VERBOSE_JSON:
        print_json(stream, transcription_verbose_json(clip, form, transcriber->language));
        break;
    case REPLY_TEXT: fprintf(stream, "%s\n", clip->transcript->text); break;
    case REPLY_SRT: caption_print_srt(stream, &result, &style); break;
    case REPLY_VTT: caption_print_vtt(stream, &result, &style); break;
    }
}

static void make_body(struct transcription *t, const struct transcriber *transcriber,
                      const pst_clip_result *clip) {
    FILE *stream = need(open_memstream(&t->body, &t->length));
    print_body(stream, t, transcriber, clip);
    fclose(stream);
    need(t->body);
}

/* ------------------------------------------------------------------------------------- streams */

static void send_event(const struct transcription *t, json_t *event) {
    t->event(t->user, event);
    json_decref(event);
}

/* Deltas are appended by who reads them, and never taken back: whole segments, which are final. */
static void send_segments(struct transcription *t, const pst_model *model,
                          const pst_segment *segments, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const pst_transcript *part = segments[i].transcript;
        if (!*part->text) continue;
        json_t *logprobs = t->form->logprobs ? need(json_array()) : NULL;
        if (logprobs)
            token_logprobs_add(logprobs, model, part->text, part->tokens, part->token_logprobs,
                               part->token_count, t->told > 0);
        char *delta = text_format("%s%s", t->told ? " " : "", part->text);
        t->told++;
        send_event(t, transcription_delta(delta, logprobs));
        free(delta);
    }
}

/* ----------------------------------------------------------------------------------- the batch */

static int next(void *user, pst_clip *clip) {
    struct run *run = user;
    if (run->given == run->count) return 0;
    struct transcription *t = run->transcriptions[run->given++];
    clip->path = "file";
    clip->fd = t->fd;
    clip->tag = t;
    clip->decode = &t->decode;
    return 1;
}

/* That one is cancelled ends nothing but itself, at its next step. */
static int follow(void *user, const pst_clip_progress *progress) {
    const struct run *run = user;
    struct transcription *t = progress->tag;
    if (t->form->stream)
        send_segments(t, run->transcriber->model, progress->segments, progress->segment_count);
    t->seen += progress->segment_count;
    return 0;
}

static void fail_with(struct transcription *t, const pst_error *err) {
    if (err->code == PST_ERR_CANCELLED)
        api_error_set(&t->error, HTTP_CLIENT_GONE, NULL, NULL, "%s", err->message);
    else
        api_error_of_library(&t->error, err, t->detail);
}

static int deliver(void *user, const pst_clip_result *clip) {
    const struct transcriber *transcriber = ((const struct run *)user)->transcriber;
    struct transcription *t = clip->tag;
    t->ended = 1;
    if (clip->error) {
        fail_with(t, clip->error);
        return 0;
    }
    t->seconds = clip->duration;
    t->tokens = clip->transcript->token_count;
    if (!t->form->stream) {
        make_body(t, transcriber, clip);
        return 0;
    }
    send_segments(t, transcriber->model, clip->segments + t->seen, clip->segment_count - t->seen);
    send_event(t, transcription_done(clip->transcript->text, logprobs_of(t, transcriber, clip)));
    return 0;
}

static pst_decode_options decode_of(const struct transcription *t,
                                    const struct transcriber *transcriber) {
    pst_decode_options decode = *transcriber->decode;
    enum reply_format format = t->form->format;
    decode.word_timestamps = t->form->words || format == REPLY_SRT || format == REPLY_VTT;
    decode.skip_logprob = format != REPLY_VERBOSE_JSON && !t->form->logprobs;
    decode.cancelled = t->cancelled;
    decode.cancelled_user = t->user;
    return decode;
}

void transcription_run(struct transcription *const *transcriptions, size_t count,
                       const struct transcriber *transcriber, pst_session *session) {
    pst_error err;
    pst_batch_options batch;
    struct run run = {transcriptions, count, 0, transcriber};
    const struct adapter_choice *adapters = transcriptions[0]->adapters;
    for (size_t i = 0; i < count; i++)
        transcriptions[i]->decode = decode_of(transcriptions[i], transcriber);
    pst_batch_options_init(&batch);
    batch.adapters = adapters->adapters;
    batch.weights = adapters->weights;
    batch.adapter_count = adapters->count;
    batch.decode = transcriber->decode;
    batch.audio = transcriber->audio;
    batch.vad = transcriber->vad;
    batch.guard = transcriber->guard;
    batch.next = next;
    batch.deliver = deliver;
    batch.progress = follow;
    batch.user = &run;
    batch.session = session;
    if (!pst_batch_run(transcriber->model, &batch, &err)) return;
    for (size_t i = 0; i < count; i++)
        if (!transcriptions[i]->ended) fail_with(transcriptions[i], &err);
}
