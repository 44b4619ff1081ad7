/* workspace.h - the memory of one forward pass, and what the passes share.
 *
 * Everything the network writes lies in the session's arena, placed by workspace_lay_out()
 * (workspace_layout.h); nothing is allocated while a clip is transcribed. Activations are
 * time-major: a row is a frame or a token. */
#ifndef PST_NETWORK_WORKSPACE_H
#define PST_NETWORK_WORKSPACE_H

#include <stddef.h>
#include <stdint.h>

#include "adapter/effect.h"
#include "base/spans.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "model/model.h"
#include "model/moonshine.h"
#include "network/network.h"

/* Projections that share an input and are computed together at most: q, k and v. */
enum { PROJECTIONS_MAX = 3 };

/* Tokens that a step takes at most, of one text or of several: rows have the values that each has
 * alone only up to as many (kernels.h). */
enum { STEP_AHEAD_MAX = KERNELS_FEW_ROWS };

/* Tokens that one task of the output matrix handles (logits.c). */
enum { LOGITS_BLOCK = 256 };

/* The shape of one piece of work. */
struct extent {
    size_t frames1, frames2, frames; /* after each step of the front end (struct clip_extent) */
    size_t encoded;                  /* frames that the encoder has at once: all, or a piece's */
    size_t beams;                    /* rows of a decoder step */
    size_t ahead;                    /* or tokens of texts that it takes; 0: as 1 */
    size_t tokens;                   /* longest transcript, start token included */
    size_t rank;                     /* of all adapters in use together */
    size_t scales_outputs;           /* 1: an adapter in use scales outputs of a module; else 0 */
    size_t scales_inputs;            /* the same of inputs */
    size_t followed;                 /* heads whose attention is kept */
};

/* An adapter in use. */
struct active {
    const struct effect *effects; /* [module_count] by slot */
    double weight;                /* of its scales; 1: as trained */
};

/* Called with the output of each stage; for tests. data [rows, cols]. */
typedef void (*trace_fn)(void *user, const char *stage, const float *data, size_t rows,
                         size_t cols);

/* Memory that one thread writes and no other reads. */
struct scratch {
    float *panel; /* of matmul(): [kernels panel, longest sum] */
    float *aside; /* outputs, before adapters scale them: [rows, outputs] */
    float *gains; /* [2, outputs]: what adapters multiply outputs by, and add */

    /* For a block of rows (block.h). */
    float *values;           /* activations that no other block needs */
    float *attend;           /* of attend_rows() */
    float *window_scores;    /* of attend() in a window of the encoder */
    unsigned char *prepared; /* rows in the precision of packed weights */
    float *prepared_scale;   /* int8: [rows] of those */
    float *lora_a;           /* [rows, rank]: A(x), adapter by adapter */
    float *scaled;           /* inputs that adapters have scaled */
    float *kv;               /* [2, rows, width] of the memory, before they are stored as float16 */

    /* For a step (step.h). */
    float *slices[PROJECTIONS_MAX]; /* [rows, slice_stride] of outputs */
    float *scores;                  /* [max(frames, tokens)] of attention */
    float *scores_f16;              /* [rows, tiles * F16_TILE] */
    float *logits;                  /* [2 * ahead, LOGITS_BLOCK] */
};

/* Sum and sum of squares about the mean of a part of the clip. */
struct moments {
    double count, mean, squares;
};

/* What the decoder keeps of a text while it grows. */
struct decoder_cache {
    /* Keys and values of the memory, for all layers. */
    size_t frames;                       /* of the memory so far */
    size_t room;                         /* for so many: those of the clip, or of a stream's line */
    float *cross_k, *cross_v;            /* f32: [decoder_layers, room, width] */
    uint16_t *cross_k_f16, *cross_v_f16; /* below: [decoder_layers, heads, tiles, head_dim,
                                          * F16_TILE] */
    /* Those of the tokens. */
    size_t tokens, beams;   /* room for so many */
    float *self_k, *self_v; /* [decoder_layers, tokens, beams, width] */
    int *history;           /* [2, beams, tokens]: row of the cache of each past token */
    /* The cross-attention of heads that are followed, for the times of words. */
    float *followed; /* [tokens, followed, frames] */
};

/* One input of a projection of a step, as adapters and packed weights want it. */
struct step_input {
    float *lora_a;           /* [rows, rank]: A(x), adapter by adapter */
    float *scaled;           /* [rows, in] by adapters */
    unsigned char *prepared; /* rows in the precision of packed weights */
    float *prepared_scale;   /* int8: [rows] of those */
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

    struct extent extent;    /* of the clip at hand */
    struct scratch *scratch; /* [threads] */
    float *cos, *sin;        /* [max(frames, tokens), rotary pairs] */
    float *memory; /* [encoded, encoder_dim]: residual stream of the encoder, then its output */

    struct {
        float *conv1;                         /* [frames1, dim] */
        struct moments *moments;              /* [blocks of conv1] */
        float *channel_scale, *channel_shift; /* [dim]: the group norm */
    } stem;

    struct {
        float *q;           /* [encoded, encoder_width], then the context in its place */
        float *k[2], *v[2]; /* [encoded, key-value width] of a layer, and of the next */
    } encoder;

    float *decoder_memory; /* [encoded, dim]: the memory as the decoder wants it, see cross_kv.h */
    /* Of each text that is on its way; `text` is the one that is encoded and, where a step is of
     * one, stepped on. */
    struct decoder_cache caches[STEP_AHEAD_MAX];
    size_t text;

    struct {
        struct step_input inputs[PROJECTIONS_MAX];
        float *hidden;                   /* [rows, dim]: the residual stream */
        float *normed;                   /* [rows, dim]: its layer norm */
        float *context;                  /* [rows, width]: what attention gives */
        float *gated;                    /* [rows, decoder_ffn]: silu(gate) * value */
        size_t slice_outs, slice_stride; /* the most outputs of a slice, and what its row takes */
    } step;

    const pst_alignment_head *followed; /* [extent.followed]: whose attention is kept */

    struct {
        float *all;           /* [rows, vocab] */
        unsigned char *rows;  /* [rows, at least 2 * ahead, dim]: the input as int8 */
        float *rows_scale;    /* [the same] */
        float *split;         /* [2, dim]: a row of the input in two parts */
        size_t searched;      /* rows that all that follows and `all` are of; 0: of none */
        float *sizes;         /* [ahead]: |x|; 0: no bounds are known */
        float *bounds;        /* [ahead, vocab]: no logit is higher */
        uint32_t *block_best; /* [ahead, blocks]: the token with the highest approximate logit */
        float *block_bound;   /* [ahead, blocks]: the highest bound */
    } logits;
};

static inline struct decoder_cache *cache_at_hand(struct workspace *ws) {
    return &ws->caches[ws->text];
}

/* Rows of a step at most. */
static inline size_t extent_rows(const struct extent *extent) {
    size_t ahead = extent->ahead ? extent->ahead : 1;
    return extent->beams > ahead ? extent->beams : ahead;
}

/* Below f32 keys and values of the memory are kept as float16. */
static inline int cross_kv_is_f16(const struct workspace *ws) {
    return ws->network->precision != PST_PRECISION_F32;
}

/* Frames of each stage for `samples`, encoded at once; extent->frames is 0 when the clip is too
 * short. */
void extent_of_clip(struct extent *extent, const struct config *config, size_t samples);

/* The elementwise larger of two extents. */
struct extent extent_max(const struct extent *a, const struct extent *b);

void workspace_trace(const struct workspace *ws, const char *stage, const float *data, size_t rows,
                     size_t cols);
/* The same for layer `number` of "encoder" or "decoder". */
void workspace_trace_layer(const struct workspace *ws, const char *stack, uint32_t number,
                           const float *data, size_t rows, size_t cols);

#endif
