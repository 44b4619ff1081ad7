/* session.h - one timeline over a model: its threads, its memory, its adapters. */
#ifndef PST_PIPELINE_SESSION_H
#define PST_PIPELINE_SESSION_H

#include "base/arena.h"
#include "base/spans.h"
#include "decode/search.h"
#include "network/workspace.h"

struct pst_session {
    const struct pst_model *model;
    struct thread_pool *pool;
    struct arena arena;    /* all that follows points into it */
    struct extent room;    /* what it is laid out for */
    struct active *active; /* [workspace.active_count] or NULL */
    struct extent needs;   /* of the adapters in use: rank and what they scale */
    struct workspace workspace;
    struct search search;
    struct spans *spans; /* NULL: nobody is watching; also in workspace */
};

/* The threads that `chosen` means, 0 being one a core within reason. */
unsigned session_thread_count(uint32_t chosen);

/* Makes room for `extent` and the adapters in use, and sets workspace.extent. A clip that fits the room
 * there is uses it as it is. */
pst_status session_fit(struct pst_session *session, const struct extent *extent, pst_error *err);

/* What pst_transcribe() does once the encoder has heard a clip of as many `samples`: what it heard is
 * memory [frames, dim]. Fills in `transcript`, which is the caller's to free in any case. */
pst_status session_decode(struct pst_session *session, const float *memory, size_t samples,
                          const pst_decode_options *options, pst_transcript *transcript,
                          pst_error *err);

#endif
