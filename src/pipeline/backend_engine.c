/* backend_engine.c - see backend_engine.h. */
#include "pipeline/backend_engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "network/attention.h"
#include "network/cross_kv.h"
#include "network/decoder.h"
#include "network/encoder.h"
#include "network/logits.h"
#include "network/workspace_layout.h"

/* The backend is the first member. */
static struct engine *engine_at(struct backend *backend) {
    return (struct engine *)backend;
}

/* ------------------------------------------------------------------------------------ memory */

static int fits(const struct engine *engine, const struct extent *extent) {
    struct extent both = extent_max(extent, &engine->capacity);
    return engine->arena.base && memcmp(&both, &engine->capacity, sizeof both) == 0;
}

static pst_status fit_workspace(struct engine *engine, const struct extent *extent,
                                pst_error *err) {
    struct workspace *ws = &engine->workspace;
    if (fits(engine, extent)) return PST_OK;
    struct extent capacity = extent_max(extent, &engine->capacity);
    struct arena counter = {0};
    workspace_lay_out(ws, &counter, &capacity);
    engine->capacity = (struct extent){0};
    if (counter.overflow || !arena_allocate(&engine->arena, counter.used))
        return error_memory(err, counter.used);
    workspace_lay_out(ws, &engine->arena, &capacity);
    engine->capacity = capacity;
    rotary_tables(ws, capacity.frames > capacity.tokens ? capacity.frames : capacity.tokens);
    return PST_OK;
}

static void lay_out_caches(struct engine *engine, struct arena *arena, size_t count) {
    for (size_t i = 0; i < count; i++)
        workspace_lay_out_cache(&engine->workspace, i, arena, &engine->extents[i]);
}

static pst_status fit_caches(struct engine *engine, size_t count, pst_error *err) {
    struct arena counter = {0};
    lay_out_caches(engine, &counter, count);
    if (counter.overflow ||
        (counter.used > engine->caches.capacity && !arena_allocate(&engine->caches, counter.used)))
        return error_memory(err, counter.used);
    engine->caches.used = 0;
    lay_out_caches(engine, &engine->caches, count);
    return PST_OK;
}

static void use_text(struct backend *backend, size_t text) {
    struct engine *engine = engine_at(backend);
    engine->workspace.text = text;
    engine->workspace.extent = engine->extents[text];
}

pst_status engine_fit_texts(struct engine *engine, const struct extent *clips, size_t count,
                            pst_error *err) {
    struct extent most = {.ahead = count};
    for (size_t i = 0; i < count; i++) {
        engine->extents[i] = extent_max(&clips[i], &engine->needs);
        most = extent_max(&most, &engine->extents[i]);
    }
    pst_status status = fit_workspace(engine, &most, err);
    if (!status) status = fit_caches(engine, count, err);
    if (!status) use_text(&engine->backend, 0);
    return status;
}

pst_status engine_fit(struct engine *engine, const struct extent *clip, pst_error *err) {
    return engine_fit_texts(engine, clip, 1, err);
}

void engine_follow(struct engine *engine, const pst_alignment_head *heads, size_t count) {
    engine->workspace.followed = heads;
    engine->followed = count;
}

const float *engine_followed(const struct engine *engine) {
    return engine->workspace.caches[engine->workspace.text].followed;
}

static pst_status fit(struct backend *backend, const struct text_needs *texts, size_t count,
                      pst_error *err) {
    struct engine *engine = engine_at(backend);
    struct extent extents[STEP_AHEAD_MAX];
    for (size_t i = 0; i < count; i++) {
        const struct rules *rules = texts[i].rules;
        extents[i] = (struct extent){.beams = rules->options->num_beams,
                                     .ahead = rules->ahead,
                                     .tokens = rules->max_length,
                                     .followed = engine->followed};
        extent_of_clip(&extents[i], &engine->workspace.model->config, texts[i].samples);
    }
    return engine_fit_texts(engine, extents, count, err);
}

static size_t memory(const struct backend *backend) {
    const struct engine *engine = (const struct engine *)backend;
    return sizeof *engine + engine->arena.capacity + engine->caches.capacity;
}

/* What one more adapter needs. */
static void add_needs(struct extent *needs, const struct pst_adapter *adapter) {
    size_t rank = 0;
    for (uint32_t i = 0; i < adapter->slot_count; i++) {
        const struct effect *effect = &adapter->effects[adapter->slots[i]];
        if (effect->rank > rank) rank = effect->rank;
        needs->scales_outputs |= effect->out_scale || effect->b_bias;
        needs->scales_inputs |= effect->in_scale != NULL;
    }
    needs->rank += rank;
}

pst_status engine_use_adapters(struct engine *engine, const struct pst_adapter *const *adapters,
                               const double *weights, size_t count, pst_error *err) {
    struct active *active = count ? malloc(count * sizeof *active) : NULL;
    if (count && !active) return error_memory(err, count * sizeof *active);
    engine->needs = (struct extent){0};
    for (size_t i = 0; i < count; i++) {
        active[i] = (struct active){adapters[i]->effects, weights ? weights[i] : 1.0};
        add_needs(&engine->needs, adapters[i]);
    }
    free(engine->active);
    engine->active = active;
    engine->workspace.active = active;
    engine->workspace.active_count = count;
    return PST_OK;
}

/* --------------------------------------------------------------------------------- computing */

static pst_status encode(struct backend *backend, const float *samples, size_t count,
                         pst_error *err) {
    struct engine *engine = engine_at(backend);
    struct workspace *ws = &engine->workspace;
    ws->spans = backend->spans;
    if (engine->encoder) {
        uint64_t start = spans_start(ws->spans);
        pst_status status =
            engine->encoder->encode(engine->encoder, samples, count, ws->memory, err);
        spans_end(ws->spans, 0, PST_STAGE_ENCODER, "package", start);
        if (status) return status;
    } else {
        encoder_forward(ws, samples, count);
    }
    cross_kv_compute(ws);
    return PST_OK;
}

static pst_status step(struct backend *backend, const int32_t *tokens, size_t rows, size_t position,
                       pst_error *err) {
    (void)err;
    decoder_step(&engine_at(backend)->workspace, tokens, rows, position);
    return PST_OK;
}

static pst_status step_ahead(struct backend *backend, const int32_t *tokens, size_t count,
                             size_t position, pst_error *err) {
    (void)err;
    decoder_step_ahead(&engine_at(backend)->workspace, tokens, count, position);
    return PST_OK;
}

static pst_status step_texts(struct backend *backend, const struct next_token *next, size_t count,
                             pst_error *err) {
    struct text_step steps[STEP_AHEAD_MAX];
    (void)err;
    for (size_t i = 0; i < count; i++)
        steps[i] = (struct text_step){next[i].text, next[i].token, next[i].position};
    decoder_step_texts(&engine_at(backend)->workspace, steps, count);
    return PST_OK;
}

static float *logits(struct backend *backend, size_t rows) {
    struct workspace *ws = &engine_at(backend)->workspace;
    logits_compute(ws, rows);
    return ws->logits.all;
}

/* The search leaves approximate logits. Below float32 all are, and those do for a probability. */
static int best(struct backend *backend, size_t rows, size_t row, int scored,
                struct best_token *best) {
    struct workspace *ws = &engine_at(backend)->workspace;
    struct logits_best found;
    if (scored && ws->network->precision == PST_PRECISION_F32) return 0;
    if (!logits_search(ws, rows, row, &found)) return 0;
    const float *logits = ws->logits.all + row * backend->vocab;
    *best = (struct best_token){found.token, found.logit, found.margin, logits};
    return 1;
}

static void reorder(struct backend *backend, const int *parents, size_t rows, size_t position) {
    decoder_reorder(&engine_at(backend)->workspace, parents, rows, position);
}

static void free_engine(struct backend *backend) {
    struct engine *engine = engine_at(backend);
    if (engine->encoder) engine->encoder->free(engine->encoder);
    arena_free(&engine->arena);
    arena_free(&engine->caches);
    free(engine->active);
    free(engine);
}

static const struct backend_calls CALLS = {.fit = fit,
                                           .encode = encode,
                                           .step = step,
                                           .step_ahead = step_ahead,
                                           .use_text = use_text,
                                           .step_texts = step_texts,
                                           .logits = logits,
                                           .best = best,
                                           .reorder = reorder,
                                           .memory = memory,
                                           .free = free_engine};

void engine_use_encoder(struct engine *engine, struct encoder *encoder) {
    engine->encoder = encoder;
}

struct engine *engine_of(struct backend *backend) {
    return backend->calls == &CALLS ? engine_at(backend) : NULL;
}

pst_status engine_new(struct backend **backend, const struct pst_model *model,
                      struct thread_pool *pool, pst_error *err) {
    pst_status status = network_prepare(model->network, model, err);
    if (status) return status;
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) return error_memory(err, sizeof *engine);
    const struct kernels *kernels = model->network->kernels;
    engine->workspace = (struct workspace){
        .model = model, .network = model->network, .kernels = kernels, .pool = pool};
    const struct config *config = &model->config;
    engine->backend = (struct backend){.calls = &CALLS,
                                       .kernels = kernels,
                                       .pool = pool,
                                       .vocab = model->config.vocab,
                                       .ahead = STEP_AHEAD_MAX,
                                       .texts = STEP_AHEAD_MAX,
                                       .start = config->decoder_start_token_id,
                                       .ends = {.count = config->eos_count}};
    memcpy(engine->backend.ends.ids, config->eos_token_ids, sizeof config->eos_token_ids);
    *backend = &engine->backend;
    return PST_OK;
}
