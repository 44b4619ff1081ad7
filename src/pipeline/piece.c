/* piece.c - see piece.h. */
#include "pipeline/piece.h"

#include <string.h>

#include "audio/quiet.h"
#include "base/error.h"

/* Windows are looked through from 4/5 on: 6 s of 30 hold a pause of nearly any speaker. */
static size_t search_length(size_t window) {
    return window / 5;
}

/* What a last piece has at least, and how much wider than that the search is: an end of a few samples
 * would be no clip, and one of a few words is heard better with some silence around. */
static size_t rest_length(size_t window) {
    return search_length(window) / 2;
}

pst_status piece_reader_open(struct piece_reader *reader, const pst_clip *clip, size_t window,
                             pst_error *err) {
    *reader = (struct piece_reader){.window = window};
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

/* Has `count` samples in hand, or all there are; `*all` says which. */
static pst_status hold(struct piece_reader *reader, size_t count, int *all, pst_error *err) {
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

/* Gives the first `count` samples in hand away, and keeps the others in memory of their own. */
static pst_status give(struct piece_reader *reader, size_t count, struct piece *piece,
                       pst_error *err) {
    struct sample_list *held = &reader->held, rest = {0};
    size_t left = held->count - count;
    /* The samples of an empty clip have an address too. */
    if (!sample_list_reserve(held, held->count ? 0 : 1) || !sample_list_reserve(&rest, left))
        return error_memory(err, (left + 1) * sizeof *rest.data);
    if (left) memcpy(rest.data, held->data + count, left * sizeof *rest.data);
    rest.count = left;
    held->count = count;
    *piece = (struct piece){*held, reader->given, reader->given == 0 && reader->ended};
    reader->given += count;
    *held = rest;
    return PST_OK;
}

pst_status piece_reader_next(struct piece_reader *reader, struct piece *piece, pst_error *err) {
    size_t window = reader->window, rest = rest_length(window);
    int all = 0;
    pst_status status = hold(reader, window ? window + rest : SIZE_MAX, &all, err);
    if (status) return status;
    size_t held = reader->held.count;
    if (all && (!window || held <= window)) {
        reader->ended = 1;
        return give(reader, held, piece, err);
    }
    size_t from = window - search_length(window), to = window;
    if (to > held - rest) to = held - rest;
    return give(reader, quiet_find(reader->held.data, from, to), piece, err);
}

void piece_reader_close(struct piece_reader *reader) {
    audio_stream_close(&reader->stream);
    sample_list_free(&reader->held);
    *reader = (struct piece_reader){.ended = 1};
}
