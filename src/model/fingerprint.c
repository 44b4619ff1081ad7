/* fingerprint.c - what tells the weights of two models of one shape apart.
 *
 * The values count, not how they are stored: shards, the order of tensors and a wider type that
 * holds the same values give the same fingerprint. */
#include <math.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "model/model.h"
#include "potstill_tools.h"

static double sum_of_squares(const float *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i] * values[i];
    return sum;
}

/* Adds values [count], which may be NULL. */
static pst_status add_values(struct digest *digest, const float *values, size_t count,
                             double *squares, pst_error *err) {
    if (!values) return PST_OK;
    *squares += sum_of_squares(values, count);
    return digest_add(digest, values, count * sizeof *values, err);
}

static pst_status add_module(struct digest *digest, const struct module *module, double *squares,
                             pst_error *err) {
    pst_status status = digest_add(digest, module->name, strlen(module->name) + 1, err);
    if (!status)
        status =
            add_values(digest, module->weight, module->out * module_columns(module), squares, err);
    return status ? status : add_values(digest, module->bias, module->out, squares, err);
}

/* An output matrix that is the embedding's, whether it is stored or not. */
static int is_tied(const struct weights *weights, uint32_t slot) {
    const struct linear *in = &weights->embed_tokens, *out = &weights->proj_out;
    size_t bytes = (size_t)out->out * out->in * sizeof *out->weight;
    return slot == out->slot && slot != in->slot &&
           (out->weight == in->weight || memcmp(out->weight, in->weight, bytes) == 0);
}

static pst_status add_modules(struct digest *digest, const struct weights *weights, double *squares,
                              pst_error *err) {
    pst_status status = PST_OK;
    for (uint32_t i = 0; i < weights->module_count && !status; i++)
        if (!is_tied(weights, i)) status = add_module(digest, &weights->modules[i], squares, err);
    return status;
}

pst_status pst_model_fingerprint(const pst_model *model, pst_fingerprint *fingerprint,
                                 pst_error *err) {
    if (!model || !fingerprint)
        return error_set(err, PST_ERR_ARGUMENT, "pst_model_fingerprint: an argument is NULL");
    pst_status status = model_need_weights(model, err);
    if (status) return status;
    pst_fingerprint found = {0};
    double squares = 0;
    struct digest digest = {0};
    status = digest_begin(&digest, DIGEST_SHA256, err);
    if (!status) status = add_modules(&digest, &model->weights, &squares, err);
    if (!status) status = digest_end(&digest, found.sha256, err);
    digest_free(&digest);
    if (status) return status;
    found.norm = sqrt(squares);
    *fingerprint = found;
    return PST_OK;
}
