/* package_stream.c - see package_stream.h.
 *
 * This is what an app does with live sound, but that it does not know the end: until then the masks
 * say that all frames so far are of the clip. After the last samples silence follows until every
 * frame has come out. */
#include "coreml/run/package_stream.h"

#include <string.h>

#include "model/family.h"
#include "model/streaming.h"

static const struct package_piece *piece_of(const struct package_stream *stream) {
    return &stream->session->package->index.piece;
}

pst_status package_stream_begin(struct package_stream *stream, struct package_session *session,
                                const struct package_length *length, const float *samples,
                                size_t count, pst_error *err) {
    const struct package_piece *piece = &session->package->index.piece;
    *stream = (struct package_stream){
        .session = session,
        .samples = samples,
        .count = count - count % STREAM_FRAME_SAMPLES,
        .frames = family_extent(FAMILY_STREAMING, count).frames,
    };
    size_t largest = (size_t)piece->frames * STREAM_SAMPLES_PER_FRAME;
    if (largest < (size_t)piece->reach + piece->frames) largest = piece->reach + piece->frames;
    for (size_t i = 0; i < piece->carried_count; i++)
        if (piece->carried[i].count > largest) largest = piece->carried[i].count;
    pst_status status = package_session_reserve(session, largest, err);
    if (status) return status;
    return package_session_load(session, &length->encoder, &stream->encoder, err);
}

int package_stream_goes_on(const struct package_stream *stream) {
    return stream->heard < stream->frames + piece_of(stream)->delay;
}

/* ------------------------------------------------------------------------------------- inputs */

static pst_status write_row(const struct package_stream *stream, const char *input, size_t count,
                            pst_error *err) {
    struct package_session *session = stream->session;
    return session->runner->write(stream->encoder, input, (struct places){0, 1, count},
                                  session->row, err);
}

static pst_status write_samples(const struct package_stream *stream, pst_error *err) {
    size_t room = (size_t)piece_of(stream)->frames * STREAM_SAMPLES_PER_FRAME;
    size_t first = stream->heard * STREAM_SAMPLES_PER_FRAME, count = 0;
    if (first < stream->count) count = stream->count - first < room ? stream->count - first : room;
    float *row = stream->session->row;
    if (count) memcpy(row, stream->samples + first, count * sizeof *row);
    memset(row + count, 0, (room - count) * sizeof *row);
    return write_row(stream, "input_values", room, err);
}

/* Which of the frames up to the last of the piece are of the clip. */
static pst_status write_mask(const struct package_stream *stream, pst_error *err) {
    const struct package_piece *piece = piece_of(stream);
    size_t count = (size_t)piece->reach + piece->frames;
    for (size_t i = 0; i < count; i++) {
        size_t place = stream->heard + i; /* piece->reach more than the frame */
        int inside = place >= piece->reach && place - piece->reach < stream->frames;
        stream->session->row[i] = inside ? 0 : stream->session->package->index.masked;
    }
    return write_row(stream, "key_mask", count, err);
}

static pst_status write_positions(const struct package_stream *stream, pst_error *err) {
    const struct package_piece *piece = piece_of(stream);
    for (size_t i = 0; i < piece->frames; i++) {
        size_t place = stream->heard + i; /* piece->delay more than the frame */
        size_t frame = place < piece->delay ? 0 : place - piece->delay;
        stream->session->row[i] = (float)(frame < stream->frames ? frame : stream->frames - 1);
    }
    return write_row(stream, "positions", piece->frames, err);
}

/* What the piece before has left; of the first one `started` hides it. */
static pst_status write_carried(const struct package_stream *stream, pst_error *err) {
    const struct package_piece *piece = piece_of(stream);
    struct package_session *session = stream->session;
    pst_status status = PST_OK;
    for (size_t i = 0; i < piece->carried_count && stream->heard && !status; i++) {
        const struct package_carried *carried = &piece->carried[i];
        status = session->runner->read(stream->encoder, carried->output, session->row,
                                       carried->count, err);
        if (!status) status = write_row(stream, carried->input, carried->count, err);
    }
    return status;
}

pst_status package_stream_next(struct package_stream *stream, struct package_rows *rows,
                               pst_error *err) {
    const struct package_piece *piece = piece_of(stream);
    size_t before = stream->heard < piece->delay ? piece->delay - stream->heard : 0;
    stream->session->row[0] = stream->heard > 0;
    pst_status status = write_row(stream, "started", 1, err);
    if (!status) status = write_carried(stream, err);
    if (!status) status = write_samples(stream, err);
    if (!status) status = write_mask(stream, err);
    if (!status) status = write_positions(stream, err);
    if (!status) status = stream->session->runner->run(stream->encoder, err);
    if (status) return status;
    if (before > piece->frames) before = piece->frames;
    *rows = (struct package_rows){.row = before, .first = stream->heard + before - piece->delay};
    if (before == piece->frames) rows->first = 0;
    rows->count = piece->frames - before;
    if (rows->count > stream->frames - rows->first) rows->count = stream->frames - rows->first;
    stream->heard += piece->frames;
    return PST_OK;
}
