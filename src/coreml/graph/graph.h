/* graph.h - the Moonshine network as Core ML programs, part by part.
 *
 * Tensors are [1, channels, 1, positions], what the Neural Engine is made for: a projection
 * is a 1x1 convolution, a norm runs over the channels, attention is two batched products.
 * Everything between the inputs and the outputs has one float type. Functions here return
 * the value they compute; names are the graph's prefix and their own. As all of mil.h, they
 * never fail one by one. */
#ifndef PST_COREML_GRAPH_GRAPH_H
#define PST_COREML_GRAPH_GRAPH_H

#include "coreml/mil/mil.h"
#include "coreml/weights/stored_weights.h"
#include "model/model.h"
#include "model/moonshine.h"

/* Where a program will run: its specification number decides what it may hold. */
enum { GRAPH_IOS15 = 6, GRAPH_IOS16 = 7, GRAPH_IOS18 = 9 };

/* What is added to the scores of positions that are not to be seen: exp() of it is 0 beside any
 * score (those of the published models stay below 200), and float16 holds it. Parts of the first
 * Neural Engines are said to cut numbers off at 4,094. */
#define GRAPH_MASKED (-4000.0f)

enum { GRAPH_FEATURES_MAX = 16, GRAPH_PREFIX_MAX = 64 };

/* A function under construction. */
struct graph {
    struct mil_model *model;
    struct mil_function *function;
    struct mil_block *block; /* where operations go: the function's, or one inside it */
    enum mil_dtype dtype;    /* of what is computed: F16 or F32 */
    enum mil_dtype io;       /* of float inputs and outputs: F16, or F32 where F16 cannot be one */
    int32_t specification;   /* GRAPH_IOS15, ... */
    const struct config *config;
    const struct weights *weights; /* which module is which */
    const struct stored_weights *stored;
    int tied; /* one table is embedding and output matrix */
    /* The residual stream of each stack is computed times a power of two that keeps its squares in
     * float16, and the weights of what is added to it have been scaled by that; 0: it is computed
     * as it is, and each norm limits what it takes. `residual` is that of the stack at hand. */
    float encoder_residual, decoder_residual, residual;
    struct graph_constant *constants; /* parameters, each once */
    char prefix[GRAPH_PREFIX_MAX];    /* of names */
    struct mil_interface interface;
};

/* Begins the function `name` of g->model; the other fields of `g` but prefix are set. */
void graph_begin(struct graph *g, const char *name);
/* Adds its interface to the model. With `named` the model has several functions. */
void graph_end(struct graph *g, int named);

/* Sets the prefix of names to "<part>_" or, with an index, "<part>_<index>_". */
void graph_name(struct graph *g, const char *part);
void graph_name_layer(struct graph *g, const char *part, uint32_t index);

/* ---------------------------------------------------------------------------------- interface */

/* An input of the function, with what the app reads about it; F32 or F16 becomes
 * g->dtype inside. */
struct mil_value *graph_input(struct graph *g, const char *name, enum mil_dtype dtype,
                              uint32_t rank, const int64_t *dims, const char *description);
/* The same, but it keeps its type inside. */
struct mil_value *graph_input_plain(struct graph *g, const char *name, enum mil_dtype dtype,
                                    uint32_t rank, const int64_t *dims, const char *description);
struct mil_value *graph_state(struct graph *g, const char *name, uint32_t rank, const int64_t *dims,
                              const char *description);
struct mil_value *graph_read_state(struct graph *g, const char *name,
                                   const struct mil_value *state);
void graph_write_state(struct graph *g, const struct mil_value *state,
                       const struct mil_value *data);
/* `value` becomes an output, of g->io when it is float. */
void graph_output(struct graph *g, const char *name, struct mil_value *value,
                  const char *description);

/* -------------------------------------------------------------------------------- operations */

/* A shape in a call: graph_reshape(g, "x", x, SHAPE(1, 8, 36, frames)). */
#define SHAPE(...)                                                                                 \
    (uint32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {            \
        __VA_ARGS__                                                                                \
    }

struct mil_value *graph_int(struct graph *g, int32_t value);
struct mil_value *graph_ints(struct graph *g, const int32_t *values, size_t count);
struct mil_value *graph_bool(struct graph *g, int value);
struct mil_value *graph_text(struct graph *g, const char *text);
/* A scalar of g->dtype. */
struct mil_value *graph_float(struct graph *g, const char *name, float value);
/* A tensor of g->dtype. */
struct mil_value *graph_floats(struct graph *g, const char *name, const float *values,
                               uint32_t rank, const int64_t *dims);
/* first, first + 1, ..., as [1, 1, 1, count] or, `upright`, [1, 1, count, 1]. */
struct mil_value *graph_numbers(struct graph *g, const char *name, float first, int64_t count,
                                int upright);
/* The int32 numbers first, first + step, ... in row-major order. */
struct mil_value *graph_series(struct graph *g, const char *name, int32_t first, int32_t step,
                               uint32_t rank, const int64_t *dims);
/* A stored weight or bias in another shape of as many elements; of one that is not compressed, the
 * first of them. */
struct mil_value *graph_stored(struct graph *g, const char *name, const struct stored *stored,
                               uint32_t rank, const int64_t *dims);

/* Any operation of one result: its parameters by name and value, ended by NULL. One without a value
 * is left out. What an operation uses has to be made before it. */
struct mil_value *graph_op(struct graph *g, const char *type, const char *name,
                           struct mil_type result, ...) __attribute__((sentinel));

/* One or two tensors and nothing else: tanh, silu, add, mul, less, ... */
struct mil_value *graph_unary(struct graph *g, const char *type, const char *name,
                              const struct mil_value *x);
struct mil_value *graph_binary(struct graph *g, const char *type, const char *name,
                               const struct mil_value *x, const struct mil_value *y);
struct mil_value *graph_gelu(struct graph *g, const char *name, const struct mil_value *x);
struct mil_value *graph_cast(struct graph *g, const char *name, const struct mil_value *x,
                             enum mil_dtype dtype);
struct mil_value *graph_reshape(struct graph *g, const char *name, const struct mil_value *x,
                                uint32_t rank, const int64_t *dims);
struct mil_value *graph_transpose(struct graph *g, const char *name, const struct mil_value *x,
                                  const int32_t *order);
/* Mean or maximum ("reduce_mean", "reduce_max") over one axis, which stays with size 1. */
struct mil_value *graph_reduce(struct graph *g, const char *type, const char *name,
                               const struct mil_value *x, int32_t axis);
struct mil_value *graph_concat(struct graph *g, const char *name,
                               const struct mil_value *const *values, size_t count, int32_t axis);
/* Cuts `x` along `axis` into parts of these sizes, named <name>_0, ... */
void graph_split(struct graph *g, const char *name, const struct mil_value *x, int32_t axis,
                 const int32_t *sizes, size_t count, struct mil_value **parts);
struct mil_value *graph_matmul(struct graph *g, const char *name, const struct mil_value *x,
                               const struct mil_value *y, int transpose_x, int transpose_y);
struct mil_value *graph_softmax(struct graph *g, const char *name, const struct mil_value *x);
/* Columns `first` to first + count of the last axis. */
struct mil_value *graph_cut(struct graph *g, const char *name, const struct mil_value *x,
                            int64_t first, int64_t count);
/* Rows `index` [...] of `table` [rows, ...], as [..., ...]. */
struct mil_value *graph_gather(struct graph *g, const char *name, const struct mil_value *table,
                               const struct mil_value *index);
/* `filling` before and behind the last axis. */
struct mil_value *graph_pad(struct graph *g, const char *name, const struct mil_value *x,
                            int32_t before, int32_t behind, float filling);
/* A valid convolution along the last axis by weight [out, in, 1, width]; bias may be NULL. */
struct mil_value *graph_convolve(struct graph *g, const char *name, const struct mil_value *x,
                                 const struct mil_value *weight, const struct mil_value *bias,
                                 int32_t stride);
/* The same by module `slot`. */
struct mil_value *graph_conv(struct graph *g, const char *name, const struct mil_value *x,
                             uint32_t slot, int32_t width, int32_t stride);

/* ------------------------------------------------------------------------------------ blocks */

/* What begins the residual stream, times g->residual. */
struct mil_value *graph_begin_residual(struct graph *g, struct mil_value *x);

struct mil_value *graph_layer_norm(struct graph *g, const char *name, const struct mil_value *x,
                                   const struct norm *norm);
struct mil_value *graph_project(struct graph *g, const char *name, const struct mil_value *x,
                                const struct linear *linear);
/* Rotary tables of positions from 0 on: that of row `row` of a head at `position` goes to
 * [position * position_stride + row * row_stride]. */
void graph_rotary_tables(const struct config *config, size_t positions, float *cosine, float *sine,
                         size_t position_stride, size_t row_stride);
/* Queries and keys [1, heads * head_dim, 1, positions], together, by those tables
 * [1, 1, head_dim, positions]; they become [1, heads, head_dim, positions]. */
void graph_rotate(struct graph *g, struct mil_value **q, struct mil_value **k,
                  const struct mil_value *cosine, const struct mil_value *sine);
/* [1, heads * head_dim, 1, positions] to [1, heads, head_dim, positions] */
struct mil_value *graph_heads(struct graph *g, const char *name, const struct mil_value *x,
                              uint32_t head_dim);
/* Queries by keys and values [1, heads, head_dim, positions]; mask broadcasts over
 * [1, heads, queries, keys] (NULL: none). Gives [1, width, 1, queries]. */
struct mil_value *graph_attend(struct graph *g, const char *name, const struct mil_value *q,
                               const struct mil_value *k, const struct mil_value *v,
                               const struct mil_value *mask);

/* ---------------------------------------------------------------------------------- networks */

/* graph_stem.c: samples [1, count], or in blocks, to [1, dim, 1, frames]; frame_weights
 * [1, 1, 1, frames1] say which frames belong to the clip (NULL: all). */
struct mil_value *graph_stem(struct graph *g, const struct mil_value *samples, int64_t count,
                             const struct mil_value *frame_weights);
/* The last rows that the next piece of audio begins with, [1, channels, 1, STREAM_PAD]. */
struct graph_tails {
    struct mil_value *frames, *conv1;
};
/* graph_embedder.c: the same of the streaming family, float32 samples, after `tails`, which become
 * those of the next piece (NULL: after nothing). */
struct mil_value *graph_embedder(struct graph *g, const struct mil_value *samples, int64_t count,
                                 struct graph_tails *tails);

/* The whole encoder for clips of exactly `extent`, or, with `masked`, for shorter ones too; with
 * `blocks` as graph_shape has it. */
struct mil_value *graph_encode(struct graph *g, const struct clip_extent *extent, int masked,
                               int blocks);
/* A layer of it from its queries, keys and values [1, heads, head_dim, positions] on; x [1, dim, 1,
 * queries]. */
struct mil_value *graph_encoder_attend(struct graph *g, const struct mil_value *x,
                                       const struct encoder_layer *layer, struct mil_value *q,
                                       struct mil_value *k, struct mil_value *v,
                                       const struct mil_value *mask);
/* graph_window.c: [1, 1, queries, keys], GRAPH_MASKED where key j is not in the window of query i,
 * which is `shift` + i - j positions after it; and key_mask [1, 1, 1, keys] (NULL: none) added. */
struct mil_value *graph_window_mask(struct graph *g, struct window window, int64_t queries,
                                    int64_t keys, int64_t shift, const struct mil_value *key_mask);
/* The memory as the decoder wants it: in the streaming family with learned positions [1, dim, 1,
 * frames] added, and projected. */
struct mil_value *graph_place(struct graph *g, struct mil_value *memory,
                              const struct mil_value *positions);
/* The same from the first position on. */
struct mil_value *graph_placed(struct graph *g, struct mil_value *memory);
/* Keys and values of the audio for all layers of the decoder, [1, layers * width, 1, frames]. */
void graph_cross_kv(struct graph *g, const struct mil_value *memory, struct mil_value **cross_k,
                    struct mil_value **cross_v);

/* graph_vocabulary.c: the embedding and the output matrix, in parts, which lie in a block that
 * encloses all that use them. */
struct graph_vocabulary {
    struct mil_value **embedding, **output;
};
void graph_vocabulary(struct graph *g, struct graph_vocabulary *vocabulary);
/* The embeddings of tokens [1, ahead], [1, dim, 1, ahead]. */
struct mil_value *graph_embed(struct graph *g, const struct graph_vocabulary *vocabulary,
                              const struct mil_value *tokens);
/* The scores that x [1, dim, 1, ahead] gives all tokens, [ahead, vocab]. */
struct mil_value *graph_scores(struct graph *g, const struct graph_vocabulary *vocabulary,
                               const struct mil_value *x);
/* Of x [1, dim, 1, 1]: the token with the highest score, the first of several, [1, 1], and that,
 * [1, 1, 1, 1]; where no score is a number, the token is the number of tokens. */
void graph_best(struct graph *g, const struct graph_vocabulary *vocabulary,
                const struct mil_value *x, struct mil_value **token, struct mil_value **score);

/* One step of the decoder. */
struct graph_step {
    int best;      /* it gives the best token, not the scores of all; only with ahead 1 */
    int32_t ahead; /* tokens of one text that it takes */
    const struct mil_value *token, *position; /* int32 [1, ahead], [ahead] */
    const struct mil_value *self_k, *self_v;  /* [1, layers * width, 1, slots] */
    const struct mil_value *cross_k, *cross_v,
        *cross_mask; /* [..., frames]; the mask may be NULL */
    int32_t slots;   /* of the cache */
    /* Results: what is to be kept, [1, layers * width, 1, ahead], and where, [1, 1, ahead, slots],
     * each row one-hot; keep_mask [1, 1, 1, slots] has 1 where no row writes. */
    struct mil_value *new_k, *new_v, *write_mask, *keep_mask;
    struct mil_value *logits;             /* [ahead, vocab], or: */
    struct mil_value *best_token, *score; /* [1, 1], [1, 1, 1, 1] */
    /* Set by graph_step_tables(), in a block that encloses all steps. */
    struct graph_vocabulary vocabulary;
    struct mil_value *angles, *numbers;
};
void graph_step_tables(struct graph *g, struct graph_step *step);
void graph_step(struct graph *g, struct graph_step *step);
/* A cache with what the step computed in its place. */
struct mil_value *graph_update_cache(struct graph *g, const char *name,
                                     const struct mil_value *cache, const struct mil_value *fresh,
                                     const struct graph_step *step);

/* The functions of packages. `name` is the function's, "main" where there is but one. */
struct graph_shape {
    struct clip_extent extent;
    int32_t memory; /* frames that the decoder takes: the encoder's, filled up */
    int32_t slots;  /* of the decoder's cache */
    int32_t ahead;  /* tokens that a call of the decoder takes; 0: one */
    int32_t tokens; /* at most, with the start token */
    int32_t start;
    const int32_t *ends; /* [end_count], at least one */
    size_t end_count;
    int state;     /* the cache is a state of the decoder */
    int token;     /* the decoder of one token a call gives the best, not the scores of all */
    int blocks;    /* samples come as [1, 1, N / 64, 64], of the type of other inputs */
    int32_t piece; /* frames that a call of the encoder hears; 0: a whole clip */
};
/* graph_piece.c: how an encoder that hears pieces of `frames` frames is fed. */
struct graph_piece {
    int32_t frames;
    int32_t delay; /* its rows are of so many frames before those that it hears */
    int32_t reach; /* frames before the piece that key_mask tells of */
};
struct graph_piece graph_piece_of(const struct config *config, int32_t frames);
void graph_piece(struct graph *g, const char *name, const struct graph_shape *shape);
void graph_encoder(struct graph *g, const char *name, const struct graph_shape *shape, int named);
void graph_decoder(struct graph *g, const char *name, const struct graph_shape *shape, int named);
void graph_single(struct graph *g, const struct graph_shape *shape);

#endif
