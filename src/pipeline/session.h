/* session.h - a session: threads, the backend that computes, and the search for tokens. */
#ifndef PST_PIPELINE_SESSION_H
#define PST_PIPELINE_SESSION_H

#include "decode/search.h"
#include "model/model.h"

struct pst_session {
    const struct pst_model *model;
    struct thread_pool *pool;
    struct backend *backend;
    struct search search;
    struct search *beside; /* of the other texts of a step: [backend->texts - 1]; NULL: none yet */
    struct spans *spans;   /* NULL: nothing is recorded; the backend has it too */
};

/* The number of threads that `chosen` means; 0 is one a core, up to a limit. */
unsigned session_thread_count(uint32_t chosen);

#endif
