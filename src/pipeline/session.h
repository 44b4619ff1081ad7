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

/* What pst_transcribe() does once the encoder has heard a clip of as many `samples`: what it heard is
 * memory [frames, dim]. Fills in `transcript`, which is the caller's to free in any case. */
pst_status session_decode(struct pst_session *session, const float *memory, size_t samples,
                          const pst_decode_options *options, pst_transcript *transcript,
                          pst_error *err);

#endif
