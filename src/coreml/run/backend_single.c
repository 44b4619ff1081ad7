/* backend_single.c - a package of the layout `single` as a backend: samples to the ids of a text.
 *
 * The package chooses the tokens itself while it encodes, so a step only looks them up. There are
 * no logits, and so no rules and no probabilities. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "coreml/run/package_backend.h"
#include "coreml/run/package_session.h"
#include "tokenizer/tokenizer.h"

/* Ids are read as float, which is exact below this. */
static const float ID_END = 1 << 24;

struct single {
    struct backend backend; /* the first member */
    struct package_session session;
    size_t position; /* of the last step */
};

static struct single *single_at(struct backend *backend) {
    return (struct single *)backend;
}

/* Ids of a text, the start token not counted. */
static size_t id_count(const struct single *single) {
    return single->session.package->index.tokens_max - 1;
}

/* Where the package does not say what ends a text, the first special token does. */
static pst_status find_end(struct single *single, pst_error *err) {
    const float *ids = single->session.row;
    const struct end_tokens *known = &single->session.package->index.ends;
    single->backend.ends = *known;
    for (size_t i = id_count(single); i > 0; i--) {
        if (!(ids[i - 1] >= 0 && ids[i - 1] < ID_END))
            return error_set(err, PST_ERR_MODEL, "the package gives %g where a token id should be",
                             (double)ids[i - 1]);
        int32_t id = (int32_t)ids[i - 1];
        if (!known->count && tokenizer_is_special(single->session.package->tokenizer, id))
            single->backend.ends = (struct end_tokens){.ids = {id}, .count = 1};
    }
    return PST_OK;
}

static pst_status encode(struct backend *backend, const float *samples, size_t count,
                         pst_error *err) {
    struct single *single = single_at(backend);
    struct package_session *session = &single->session;
    struct function *whole;
    uint64_t start = spans_start(backend->spans);
    pst_status status =
        package_session_encode(session, &session->package->whole, samples, count, &whole, err);
    spans_end(backend->spans, 0, PST_STAGE_ENCODER, "package", start);
    if (!status)
        status = session->runner->read(whole, "token_ids", session->row, id_count(single), err);
    return status ? status : find_end(single, err);
}

static pst_status step(struct backend *backend, const int32_t *tokens, size_t rows, size_t position,
                       pst_error *err) {
    (void)tokens;
    (void)rows;
    (void)err;
    single_at(backend)->position = position;
    return PST_OK;
}

static int best(struct backend *backend, size_t rows, size_t row, int scored,
                struct best_token *best) {
    const struct single *single = single_at(backend);
    (void)rows; /* one at a time */
    (void)row;
    (void)scored;
    *best = (struct best_token){.token = (size_t)single->session.row[single->position],
                                .margin = INFINITY};
    return 1;
}

static void free_single(struct backend *backend) {
    package_session_close(&single_at(backend)->session);
    free(backend);
}

static const struct backend_calls CALLS = {
    .encode = encode, .step = step, .best = best, .free = free_single};

/* The start token is what the tokenizer puts before a text. */
static pst_status set_start(struct single *single, pst_error *err) {
    int32_t *ids;
    size_t count;
    pst_status status =
        tokenizer_encode(single->session.package->tokenizer, "", 0, 1, &ids, &count, err);
    if (status) return status;
    single->backend.start = count ? ids[0] : 0;
    free(ids);
    return PST_OK;
}

pst_status backend_single_new(const struct package_model *package, struct thread_pool *pool,
                              struct backend **backend, pst_error *err) {
    struct single *single = calloc(1, sizeof *single);
    if (!single) return error_memory(err, sizeof *single);
    single->backend = (struct backend){
        .calls = &CALLS, .kernels = package->kernels, .pool = pool, .vocab = package->index.vocab};
    pst_status status = package_session_open(&single->session, package, pool, err);
    if (!status) status = package_session_reserve(&single->session, package->index.slots, err);
    if (!status) status = set_start(single, err);
    if (status)
        free_single(&single->backend);
    else
        *backend = &single->backend;
    return status;
}
