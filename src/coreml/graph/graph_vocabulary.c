/* graph_vocabulary.c - the embeddings of tokens, the scores of all tokens, and the best of them.
 *
 * Some Neural Engines take no axis over 16,384, so the tables are cut into parts of as many tokens.
 * A part is the weight of a 1x1 convolution, which gives scores, and embeddings are looked up in it
 * as well: where both are one table, the weight file has it once. */
#include "coreml/graph/graph.h"

/* Tokens of a part; and of a block of scores, in which one is found by a number that float16 has
 * exactly. */
enum { PART = 16384, BLOCK = 2048 };

static int32_t part_count(const struct graph *g) {
    return (int32_t)((g->config->vocab + PART - 1) / PART);
}

static int32_t part_rows(const struct graph *g, int32_t part) {
    int32_t behind = (int32_t)g->config->vocab - part * PART;
    return behind < PART ? behind : PART;
}

/* The table of a module in parts of [rows, dim, 1, 1]. */
static struct mil_value **parts_of(struct graph *g, const char *name, uint32_t slot) {
    const struct stored *all = &g->stored->modules[slot].weight;
    int32_t count = part_count(g);
    struct mil_value **parts = mil_alloc(g->model, (size_t)count * sizeof *parts);
    for (int32_t i = 0; parts && i < count; i++) {
        int32_t rows = part_rows(g, i);
        struct stored some = stored_rows(all, (size_t)i * PART, (size_t)rows);
        const char *own = count > 1 ? mil_text(g->model, "%s_%d", name, i) : name;
        parts[i] = graph_stored(g, own, &some, SHAPE(rows, g->config->dim, 1, 1));
    }
    return parts;
}

void graph_vocabulary(struct graph *g, struct graph_vocabulary *vocabulary) {
    const struct weights *weights = g->weights;
    graph_name(g, "");
    vocabulary->embedding = parts_of(g, "embed_tokens", weights->embed_tokens.slot);
    vocabulary->output =
        g->tied ? vocabulary->embedding : parts_of(g, "proj_out", weights->proj_out.slot);
}

/* ----------------------------------------------------------------------------------- embeddings */

/* The rows of a part at tokens [ahead], and any of it for tokens of others: [ahead, dim, 1, 1]. */
static struct mil_value *look_up(struct graph *g, struct mil_value *table, int32_t part,
                                 struct mil_value *tokens) {
    struct mil_model *model = g->model;
    if (part > 0) {
        struct mil_value *first = graph_int(g, part * PART), *none = graph_int(g, 0);
        tokens = graph_binary(g, "sub", mil_text(model, "token_from_%d", part), tokens, first);
        tokens = graph_binary(g, "maximum", mil_text(model, "token_in_%d", part), tokens, none);
    }
    if (part + 1 < part_count(g)) {
        struct mil_value *last = graph_int(g, part_rows(g, part) - 1);
        tokens = graph_binary(g, "minimum", mil_text(model, "token_of_%d", part), tokens, last);
    }
    return graph_gather(g, mil_text(model, "embedded_%d", part), table, tokens);
}

struct mil_value *graph_embed(struct graph *g, const struct graph_vocabulary *vocabulary,
                              const struct mil_value *tokens) {
    struct mil_model *model = g->model;
    if (!tokens || !vocabulary->embedding) return NULL;
    int64_t ahead = tokens->type.dims[1];
    struct mil_value *list = graph_reshape(g, "token_list", tokens, SHAPE(ahead)), *upright = list;
    struct mil_value *x = look_up(g, vocabulary->embedding[0], 0, list);
    if (ahead > 1 && part_count(g) > 1)
        upright = graph_reshape(g, "token_rows", tokens, SHAPE(ahead, 1, 1, 1));
    for (int32_t i = 1; i < part_count(g); i++) {
        struct mil_value *rows = look_up(g, vocabulary->embedding[i], i, list);
        struct mil_value *first = graph_int(g, i * PART);
        struct mil_value *before =
            graph_binary(g, "less", mil_text(model, "token_before_%d", i), upright, first);
        if (!x) return NULL;
        x = graph_op(g, "select", mil_text(model, "embedded_to_%d", i), x->type, "cond", before,
                     "a", x, "b", rows, NULL);
    }
    if (ahead == 1) return x;
    return graph_transpose(g, "embedded", x, (const int32_t[]){2, 1, 3, 0});
}

/* --------------------------------------------------------------------------------------- scores */

/* Those of the tokens of a part, [1, rows, 1, ahead], of x [1, dim, 1, ahead]. */
static struct mil_value *part_scores(struct graph *g, const struct graph_vocabulary *vocabulary,
                                     int32_t part, const struct mil_value *x) {
    const char *name = mil_text(g->model, "scores_%d", part);
    return vocabulary->output ? graph_convolve(g, name, x, vocabulary->output[part], NULL, 1)
                              : NULL;
}

/* Parts along axis 1. */
static struct mil_value *join(struct graph *g, const char *name, struct mil_value **parts) {
    size_t count = (size_t)part_count(g);
    return count > 1 ? graph_concat(g, name, (const struct mil_value *const *)parts, count, 1)
                     : parts[0];
}

struct mil_value *graph_scores(struct graph *g, const struct graph_vocabulary *vocabulary,
                               const struct mil_value *x) {
    struct mil_model *model = g->model;
    struct mil_value **parts = mil_alloc(model, (size_t)part_count(g) * sizeof *parts);
    if (!x || !parts) return NULL;
    int64_t ahead = x->type.dims[3];
    for (int32_t i = 0; i < part_count(g); i++) {
        struct mil_value *y = part_scores(g, vocabulary, i, x);
        if (ahead == 1) {
            parts[i] = graph_reshape(g, mil_text(model, "row_%d", i), y, SHAPE(1, part_rows(g, i)));
            continue;
        }
        y = graph_reshape(g, mil_text(model, "columns_%d", i), y, SHAPE(part_rows(g, i), ahead));
        parts[i] = graph_transpose(g, mil_text(model, "rows_%d", i), y, (const int32_t[]){1, 0});
    }
    return join(g, "rows", parts);
}

/* ----------------------------------------------------------------------------------- best token */

/* Scores of a part in blocks [1, blocks, 1, width], filled up behind with the lowest number. */
static struct mil_value *blocks_of(struct graph *g, int32_t part, const struct mil_value *scores,
                                   int32_t width) {
    struct mil_model *model = g->model;
    int32_t rows = part_rows(g, part), behind = (width - rows % width) % width;
    if (behind) {
        scores = graph_reshape(g, mil_text(model, "row_%d", part), scores, SHAPE(1, 1, 1, rows));
        scores = graph_pad(g, mil_text(model, "filled_%d", part), scores, 0, behind, -65504);
    }
    return graph_reshape(g, mil_text(model, "blocks_%d", part), scores,
                         SHAPE(1, (rows + behind) / width, 1, width));
}

/* For each block of x [1, blocks, 1, width] the number of its first best token, [1, blocks, 1, 1].
 */
static struct mil_value *best_of_blocks(struct graph *g, const struct mil_value *x) {
    int64_t count = x->type.dims[1];
    struct mil_type type = mil_type_of(MIL_I32, SHAPE(1, count, 1, 1));
    struct mil_value *starts =
        graph_series(g, "block_starts", 0, (int32_t)x->type.dims[3], SHAPE(1, count, 1, 1));
    struct mil_value *axis = graph_int(g, 3), *keep = graph_bool(g, 1);
    struct mil_value *int32 = g->specification >= GRAPH_IOS18 ? graph_text(g, "int32") : NULL;
    struct mil_value *places = graph_op(g, "reduce_argmax", "block_places", type, "x", x, "axis",
                                        axis, "keep_dims", keep, "output_dtype", int32, NULL);
    return graph_binary(g, "add", "block_tokens", places, starts);
}

void graph_best(struct graph *g, const struct graph_vocabulary *vocabulary,
                const struct mil_value *x, struct mil_value **token, struct mil_value **score) {
    int32_t vocab = (int32_t)g->config->vocab, width = vocab < BLOCK ? vocab : BLOCK;
    struct mil_value **parts = mil_alloc(g->model, (size_t)part_count(g) * sizeof *parts);
    *token = *score = NULL;
    for (int32_t i = 0; parts && i < part_count(g); i++)
        parts[i] = blocks_of(g, i, part_scores(g, vocabulary, i, x), width);
    struct mil_value *all = parts ? join(g, "blocks", parts) : NULL;
    if (!all) return;
    struct mil_value *tokens = best_of_blocks(g, all), *none = graph_int(g, vocab);
    struct mil_value *highest = graph_reduce(g, "reduce_max", "block_scores", all, 3);
    struct mil_value *best = graph_reduce(g, "reduce_max", "best_score", highest, 1);
    struct mil_value *is_best = graph_binary(g, "equal", "is_best", highest, best);
    if (!tokens || !is_best) return;
    tokens = graph_op(g, "select", "best_tokens", tokens->type, "cond", is_best, "a", tokens, "b",
                      none, NULL);
    tokens = graph_reduce(g, "reduce_min", "first_best", tokens, 1);
    *token = graph_reshape(g, "best_token", tokens, SHAPE(1, 1));
    *score = best;
}
