/* backend_engine.h - the engine as a backend: the network in network/ over a checkpoint, in the
 * memory of one session. */
#ifndef PST_PIPELINE_BACKEND_ENGINE_H
#define PST_PIPELINE_BACKEND_ENGINE_H

#include "adapter/adapter.h"
#include "base/arena.h"
#include "decode/backend.h"
#include "network/workspace.h"

/* An encoder in place of the engine's own. */
struct encoder {
    /* samples [count] to memory [frames, dim], with the frames that clip_extent_of() tells. */
    pst_status (*encode)(struct encoder *encoder, const float *samples, size_t count, float *memory,
                         pst_error *err);
    void (*free)(struct encoder *encoder);
};

struct engine {
    struct backend backend;
    struct encoder *encoder; /* NULL: the network's */
    struct arena arena;      /* the workspace points into it */
    struct extent capacity;  /* what it is laid out for */
    struct arena caches;     /* and its caches into this, laid out for each transcript anew */
    struct extent extents[STEP_AHEAD_MAX]; /* of the texts that are on their way */
    struct active *active;                 /* [workspace.active_count] or NULL */
    struct extent needs;                   /* of the adapters in use: rank and what they scale */
    size_t followed;                       /* heads whose attention is kept */
    struct workspace workspace;
};

pst_status engine_new(struct backend **backend, const struct pst_model *model,
                      struct thread_pool *pool, pst_error *err);
/* The engine that `backend` is; NULL: another backend. */
struct engine *engine_of(struct backend *backend);

/* Makes room for a text of each of `clips` [count <= STEP_AHEAD_MAX] with the adapters in use, and
 * takes the first in hand. What fits the room there is allocates nothing. */
pst_status engine_fit_texts(struct engine *engine, const struct extent *clips, size_t count,
                            pst_error *err);
pst_status engine_fit(struct engine *engine, const struct extent *clip, pst_error *err);

/* From the next engine_fit() on, the attention of `heads` [count], which must live on, is kept;
 * count 0: none. */
void engine_follow(struct engine *engine, const pst_alignment_head *heads, size_t count);
/* Of the text at hand: [steps, heads, frames] since the clip was encoded, but of beams. */
const float *engine_followed(const struct engine *engine);

/* The encoder is the engine's then, to free it. */
void engine_use_encoder(struct engine *engine, struct encoder *encoder);

/* Adapters [count] that have been checked; `weights` NULL: all 1. */
pst_status engine_use_adapters(struct engine *engine, const struct pst_adapter *const *adapters,
                               const double *weights, size_t count, pst_error *err);

#endif
