/* workspace.h - the memory of one forward pass, and what the passes share.
 *
 * Everything the network writes lies in the session's arena, placed by workspace_lay_out(); nothing is
 * allocated while a clip is transcribed. Activations are time-major: a row is a frame or a token. */
#ifndef PST_NETWORK_WORKSPACE_H
#define PST_NETWORK_WORKSPACE_H

#include <stddef.h>
#include <stdint.h>

#include "adapter/effect.h"
#include "base/arena.h"
#include "base/spans.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "model/model.h"
#include "model/moonshine.h"
#include "network/network.h"

/* Tokens that one task of the output matrix handles (logits.c). */
enum { LOGITS_BLOCK = 256 };

/* Gated outputs of a feed-forward layer that one task of a step handles at most. */
enum { GATE_OUTS = 256 };

/* The shape of one piece of work. */
struct extent {
    size_t frames1, frames2, frames; /* after conv1, conv2, conv3 */
    size_t beams;                    /* rows of a decoder step */
    size_t tokens;                   /* longest transcript, start token included */
    size_t rank;                     /* of all adapters in use together */
    size_t scales_outputs;           /* 1: some adapter in use scales outputs of a map; else 0 */
    size_t scales_inputs;            /* the same of inputs */
};

/* An adapter in use. */
struct active {
    const struct effect *effects; /* [module_count] by slot */
    double weight;                /* of its scales; 1: as trained */
};

/* Called with the output of each stage; for tests. data [rows, cols]. */
typedef void (*trace_fn)(void *user, const char *stage, const float *data, size_t rows,
                         size_t cols);

/* What one thread takes a block of rows through (blocks.h). */
struct block_room {
    float *values;           /* activations that no other block needs */
    float *attend;           /* of attend_rows() */
    float *panel;            /* of matmul(): [kernels panel, longest sum] */
    unsigned char *prepared; /* rows as packed weights meet them */
    float *scale;            /* of those */
    float *inner;            /* [rows, rank]: A(x) of a map, adapter by adapter */
    float *scaled;           /* scaled inputs of a map */
    float *aside;            /* [rows, dim] of a map, before its outputs are scaled */
    float *gains;            /* [2, outputs] of the widest map */
};

/* Sum and sum of squares about the mean of a part of the clip. */
struct moments {
    double count, mean, squares;
};

struct workspace {
    const struct pst_model *model;
    const struct network *network;
    const struct kernels *kernels; /* of the network */
    struct thread_pool *pool;
    const struct active *active; /* [active_count] in the order they act; none: the bare base */
    size_t active_count;
    trace_fn trace;
    void *trace_user;
    struct spans *spans; /* NULL: nobody is watching */

    struct extent extent; /* of the clip at hand */

    struct block_room *rooms; /* [threads] */

    float **scratch;      /* [threads]: a packed panel, then attention scores of a step */
    size_t scores_offset; /* of the scores in a scratch */
    float *lora_inner;    /* [3, beams, rank]: A(x) of up to three maps that share an input */
    float *scaled;        /* the scaled inputs of as many maps, scaled_room apart */
    size_t scaled_room;
    float *embed_room; /* [2, dim]: factors of an embedding */
    unsigned char
        *prepared; /* rows of up to three maps of a step as their packed weights meet them */
    float *prepared_scale;   /* [3, beams] */
    size_t prepared_longest; /* values of the longest such row */

    float *conv1;                         /* [frames1, dim] */
    struct moments *moments;              /* [blocks of conv1] */
    float *channel_scale, *channel_shift; /* [dim] of the group norm */

    float *hidden;      /* [frames, dim]: residual stream of the encoder, then the memory */
    float *q;           /* [frames, width], then what attention mixes */
    float *k[2], *v[2]; /* [frames, width] of a layer; the next one's are made while it is read */
    float *cos, *sin;   /* [max(frames, tokens), rotary pairs] */

    float *cross_k, *cross_v;  /* f32: [decoder_layers, frames, width] */
    uint16_t *half_k, *half_v; /* below: [decoder_layers, heads, tiles, head_dim, F16_TILE] */
    float *halving;         /* [threads, 2, rows of a block, width] of both, on their way there */
    float *cross_scores;    /* [threads, beams, tiles * F16_TILE] */
    float *self_k, *self_v; /* [decoder_layers, tokens, beams, width] */
    int *history;           /* [2, beams, tokens]: row of the cache that holds each past token */
    float *step_hidden;     /* [beams, dim] */
    float *step_normed;     /* [beams, dim] */
    float *step_mixed;      /* [beams, width] */
    float *step_inner;      /* [beams, decoder_ffn] */
    float *slices;          /* [threads, 4, beams + 2, slice_stride] of outputs (step.c) */
    size_t slice_outs, slice_stride;
    float *logits; /* [beams, vocab] */

    unsigned char
        *coarse_rows; /* [beams, at least 2, dim] of int8: the rows that logits are products of */
    float *coarse_scale;    /* [the same] */
    float *coarse_split;    /* [2, dim] */
    float *coarse_products; /* [threads, 2, LOGITS_BLOCK] */
    float *bounds;          /* [vocab] no logit is higher */
    uint32_t *block_best;   /* [vocab / LOGITS_BLOCK] token with the highest coarse logit */
    float *block_bound;     /* the same: highest bound */
};

/* Frames of each stage for `samples`; extent->frames is 0 when the clip is too short. */
void extent_of_clip(struct extent *extent, size_t samples);

/* The elementwise larger of two extents. */
struct extent extent_max(const struct extent *a, const struct extent *b);

/* Takes everything above from `arena`, with room for `extent`. */
void workspace_lay_out(struct workspace *ws, struct arena *arena, const struct extent *extent);

void workspace_trace(const struct workspace *workspace, const char *stage, const float *data,
                     size_t rows, size_t cols);

#endif
