/* backend_hybrid.c - packages that encode for the engine's decoder. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/run/package_backend.h"
#include "coreml/run/package_session.h"
#include "model/model.h"
#include "model/moonshine.h"
#include "pipeline/backend_engine.h"

struct package_encoder {
    struct encoder encoder; /* the first member */
    struct package_session session;
};

/* The rows after the clip have no meaning. */
static pst_status encode(struct encoder *encoder, const float *samples, size_t count, float *memory,
                         pst_error *err) {
    struct package_session *session = &((struct package_encoder *)encoder)->session;
    const struct package_length *length = package_session_length(session, count);
    size_t dim = session->package->decoder->config.dim, rows = length->frames;
    struct function *function;
    pst_status status = package_session_encode(session, length, samples, count, &function, err);
    if (!status) status = package_session_reserve(session, rows * dim, err);
    if (!status)
        status =
            session->runner->read(function, "encoder_hidden_states", session->row, rows * dim, err);
    if (!status) memcpy(memory, session->row, clip_extent_of(count).frames * dim * sizeof *memory);
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
