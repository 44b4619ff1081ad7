/* backend_hybrid.c - packages that encode for the engine's decoder. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/run/package_backend.h"
#include "coreml/run/package_session.h"
#include "coreml/run/package_stream.h"
#include "model/family.h"
#include "model/model.h"
#include "pipeline/backend_engine.h"

struct package_encoder {
    struct encoder encoder; /* the first member */
    struct package_session session;
};

static pst_status encode_pieces(struct package_session *session, const float *samples, size_t count,
                                float *memory, pst_error *err) {
    const struct package_length *length = package_session_length(session, count);
    size_t dim = session->package->decoder->config.encoder_dim;
    size_t size = session->package->index.piece.frames * dim;
    struct package_stream stream;
    struct package_rows rows;
    pst_status status = package_session_reserve(session, size, err);
    if (!status) status = package_stream_begin(&stream, session, length, samples, count, err);
    while (!status && package_stream_goes_on(&stream)) {
        status = package_stream_next(&stream, &rows, err);
        if (!status)
            status = session->runner->read(stream.encoder, "encoder_hidden_states", session->row,
                                           size, err);
        if (!status)
            memcpy(memory + rows.first * dim, session->row + rows.row * dim,
                   rows.count * dim * sizeof *memory);
    }
    return status;
}

/* The rows after the clip have no meaning. */
static pst_status encode(struct encoder *encoder, const float *samples, size_t count, float *memory,
                         pst_error *err) {
    struct package_session *session = &((struct package_encoder *)encoder)->session;
    if (session->package->index.piece.frames)
        return encode_pieces(session, samples, count, memory, err);
    const struct package_length *length = package_session_length(session, count);
    const struct config *config = &session->package->decoder->config;
    size_t dim = config->encoder_dim, rows = length->frames;
    struct function *function;
    pst_status status = package_session_encode(session, length, samples, count, &function, err);
    if (!status) status = package_session_reserve(session, rows * dim, err);
    if (!status)
        status =
            session->runner->read(function, "encoder_hidden_states", session->row, rows * dim, err);
    if (!status)
        memcpy(memory, session->row, family_extent_of(config, count).frames * dim * sizeof *memory);
    return status;
}

static void free_encoder(struct encoder *encoder) {
    package_session_close(&((struct package_encoder *)encoder)->session);
    free(encoder);
}

pst_status backend_hybrid_new(const struct package_model *package, struct thread_pool *pool,
                              struct backend **backend, pst_error *err) {
    struct package_encoder *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    made->encoder = (struct encoder){encode, free_encoder};
    pst_status status = package_session_open(&made->session, package, pool, err);
    if (!status) status = engine_new(backend, package->decoder, pool, err);
    if (status)
        free_encoder(&made->encoder);
    else
        engine_use_encoder(engine_of(*backend), &made->encoder);
    return status;
}
