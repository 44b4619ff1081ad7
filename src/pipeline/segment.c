/* segment.c - see segment.h. */
#include "pipeline/segment.h"

#include <string.h>

#include "audio/quiet.h"
#include "base/error.h"

/* The search covers the last fifth of a window: 6 s of 30 hold a pause of nearly any speaker. */
static size_t search_length(size_t window) {
    return window / 5;
}

/* The last segment keeps at least a tenth of a window: shorter ones are below the model's minimum,
 * and a few words are recognised better with some silence around them. */
static size_t rest_length(size_t window) {
    return search_length(window) / 2;
}

pst_status segment_reader_open(struct segment_reader *reader, const pst_clip *clip, size_t window,
                               pst_error *err) {
    *reader = (struct segment_reader){.window = window};
    if (!clip->path && !clip->samples && clip->sample_count)
        return error_set(err, PST_ERR_ARGUMENT, "the clip has neither a path nor samples");
    if (!clip->path) {
        reader->samples = clip->samples;
        reader->left = clip->sample_count;
        return PST_OK;
    }
    if (clip->fd < 0) return audio_stream_open(&reader->stream, clip->path, err);
    return audio_stream_open_fd(&reader->stream, clip->fd, clip->path, err);
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
    *segment = (struct segment){*held, reader->given, reader->given == 0 && reader->ended};
    reader->given += count;
    *held = rest;
    return PST_OK;
}

pst_status segment_reader_next(struct segment_reader *reader, struct segment *segment,
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
    *reader = (struct segment_reader){.ended = 1};
}
