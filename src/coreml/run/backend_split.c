/* backend_split.c - packages of the layouts `split` and `stream` as a backend: an encoder for each
 * length of clips, or one for pieces of them, and a decoder that runs once for each token and row.
 *
 * The decoder's cache is two inputs [1, cache_dim, 1, slots], and it gives their new column. With
 * one row the column is written into the inputs. With several rows each row has its own cache here,
 * and the inputs are written whole before each run. Reordering rows moves pointers; only a row that
 * continues twice is copied. A decoder that keeps its cache itself (state) has one row.
 *
 * Where the decoder gives the best token (package_index.token), that is all there is of a step.
 *
 * A verifier is the decoder for several tokens of a text in one run. It has inputs of its own, is
 * given what the decoder of one row is given, and gives logits in any case. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/run/package_backend.h"
#include "coreml/run/package_session.h"
#include "coreml/run/package_stream.h"
#include "model/family.h"

enum { CACHES = 2 }; /* keys and values */
static const char *const CACHE_INPUTS[CACHES] = {"self_k", "self_v"};
static const char *const CACHE_OUTPUTS[CACHES] = {"new_k", "new_v"};
static const char *const MEMORY[CACHES] = {"cross_k", "cross_v"};

/* A verifier's logits are off from the decoder's by the order of sums: by a float16's last bit of a
 * logit under 32 (1/64) in the texts that were measured. This is eight of those. */
static const float GUARD = 0.125f;

struct split {
    struct backend backend; /* the first member */
    struct package_session session;
    const struct package_length *length; /* of the clip */
    struct function *decoder;            /* of the length */
    struct function *verifier;           /* the same for several tokens; NULL: not needed */
    size_t ahead;                        /* tokens that a step may take */
    float *memory[CACHES];               /* [cache_dim, memory]; of the layout `stream` */
    float *logits;                       /* [logits_max, vocab] */
    struct best_token *chosen;           /* [logits_max]: what the decoder has chosen itself */
    int is_chosen;                       /* the last step gave that, and no logits */
    size_t logits_max, rows_max;
    /* Of each row [cache_dim, slots]; NULL as long as there was only one row. */
    float *cache[CACHES][BEAMS_MAX];
};

static struct split *split_at(struct backend *backend) {
    return (struct split *)backend;
}

static size_t cache_size(const struct split *split) {
    const struct package_index *index = &split->session.package->index;
    return (size_t)index->cache_dim * index->slots;
}

static pst_status make_logits(struct split *split, size_t rows, pst_error *err) {
    size_t vocab = split->backend.vocab;
    if (rows <= split->logits_max) return PST_OK;
    float *logits = realloc(split->logits, rows * vocab * sizeof *logits);
    if (!logits) return error_memory(err, rows * vocab * sizeof *logits);
    split->logits = logits;
    if (split->session.package->index.token) {
        struct best_token *chosen = realloc(split->chosen, rows * sizeof *chosen);
        if (!chosen) return error_memory(err, rows * sizeof *chosen);
        split->chosen = chosen;
    }
    split->logits_max = rows;
    return PST_OK;
}

static pst_status make_rows(struct split *split, size_t rows, pst_error *err) {
    size_t size = cache_size(split);
    for (size_t i = 0; rows > 1 && i < CACHES * rows; i++) {
        float **cache = &split->cache[i % CACHES][i / CACHES];
        if (!*cache) *cache = calloc(size, sizeof **cache);
        if (!*cache) return error_memory(err, size * sizeof **cache);
    }
    split->rows_max = rows;
    return PST_OK;
}

static pst_status fit(struct backend *backend, const struct text_needs *text, size_t count,
                      pst_error *err) {
    (void)count; /* one text at a time */
    struct split *split = split_at(backend);
    const struct rules *rules = text->rules;
    size_t rows = rules->options->num_beams;
    split->length = package_session_length(&split->session, text->samples);
    split->ahead = rules->ahead;
    pst_status status = make_logits(split, split->ahead > rows ? split->ahead : rows, err);
    if (!status && rows > split->rows_max) status = make_rows(split, rows, err);
    return status;
}

/* The functions that decode this clip: at most two. */
static size_t decoders(const struct split *split, struct function *all[2]) {
    all[0] = split->decoder;
    all[1] = split->verifier;
    return split->verifier ? 2 : 1;
}

static pst_status load_decoders(struct split *split, pst_error *err) {
    struct package_session *session = &split->session;
    const struct package_length *length = split->length;
    size_t columns = split->ahead + 1; /* all that a run gives, and one of them */
    split->verifier = NULL;
    pst_status status = package_session_load(session, &length->decoder, &split->decoder, err);
    if (status || split->ahead < 2) return status;
    status = package_session_load(session, &length->verifier, &split->verifier, err);
    return status
               ? status
               : package_session_reserve(session, session->package->index.cache_dim * columns, err);
}

/* --------------------------------------------------------------------------------------- memory */

static pst_status make_memory(struct split *split, pst_error *err) {
    const struct package_index *index = &split->session.package->index;
    size_t size = (size_t)index->cache_dim * split->length->memory;
    for (int i = 0; i < CACHES; i++) {
        if (!split->memory[i]) split->memory[i] = calloc(size, sizeof **split->memory);
        if (!split->memory[i]) return error_memory(err, size * sizeof **split->memory);
    }
    return package_session_reserve(&split->session, (size_t)index->cache_dim * index->piece.frames,
                                   err);
}

/* Puts the columns of a piece behind those before. */
static pst_status keep_piece(struct split *split, struct function *encoder,
                             const struct package_rows *rows, pst_error *err) {
    struct package_session *session = &split->session;
    size_t dim = session->package->index.cache_dim, frames = session->package->index.piece.frames;
    pst_status status = PST_OK;
    for (int i = 0; i < CACHES && !status; i++) {
        float *to = split->memory[i] + rows->first;
        status = session->runner->read(encoder, MEMORY[i], session->row, dim * frames, err);
        for (size_t j = 0; j < dim && !status; j++)
            memcpy(to + j * split->length->memory, session->row + j * frames + rows->row,
                   rows->count * sizeof *to);
    }
    return status;
}

static pst_status encode_pieces(struct split *split, const float *samples, size_t count,
                                pst_error *err) {
    struct package_session *session = &split->session;
    const struct package_length *length = split->length;
    const struct places all = {0, 1, (size_t)session->package->index.cache_dim * length->memory};
    struct package_stream stream;
    struct package_rows rows;
    pst_status status = make_memory(split, err);
    if (!status) status = package_stream_begin(&stream, session, length, samples, count, err);
    while (!status && package_stream_goes_on(&stream)) {
        status = package_stream_next(&stream, &rows, err);
        if (!status && rows.count) status = keep_piece(split, stream.encoder, &rows, err);
    }
    if (!status) status = load_decoders(split, err);
    struct function *each[2];
    size_t functions = status ? 0 : decoders(split, each);
    for (size_t i = 0; i < CACHES * functions && !status; i++)
        status = session->runner->write(each[i / CACHES], MEMORY[i % CACHES], all,
                                        split->memory[i % CACHES], err);
    return status;
}

static pst_status encode_whole(struct split *split, const float *samples, size_t count,
                               pst_error *err) {
    struct package_session *session = &split->session;
    const struct package_length *length = split->length;
    struct function *encoder;
    pst_status status = package_session_encode(session, length, samples, count, &encoder, err);
    if (!status) status = load_decoders(split, err);
    struct function *each[2];
    size_t functions = status ? 0 : decoders(split, each);
    for (size_t i = 0; i < CACHES * functions && !status; i++)
        status = session->runner->feed(each[i / CACHES], MEMORY[i % CACHES], encoder, err);
    return status;
}

static pst_status encode(struct backend *backend, const float *samples, size_t count,
                         pst_error *err) {
    struct split *split = split_at(backend);
    struct package_session *session = &split->session;
    const struct package_index *index = &session->package->index;
    uint64_t start = spans_start(backend->spans);
    pst_status status =
        (index->piece.frames ? encode_pieces : encode_whole)(split, samples, count, err);
    spans_end(backend->spans, 0, PST_STAGE_ENCODER, "package", start);
    struct function *each[2];
    size_t functions = status ? 0 : decoders(split, each);
    for (size_t i = 0; i < functions && !status; i++)
        status =
            package_session_fill(session, each[i], "cross_mask", split->length->memory, 0,
                                 family_extent(index->family, count).frames, index->masked, err);
    return status;
}

/* ---------------------------------------------------------------------------------------- steps */

/* Writes the whole cache of a row to the inputs. */
static pst_status write_cache(const struct split *split, size_t row, pst_error *err) {
    const struct places all = {0, 1, cache_size(split)};
    pst_status status = PST_OK;
    for (int i = 0; i < CACHES && !status; i++)
        status = split->session.runner->write(split->decoder, CACHE_INPUTS[i], all,
                                              split->cache[i][row], err);
    return status;
}

/* Writes `data`, the column at `position`, to a cache of the only row: the inputs. */
static pst_status write_column(const struct split *split, int cache, size_t position,
                               const float *data, pst_error *err) {
    const struct package_session *session = &split->session;
    const struct package_index *index = &session->package->index;
    const struct places column = {position, index->slots, index->cache_dim};
    struct function *each[2];
    pst_status status = PST_OK;
    for (size_t i = decoders(split, each); i-- > 0 && !status;)
        status = session->runner->write(each[i], CACHE_INPUTS[cache], column, data, err);
    return status;
}

/* Writes the new column at `position` to the cache of a row; -1: of the only row, to the inputs. */
static pst_status keep_column(const struct split *split, int row, size_t position, pst_error *err) {
    const struct package_session *session = &split->session;
    const struct package_index *index = &session->package->index;
    const struct places column = {position, index->slots, index->cache_dim};
    pst_status status = PST_OK;
    for (int i = 0; i < CACHES && !status; i++) {
        status = session->runner->read(split->decoder, CACHE_OUTPUTS[i], session->row, column.count,
                                       err);
        if (status) break;
        if (row < 0) {
            status = write_column(split, i, position, session->row, err);
            continue;
        }
        float *cache = split->cache[i][row] + position;
        for (size_t j = 0; j < column.count; j++) cache[j * column.step] = session->row[j];
    }
    return status;
}

/* The token that the decoder has chosen; the number of tokens stands for none. */
static pst_status read_choice(const struct split *split, struct best_token *best, pst_error *err) {
    const struct runner *runner = split->session.runner;
    float token, score;
    pst_status status = runner->read(split->decoder, "token", &token, 1, err);
    if (!status) status = runner->read(split->decoder, "score", &score, 1, err);
    if (status) return status;
    if (!(token >= 0 && token <= (float)split->backend.vocab))
        return error_set(err, PST_ERR_MODEL, "the package gives %g where a token should be",
                         (double)token);
    int none = token == (float)split->backend.vocab;
    *best = (struct best_token){
        .token = none ? 0 : (size_t)token, .logit = none ? NAN : score, .margin = INFINITY};
    return PST_OK;
}

/* What the decoder has given goes to the place `at` of the logits, or of the tokens. */
static pst_status step_row(const struct split *split, int32_t token, size_t position, int row,
                           size_t at, pst_error *err) {
    const struct runner *runner = split->session.runner;
    const struct package_index *index = &split->session.package->index;
    const struct places one = {0, 1, 1};
    size_t vocab = split->backend.vocab;
    float id = (float)token, place = (float)position;
    pst_status status = row < 0 ? PST_OK : write_cache(split, (size_t)row, err);
    if (!status) status = runner->write(split->decoder, "input_ids", one, &id, err);
    if (!status) status = runner->write(split->decoder, "position", one, &place, err);
    if (!status) status = runner->run(split->decoder, err);
    if (!status)
        status = index->token ? read_choice(split, &split->chosen[at], err)
                              : runner->read(split->decoder, "logits", split->logits + at * vocab,
                                             vocab, err);
    if (status || index->state) return status;
    return keep_column(split, row, position, err);
}

static pst_status step(struct backend *backend, const int32_t *tokens, size_t rows, size_t position,
                       pst_error *err) {
    struct split *split = split_at(backend);
    pst_status status = PST_OK;
    uint64_t start = spans_start(backend->spans);
    split->is_chosen = split->session.package->index.token;
    for (size_t i = 0; i < rows && !status; i++)
        status = step_row(split, tokens[i], position, rows > 1 ? (int)i : -1, i, err);
    spans_end(backend->spans, 0, PST_STAGE_DECODER, "package", start);
    return status;
}

/* Keeps columns `position` and on, [count] of those that the verifier gave. */
static pst_status keep_columns(const struct split *split, size_t count, size_t position,
                               pst_error *err) {
    const struct package_session *session = &split->session;
    size_t dim = session->package->index.cache_dim, ahead = session->package->index.ahead;
    float *all = session->row, *column = all + dim * ahead; /* [dim, ahead], [dim] */
    pst_status status = PST_OK;
    for (int i = 0; i < CACHES && !status; i++) {
        status = session->runner->read(split->verifier, CACHE_OUTPUTS[i], all, dim * ahead, err);
        for (size_t j = 0; j < count && !status; j++) {
            for (size_t d = 0; d < dim; d++) column[d] = all[d * ahead + j];
            status = write_column(split, i, position + j, column, err);
        }
    }
    return status;
}

/* Behind the last of tokens [count] it is repeated; nobody looks at what that gives. */
static pst_status verify(const struct split *split, const int32_t *tokens, size_t count,
                         size_t position, pst_error *err) {
    const struct runner *runner = split->session.runner;
    size_t ahead = split->session.package->index.ahead;
    const struct places all = {0, 1, ahead};
    float *ids = split->session.row, *at = ids + ahead;
    for (size_t i = 0; i < ahead; i++) {
        ids[i] = (float)tokens[i < count ? i : count - 1];
        at[i] = (float)(position + i);
    }
    pst_status status = runner->write(split->verifier, "input_ids", all, ids, err);
    if (!status) status = runner->write(split->verifier, "position", all, at, err);
    if (!status) status = runner->run(split->verifier, err);
    if (!status)
        status = runner->read(split->verifier, "logits", split->logits,
                              ahead * split->backend.vocab, err);
    return status ? status : keep_columns(split, count, position, err);
}

/* At the end of the cache there may be no room for all that the verifier writes. */
static pst_status step_ahead(struct backend *backend, const int32_t *tokens, size_t count,
                             size_t position, pst_error *err) {
    struct split *split = split_at(backend);
    const struct package_index *index = &split->session.package->index;
    pst_status status = PST_OK;
    uint64_t start = spans_start(backend->spans);
    int fits = position + index->ahead <= index->slots;
    split->is_chosen = index->token && !fits;
    if (fits) status = verify(split, tokens, count, position, err);
    for (size_t i = 0; i < count && !fits && !status; i++)
        status = step_row(split, tokens[i], position + i, -1, i, err);
    spans_end(backend->spans, 0, PST_STAGE_DECODER, "package", start);
    return status;
}

static float *logits(struct backend *backend, size_t rows) {
    (void)rows;
    return split_at(backend)->logits;
}

static int best(struct backend *backend, size_t rows, size_t row, int scored,
                struct best_token *best) {
    const struct split *split = split_at(backend);
    (void)rows;
    (void)scored;
    if (split->is_chosen) *best = split->chosen[row];
    return split->is_chosen;
}

/* The memory of rows that do not continue takes the copies of rows that continue more than once. */
static void reorder_cache(float **cache, size_t size, const int *parents, size_t rows) {
    float *old[BEAMS_MAX];
    int taken[BEAMS_MAX] = {0};
    memcpy(old, cache, rows * sizeof *old);
    for (size_t i = 0; i < rows; i++) cache[i] = taken[parents[i]]++ ? NULL : old[parents[i]];
    for (size_t i = 0, unused = 0; i < rows; i++) {
        if (cache[i]) continue;
        while (taken[unused]) unused++;
        cache[i] = old[unused++];
        memcpy(cache[i], old[parents[i]], size * sizeof **cache);
    }
}

static void reorder(struct backend *backend, const int *parents, size_t rows, size_t position) {
    struct split *split = split_at(backend);
    (void)position;
    for (int i = 0; i < CACHES; i++)
        reorder_cache(split->cache[i], cache_size(split), parents, rows);
}

static void free_split(struct backend *backend) {
    struct split *split = split_at(backend);
    package_session_close(&split->session);
    for (size_t i = 0; i < CACHES * BEAMS_MAX; i++) free(split->cache[i % CACHES][i / CACHES]);
    for (size_t i = 0; i < CACHES; i++) free(split->memory[i]);
    free(split->logits);
    free(split->chosen);
    free(split);
}

static const struct backend_calls CALLS = {.fit = fit,
                                           .encode = encode,
                                           .step = step,
                                           .step_ahead = step_ahead,
                                           .logits = logits,
                                           .best = best,
                                           .reorder = reorder,
                                           .free = free_split};

pst_status backend_split_new(const struct package_model *package, struct thread_pool *pool,
                             struct backend **backend, pst_error *err) {
    const struct package_index *index = &package->index;
    struct split *split = calloc(1, sizeof *split);
    if (!split) return error_memory(err, sizeof *split);
    split->backend = (struct backend){.calls = &CALLS,
                                      .kernels = package->kernels,
                                      .pool = pool,
                                      .vocab = index->vocab,
                                      .ahead = index->ahead,
                                      .guard = GUARD,
                                      .start = index->start,
                                      .ends = index->ends};
    pst_status status = package_session_open(&split->session, package, pool, err);
    if (!status) status = package_session_reserve(&split->session, index->cache_dim, err);
    if (status)
        free_split(&split->backend);
    else
        *backend = &split->backend;
    return status;
}
