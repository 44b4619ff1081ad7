/* session.h - one timeline over a model: its threads, who computes, and the search for tokens. */
#ifndef PST_PIPELINE_SESSION_H
#define PST_PIPELINE_SESSION_H

#include "decode/search.h"
#include "model/model.h"

struct pst_session {
    const struct pst_model *model;
    struct thread_pool *pool;
    struct backend *backend;
    struct search search;
    struct spans *spans; /* NULL: nobody is watching; also in the backend */
};

/* The threads that `chosen` means, 0 being one a core within reason. */
unsigned session_thread_count(uint32_t chosen);

#endif
