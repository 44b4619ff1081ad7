/* session.c - see session.h. */
#include "pipeline/session.h"

#include <stdlib.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/option_struct.h"
#include "network/attention.h"

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
    status = network_prepare(model->network, model, err);
    if (!status) status = thread_pool_new(&session->pool, session_thread_count(own.threads), err);
    if (status) {
        free(session);
        return status;
    }
    session->model = model;
    session->workspace = (struct workspace){.model = model,
                                            .network = model->network,
                                            .kernels = model->network->kernels,
                                            .pool = session->pool};
    session->search.ws = &session->workspace;
    *out = session;
    return PST_OK;
}

void pst_session_free(pst_session *session) {
    if (!session) return;
    thread_pool_free(session->pool);
    arena_free(&session->arena);
    spans_free(session->spans);
    free(session->active);
    free(session);
}

uint32_t pst_session_threads(const pst_session *session) {
    return thread_pool_size(session->pool);
}

size_t pst_session_memory(const pst_session *session) {
    return sizeof *session + session->arena.capacity;
}

static void lay_out(struct pst_session *session, struct arena *arena, const struct extent *room) {
    workspace_lay_out(&session->workspace, arena, room);
    search_lay_out(&session->search, arena, room);
}

static int fits(const struct pst_session *session, const struct extent *extent) {
    const struct extent *room = &session->room;
    return session->arena.base && extent->rank <= room->rank &&
           extent->scales_outputs <= room->scales_outputs &&
           extent->scales_inputs <= room->scales_inputs && extent->frames1 <= room->frames1 &&
           extent->frames2 <= room->frames2 && extent->frames <= room->frames &&
           extent->tokens <= room->tokens && extent->beams <= room->beams;
}

pst_status session_fit(struct pst_session *session, const struct extent *clip, pst_error *err) {
    struct workspace *ws = &session->workspace;
    struct extent extent = extent_max(clip, &session->needs);
    if (!fits(session, &extent)) {
        struct extent room = extent_max(&extent, &session->room);
        struct arena counter = {0};
        lay_out(session, &counter, &room);
        session->room = (struct extent){0};
        if (counter.overflow || !arena_allocate(&session->arena, counter.used))
            return error_memory(err, counter.used);
        lay_out(session, &session->arena, &room);
        session->room = room;
        rotary_tables(ws, room.frames > room.tokens ? room.frames : room.tokens);
    }
    ws->extent = extent;
    return PST_OK;
}
