/* session.c - see session.h. */
#include "pipeline/session.h"

#include <stdlib.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/option_struct.h"
#include "pipeline/backend_engine.h"
#include "pipeline/device.h"

/* Beyond this a clip has too few rows a thread to gain from more. */
enum { DEFAULT_THREADS_MAX = 8 };

void pst_session_options_init_sized(pst_session_options *options, size_t struct_size) {
    const pst_session_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

unsigned session_thread_count(uint32_t chosen) {
    if (chosen) return chosen;
    unsigned cores = cpu_count();
    return cores < DEFAULT_THREADS_MAX ? cores : DEFAULT_THREADS_MAX;
}

pst_status pst_session_new(const pst_model *model, const pst_session_options *options,
                           pst_session **out, pst_error *err) {
    if (!model || !out)
        return error_set(err, PST_ERR_ARGUMENT, "model and session must not be NULL");
    pst_session_options own;
    pst_session_options_init(&own);
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_session_options", err);
    if (status) return status;
    struct pst_session *session = calloc(1, sizeof *session);
    if (!session) return error_memory(err, sizeof *session);
    status = thread_pool_new(&session->pool, session_thread_count(own.threads), err);
    if (!status && model->device)
        status = model->device->backend(model->device, session->pool, &session->backend, err);
    else if (!status)
        status = engine_new(&session->backend, model, session->pool, err);
    if (status) {
        pst_session_free(session);
        return status;
    }
    session->model = model;
    session->search.backend = session->backend;
    *out = session;
    return PST_OK;
}

void pst_session_free(pst_session *session) {
    if (!session) return;
    search_free(&session->search);
    for (size_t i = 0; session->beside && i + 1 < session->backend->texts; i++)
        search_free(&session->beside[i]);
    free(session->beside);
    if (session->backend) session->backend->calls->free(session->backend);
    thread_pool_free(session->pool);
    spans_free(session->spans);
    free(session);
}

uint32_t pst_session_threads(const pst_session *session) {
    return thread_pool_size(session->pool);
}

pst_status pst_session_use_threads(pst_session *session, uint32_t threads, pst_error *err) {
    unsigned size = thread_pool_size(session->pool);
    if (threads < 1 || threads > size)
        return error_set(err, PST_ERR_ARGUMENT, "threads is %u, expected 1 to the session's %u",
                         (unsigned)threads, size);
    thread_pool_use(session->pool, threads);
    return PST_OK;
}

size_t pst_session_memory(const pst_session *session) {
    const struct backend *backend = session->backend;
    size_t held = backend->calls->memory ? backend->calls->memory(backend) : 0;
    for (size_t i = 0; session->beside && i + 1 < backend->texts; i++)
        held += sizeof *session->beside + session->beside[i].arena.capacity;
    return sizeof *session + session->search.arena.capacity + held;
}
