/* package_stream.h - a clip through the encoder of the layout `stream`, piece by piece. */
#ifndef PST_COREML_RUN_PACKAGE_STREAM_H
#define PST_COREML_RUN_PACKAGE_STREAM_H

#include "coreml/run/package_session.h"

/* A clip, and how far it has been heard. */
struct package_stream {
    struct package_session *session;
    struct function *encoder;
    const float *samples; /* [count] of whole frames of 5 ms */
    size_t count;
    size_t frames; /* of the clip */
    size_t heard;  /* frames that pieces so far have brought */
};

/* The rows of a piece that are frames of the clip: `count` of them from `row` on, which is the
 * frame `first`. */
struct package_rows {
    size_t row, first, count;
};

/* Begins a clip, samples [count], which stay as they are until its end. */
pst_status package_stream_begin(struct package_stream *stream, struct package_session *session,
                                const struct package_length *length, const float *samples,
                                size_t count, pst_error *err);
/* Is there another piece to hear, or a frame to come? */
int package_stream_goes_on(const struct package_stream *stream);
/* Hears a piece; its outputs are the encoder's. */
pst_status package_stream_next(struct package_stream *stream, struct package_rows *rows,
                               pst_error *err);

#endif
