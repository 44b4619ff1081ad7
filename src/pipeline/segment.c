/* segment.c - see segment.h. */
#include "pipeline/segment.h"

#include <math.h>
#include <string.h>

#include "audio/quiet.h"
#include "base/error.h"
#include "pipeline/speech/plan.h"

/* The search covers the last fifth of a window: 6 s of 30 hold a pause of nearly any speaker. */
static size_t search_length(size_t window) {
    return window / 5;
}

/* The last segment keeps at least a tenth of a window: shorter ones are below the model's minimum,
 * and a few words are recognised better with some silence around them. */
static size_t rest_length(size_t window) {
    return search_length(window) / 2;
}

static pst_status open_sound(struct segment_reader *reader, const pst_clip *clip, pst_error *err) {
    const pst_audio_options *audio = reader->audio;
    if (!clip->path && !clip->samples && clip->sample_count)
        return error_set(err, PST_ERR_ARGUMENT, "the clip has neither a path nor samples");
    if (!clip->path) {
        reader->samples = clip->samples;
        reader->left = clip->sample_count;
        return PST_OK;
    }
    if (clip->fd < 0) return audio_stream_open(&reader->stream, clip->path, audio, err);
    return audio_stream_open_fd(&reader->stream, clip->fd, clip->path, audio, err);
}

pst_status segment_reader_open(struct segment_reader *reader, const pst_clip *clip, size_t window,
                               const struct pst_vad *vad, const pst_audio_options *audio,
                               pst_error *err) {
    *reader =
        (struct segment_reader){.window = window,
                                .each = audio && audio->channel == PST_CHANNEL_EACH && clip->path,
                                .vad = window ? vad : NULL,
                                .audio = audio};
    pst_status status = open_sound(reader, clip, err);
    if (status || !reader->vad) return status;
    status = detector_listen(vad, &reader->listener, err);
    if (status) segment_reader_close(reader);
    return status;
}

/* Reads until `count` samples are held, or all there are; `*all` says which. */
static pst_status hold(struct segment_reader *reader, size_t count, int *all, pst_error *err) {
    struct sample_list *held = &reader->held;
    if (reader->stream.name) {
        pst_status status = audio_stream_read(&reader->stream, count, held, err);
        *all = reader->stream.ended;
        return status;
    }
    size_t more = count > held->count ? count - held->count : 0;
    if (more > reader->left) more = reader->left;
    if (!sample_list_reserve(held, more)) return error_memory(err, more * sizeof *held->data);
    if (more) memcpy(held->data + held->count, reader->samples, more * sizeof *held->data);
    held->count += more;
    reader->samples += more;
    reader->left -= more;
    *all = reader->left == 0;
    return PST_OK;
}

/* The first `count` samples held become the segment; the others move to memory of their own. */
static pst_status give(struct segment_reader *reader, size_t count, struct segment *segment,
                       pst_error *err) {
    struct sample_list *held = &reader->held, rest = {0};
    size_t left = held->count - count;
    /* The samples of an empty clip have an address too. */
    if (!sample_list_reserve(held, held->count ? 0 : 1) || !sample_list_reserve(&rest, left))
        return error_memory(err, (left + 1) * sizeof *rest.data);
    if (left) memcpy(rest.data, held->data + count, left * sizeof *rest.data);
    rest.count = left;
    held->count = count;
    *segment = (struct segment){.samples = *held,
                                .start = reader->given,
                                .whole = reader->given == 0 && reader->ended,
                                .no_speech_prob = NAN,
                                .speech_seconds = NAN};
    reader->given += count;
    *held = rest;
    return PST_OK;
}

static pst_status next_by_window(struct segment_reader *reader, struct segment *segment,
                                 pst_error *err) {
    size_t window = reader->window, rest = rest_length(window);
    int all = 0;
    pst_status status = hold(reader, window ? window + rest : SIZE_MAX, &all, err);
    if (status) return status;
    size_t held = reader->held.count;
    if (all && (!window || held <= window)) {
        reader->ended = 1;
        return give(reader, held, segment, err);
    }
    size_t from = window - search_length(window), to = window;
    if (to > held - rest) to = held - rest;
    return give(reader, quiet_find(reader->held.data, from, to), segment, err);
}

/* ----------------------------------------------------------------------------------- by speech */

/* What is read at once. */
enum { MORE = 4 * PST_SAMPLE_RATE_HZ };
/* At the ends of a clip that is taken as it is, and between its words: any sound; nearly none. */
enum { STILL = PST_SAMPLE_RATE_HZ, STILL_MOST = 3 * PST_SAMPLE_RATE_HZ };
/* Of the last seconds before a pause: a background may change. */
enum { BACKGROUND = 5 * PST_SAMPLE_RATE_HZ };

static pst_status hear_more(struct segment_reader *reader, pst_error *err) {
    size_t before = reader->held.count;
    int all = 0;
    pst_status status = hold(reader, before + MORE, &all, err);
    if (!status && reader->held.count > before)
        status = listener_hear(&reader->listener, reader->held.data + before,
                               reader->held.count - before, err);
    if (!status && all) status = listener_end(&reader->listener, err);
    return status;
}

/* Samples before `until` are not needed any more. */
static void drop(struct segment_reader *reader, uint64_t until) {
    struct sample_list *held = &reader->held;
    if (until <= reader->given) return;
    uint64_t count = until - reader->given;
    if (count > held->count) count = held->count;
    held->count -= count;
    reader->given += count;
    if (held->count) memmove(held->data, held->data + count, held->count * sizeof *held->data);
    listener_forget(&reader->listener, 0, reader->given);
}

/* Until speech is found, or the sound has ended. */
static pst_status seek_speech(struct segment_reader *reader, uint64_t pad, pst_error *err) {
    struct listener *listener = &reader->listener;
    pst_status status = PST_OK;
    while (!status && !listener->ended && !listener->count && !listener_is_sure(listener)) {
        status = hear_more(reader, err);
        uint64_t horizon = speech_horizon(&listener->finder);
        /* A clip that may be given as it is stays whole. */
        if (!listener->count && (reader->given || horizon > reader->window))
            drop(reader, horizon > pad ? horizon - pad : 0);
    }
    return status;
}

/* The mean probability over the stretches, up to `end`. */
static double speech_mean(const struct segment_reader *reader, const struct speech *list,
                          size_t count, uint64_t end, double *seconds) {
    double sum = 0, length = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t stop = list[i].end < end ? list[i].end : end;
        if (stop <= list[i].start) break;
        double samples = (double)(stop - list[i].start);
        sum += samples * listener_mean(&reader->listener, list[i].start, stop);
        length += samples;
    }
    *seconds = length / PST_SAMPLE_RATE_HZ;
    return length > 0 ? sum / length : 0;
}

/* Samples [start, end) of the clip, of which `list` [count] are speech. */
static pst_status give_part(struct segment_reader *reader, uint64_t start, uint64_t end,
                            const struct speech *list, size_t count, struct segment *segment,
                            pst_error *err) {
    size_t length = (size_t)(end - start);
    *segment = (struct segment){.start = start};
    segment->no_speech_prob = 1 - speech_mean(reader, list, count, end, &segment->speech_seconds);
    uint64_t pad = plan_limits_of(reader->window, reader->vad->options.speech_pad_ms).pad;
    phrases_find(&segment->phrases, list, count, start, end, pad);
    if (!sample_list_reserve(&segment->samples, length ? length : 1))
        return error_memory(err, length * sizeof *segment->samples.data);
    if (length)
        memcpy(segment->samples.data, reader->held.data + (start - reader->given),
               length * sizeof *segment->samples.data);
    segment->samples.count = length;
    segment->whole = start == 0 && reader->ended && length == reader->listener.heard;
    reader->segments++;
    return PST_OK;
}

/* The mean square of samples [from, to) of the clip, of those that are held. */
static double power(const struct segment_reader *reader, uint64_t from, uint64_t to) {
    double sum = 0;
    uint64_t end = reader->given + reader->held.count;
    if (from < reader->given) from = reader->given;
    if (to > end) to = end;
    for (uint64_t i = from; i < to; i++) {
        double sample = reader->held.data[i - reader->given];
        sum += sample * sample;
    }
    return to > from ? sum / (double)(to - from) : 0;
}

/* The background that shows through the gaps of the speech before a pause, or behind the first. */
static double background(const struct segment_reader *reader, uint64_t pause) {
    const struct speech *first = &reader->listener.list[0];
    uint64_t from = first->start, to = pause > first->start ? pause : first->end;
    if (to > from + BACKGROUND) from = to - BACKGROUND;
    if (from < reader->given) from = reader->given;
    if (to <= from) return 0;
    return quiet_background(reader->held.data + (from - reader->given), (size_t)(to - from));
}

/* Something in a pause that is not 13 dB below the speech before or behind it, and 6 dB above what
 * is there all the time: a noise that lasts is no reason to cut, for the model hears speech in it
 * better with more of it. The ends of words reach into the pause by 0.1 s. */
static int is_noisy(void *user, uint64_t from, uint64_t to) {
    const struct segment_reader *reader = user;
    const struct speech *list = reader->listener.list;
    const uint64_t word_end = PST_SAMPLE_RATE_HZ / 10;
    if (to - from < 3 * word_end || !reader->listener.count) return 0;
    double sound = power(reader, from + word_end, to - word_end);
    return sound > 0.05 * power(reader, list[0].start, list[0].end) &&
           sound > 4 * background(reader, from);
}

/* Is the clip short and full of speech? Then cutting something off would only do harm. */
static int is_speech_alone(struct segment_reader *reader) {
    const struct listener *listener = &reader->listener;
    if (reader->segments || reader->given || !listener->ended || !listener->count ||
        listener->heard > reader->window)
        return 0;
    uint64_t at = 0;
    for (size_t i = 0; i <= listener->count; i++) {
        uint64_t next = i < listener->count ? listener->list[i].start : listener->heard;
        if (next - at > STILL_MOST) return 0;
        if (next - at > STILL && is_noisy(reader, at, next)) return 0;
        if (i < listener->count) at = listener->list[i].end;
    }
    return 1;
}

/* Nothing is said. A clip too short for the model is given as it is: that is an error. */
static pst_status give_silence(struct segment_reader *reader, struct segment *segment,
                               pst_error *err) {
    uint64_t heard = reader->listener.heard;
    reader->ended = 1;
    pst_status status = give_part(reader, reader->given, reader->given, NULL, 0, segment, err);
    segment->start = 0;
    segment->silent = 1;
    if (status || heard >= VAD_FRAME * 2 || reader->given) return status;
    segment->silent = 0;
    sample_list_free(&segment->samples);
    return give_part(reader, 0, heard, NULL, 0, segment, err);
}

/* The list with who speaks now at its end, if anybody does. */
static pst_status whole_list(struct listener *listener, size_t *count, pst_error *err) {
    *count = listener->count;
    if (listener->ended || !listener_is_sure(listener) || !listener->finder.speaking) return PST_OK;
    pst_status status = listener_note(listener, err);
    if (!status) ++*count;
    return status;
}

/* Speech without a pause: cut where it is quietest, so that the rest is not too short. */
static void cut_speech(struct segment_reader *reader, const struct speech *first,
                       struct plan *plan) {
    uint64_t length = plan->end - first->start, from = first->start + length / 5 * 4;
    uint64_t to = plan->end, rest = length / 8;
    if (to + rest > first->end) to = first->end - rest;
    if (from > to) from = to;
    plan->end = reader->given + quiet_find(reader->held.data, (size_t)(from - reader->given),
                                           (size_t)(to - reader->given));
}

static pst_status plan_segment(struct segment_reader *reader, const struct plan_limits *limits,
                               struct plan *plan, size_t *count, pst_error *err) {
    struct listener *listener = &reader->listener;
    pst_status status = PST_OK;
    for (;;) {
        status = whole_list(listener, count, err);
        if (status) return status;
        struct plan_sound sound = {reader->planned > reader->given ? reader->planned
                                                                   : reader->given,
                                   listener_quiet_until(listener, *count),
                                   listener->heard,
                                   listener->ended,
                                   is_noisy,
                                   reader};
        if (*count && plan_next(limits, listener->list, *count, &sound, plan)) return PST_OK;
        if (listener->ended) return PST_OK; /* without any */
        status = hear_more(reader, err);
        if (status) return status;
    }
}

/* What both segments hear where speech is cut: as much as fits a window on both sides of one. */
static uint64_t overlap_of(const struct segment_reader *reader, const struct plan_limits *limits) {
    return reader->overlaps ? limits->pad + (reader->window - limits->most) / 2 : 0;
}

/* The segment of the plan, with its share of those that it was cut from. */
static pst_status give_planned(struct segment_reader *reader, const struct plan *plan,
                               uint64_t overlap, struct segment *segment, pst_error *err) {
    const struct listener *listener = &reader->listener;
    uint64_t before = reader->is_cut ? overlap : 0, after = plan->cut ? overlap : 0;
    if (before > plan->start - reader->given) before = plan->start - reader->given;
    if (after > listener->heard - plan->end) after = listener->heard - plan->end;
    pst_status status = give_part(reader, plan->start - before, plan->end + after, listener->list,
                                  plan->taken + (size_t)plan->cut, segment, err);
    segment->before = (size_t)before;
    segment->after = (size_t)after;
    return status;
}

static pst_status next_by_speech(struct segment_reader *reader, struct segment *segment,
                                 pst_error *err) {
    struct listener *listener = &reader->listener;
    struct plan_limits limits = plan_limits_of(reader->window, reader->vad->options.speech_pad_ms);
    struct plan plan = {0};
    size_t count = 0;
    uint64_t overlap = overlap_of(reader, &limits), kept = overlap ? overlap : limits.pad;
    pst_status status = seek_speech(reader, kept, err);
    while (!status && !reader->given && !listener->ended && listener->heard <= reader->window)
        status = hear_more(reader, err);
    if (!status && is_speech_alone(reader)) {
        reader->ended = 1;
        return give_part(reader, 0, listener->heard, listener->list, listener->count, segment, err);
    }
    if (!status) status = plan_segment(reader, &limits, &plan, &count, err);
    if (status) return status;
    if (!count) return give_silence(reader, segment, err);
    if (plan.cut) cut_speech(reader, &listener->list[0], &plan);
    status = give_planned(reader, &plan, overlap, segment, err);
    if (status) return status;
    reader->is_cut = plan.cut;
    reader->planned = plan.end;
    if (plan.cut) listener_cut(listener, plan.end);
    listener_forget(listener, plan.taken, plan.end);
    drop(reader, plan.end - (plan.cut ? overlap : 0));
    status = seek_speech(reader, kept, err);
    reader->ended = listener->ended && !listener->count;
    if (status) sample_list_free(&segment->samples);
    return status;
}

/* Begins again, with the next channel. */
static pst_status turn(struct segment_reader *reader, pst_error *err) {
    sample_list_free(&reader->held);
    listener_close(&reader->listener);
    reader->given = reader->segments = reader->planned = 0;
    reader->turn = reader->is_cut = 0;
    pst_status status = audio_stream_next_channel(&reader->stream, reader->audio, err);
    if (!status && reader->vad) status = detector_listen(reader->vad, &reader->listener, err);
    return status;
}

pst_status segment_reader_next(struct segment_reader *reader, struct segment *segment,
                               pst_error *err) {
    pst_status status = reader->turn ? turn(reader, err) : PST_OK;
    if (status) return status;
    status =
        reader->vad ? next_by_speech(reader, segment, err) : next_by_window(reader, segment, err);
    if (status) return status;
    segment->last = reader->ended;
    if (!reader->each) return PST_OK;
    segment->channel = reader->stream.channel;
    segment->whole = segment->whole && reader->stream.info.channels == 1;
    reader->turn = reader->ended && (int)segment->channel < reader->stream.info.channels;
    if (reader->turn) reader->ended = 0;
    return PST_OK;
}

uint64_t segment_reader_length(const struct segment_reader *reader) {
    const SF_INFO *info = &reader->stream.info;
    if (!reader->stream.name) return reader->given + reader->held.count + reader->left;
    /* A stream of unknown length has the largest number, or none. */
    double seconds = info->samplerate > 0 ? (double)info->frames / info->samplerate : 0;
    int known = seconds > 0 && seconds <= AUDIO_SECONDS_MAX;
    return known ? (uint64_t)(seconds * PST_SAMPLE_RATE_HZ) : 0;
}

void segment_reader_close(struct segment_reader *reader) {
    audio_stream_close(&reader->stream);
    sample_list_free(&reader->held);
    listener_close(&reader->listener);
    *reader = (struct segment_reader){.ended = 1};
}
