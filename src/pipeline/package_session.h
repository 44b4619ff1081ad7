/* package_session.h - an open converted model: its functions, its words, and the memory of one clip. */
#ifndef PST_PIPELINE_PACKAGE_SESSION_H
#define PST_PIPELINE_PACKAGE_SESSION_H

#include "kernels/kernels.h"
#include "pipeline/package_backend.h"
#include "pipeline/package_index.h"
#include "tokenizer/tokenizer.h"

/* A function that has been loaded; they are loaded when a clip first needs them. */
struct loaded_part {
    const char *package, *function;
    void *handle;
};

struct pst_converted {
    char *path, *cache_dir;
    int single;                  /* one package: samples in, ids out */
    struct package_index index;  /* of `single` only what both have */
    struct package_length whole; /* the length of `single` */
    struct tokenizer *tokenizer;
    const struct runner *runner;
    struct runner_options options;
    const struct kernels *kernels;
    struct pst_session *decoder; /* goes on from the encoder's output; NULL: a package does */
    struct loaded_part *loaded;  /* [loaded_count] */
    size_t loaded_count;

    /* Of one clip, for the longest length. */
    float *samples;                  /* [samples] */
    float *frame_weights, *key_mask; /* [frames1], [frames] */
    float *cross_mask;               /* [memory] */
    float *self_k, *self_v;          /* [cache_dim, slots] */
    float *scores, *logprobs, *kept; /* [vocab], [vocab], [slots] */
    int32_t *tokens;                 /* [slots + 1] */
};

/* The shortest length that `count` samples fit; NULL: none. */
const struct package_length *package_choose(const struct pst_converted *package, size_t count);
/* The function of `part`, loaded. */
pst_status package_load(struct pst_converted *package, const struct package_part *part,
                        void **handle, pst_error *err);

#endif
