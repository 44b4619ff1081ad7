/* lora_correction.c - PiSSA, OLoRA, KaSA: what they take out of the base before training begins.
 *
 * They subtract a part of the weight, s B0 A0, from the base; PiSSA and OLoRA start A and B at
 * that part. The file holds A and B as trained, so loading has to subtract it again. The part is a
 * projection of W, which does not depend on signs or on the basis chosen:
 *
 *     PiSSA   onto the `rank` largest singular directions of W
 *     KaSA    onto the `rank` smallest
 *     OLoRA   onto the first `rank` columns of W, times s
 *
 * It is kept as matrices of the same rank beside the trained ones: y = W x + s (B A - B0 A0) x.
 * PEFT computes it in float32 with LAPACK, here it is computed in double; docs/ADAPTERS.md says how
 * far the two are apart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/methods/lora_steps.h"
#include "adapter/methods/symmetric_eigen.h"
#include "base/error.h"
#include "model/model.h"

/* A column that keeps less than this of its length beside those before it has no direction
 * of its own in float32. */
static const double DEPENDENT = 1e-6;

struct product {
    const char *path;    /* of the file, for messages */
    const float *weight; /* [out, in] */
    size_t out, in, rank;
    double scale;
    double *b0; /* [rank, out]: B0, its columns as rows */
    double *a0; /* [rank, in] */
};

/* ------------------------------------------------------------------------------------- products */

/* y [rank, in] = x [rank, out] W */
static void times_weight(const struct product *product, const double *x, double *y) {
    memset(y, 0, product->rank * product->in * sizeof *y);
    for (size_t o = 0; o < product->out; o++)
        for (size_t r = 0; r < product->rank; r++)
            for (size_t i = 0; i < product->in; i++)
                y[r * product->in + i] +=
                    x[r * product->out + o] * product->weight[o * product->in + i];
}

/* y [rank, out] = x [rank, in] WT */
static void times_transposed(const struct product *product, const double *x, double *y) {
    for (size_t o = 0; o < product->out; o++)
        for (size_t r = 0; r < product->rank; r++) {
            double sum = 0;
            for (size_t i = 0; i < product->in; i++)
                sum += x[r * product->in + i] * product->weight[o * product->in + i];
            y[r * product->out + o] = sum;
        }
}

/* WT W [in, in] or W WT [out, out], whichever is smaller: in either the wanted directions are the
 * eigenvectors of the largest eigenvalues. */
static void gram(const struct product *product, int of_rows, double *matrix) {
    size_t n = of_rows ? product->out : product->in;
    for (size_t i = 0; i < n && of_rows; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < product->in; k++)
                sum += (double)product->weight[i * product->in + k] *
                       product->weight[j * product->in + k];
            matrix[i * n + j] = sum;
        }
    if (of_rows) return;
    memset(matrix, 0, n * n * sizeof *matrix);
    for (size_t o = 0; o < product->out; o++) {
        const float *row = product->weight + o * n;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) matrix[i * n + j] += (double)row[i] * row[j];
    }
}

/* ---------------------------------------------------------------------------------------- parts */

/* B0 A0 = W V VT / s, or U UT W / s. The smallest eigenvalues of a matrix are the largest of its
 * negative. */
static pst_status find_directions(struct product *product, int smallest, const char *name,
                                  pst_error *err) {
    int of_rows = product->out < product->in;
    size_t n = of_rows ? product->out : product->in;
    if (smallest ? product->scale == 0 : !(product->scale > 0))
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s: %s divides by its scale, which is %g here, expected more than 0",
                         product->path, name, smallest ? "KaSA" : "PiSSA", product->scale);
    double *matrix = malloc((n * n + product->rank) * sizeof *matrix);
    if (!matrix) return error_memory(err, (n * n + product->rank) * sizeof *matrix);
    gram(product, of_rows, matrix);
    for (size_t i = 0; smallest && i < n * n; i++) matrix[i] = -matrix[i];
    pst_status status = symmetric_eigen(matrix, n, product->rank,
                                        of_rows ? product->b0 : product->a0, matrix + n * n, err);
    free(matrix);
    if (status) return status;
    if (of_rows)
        times_weight(product, product->b0, product->a0);
    else
        times_transposed(product, product->a0, product->b0);
    for (size_t i = 0; i < product->rank * product->out; i++) product->b0[i] /= product->scale;
    return PST_OK;
}

/* B0 = Q, A0 = QT W: Q spans the first columns of W. Each is freed of those before it twice, which
 * leaves nothing of them that double can hold. */
static pst_status find_olora(struct product *product, const char *name, pst_error *err) {
    size_t out = product->out;
    for (size_t r = 0; r < product->rank; r++) {
        double *q = product->b0 + r * out, before = 0, after = 0;
        for (size_t o = 0; o < out; o++) {
            q[o] = product->weight[o * product->in + r];
            before += q[o] * q[o];
        }
        for (size_t pass = 0; pass < 2; pass++)
            for (size_t p = 0; p < r; p++) {
                const double *other = product->b0 + p * out;
                double along = 0;
                for (size_t o = 0; o < out; o++) along += q[o] * other[o];
                for (size_t o = 0; o < out; o++) q[o] -= along * other[o];
            }
        for (size_t o = 0; o < out; o++) after += q[o] * q[o];
        if (!(sqrt(after) > DEPENDENT * sqrt(before)))
            return error_set(
                err, PST_ERR_UNSUPPORTED,
                "%s: %s: column %zu of the weight depends on those before it, so OLoRA "
                "has no unique factors",
                product->path, name, r);
        for (size_t o = 0; o < out; o++) q[o] /= sqrt(after);
    }
    times_weight(product, product->b0, product->a0);
    return PST_OK;
}

/* ----------------------------------------------------------------------------------- correction */

/* A over A0, and B beside -B0. */
static pst_status attach(struct adapter_walk *walk, const struct product *product,
                         struct effect *effect, pst_error *err) {
    size_t rank = product->rank, in = product->in;
    pst_status status = PST_OK;
    float *a = adapter_build_own(&walk->build, 2 * rank * in, sizeof *a, &status, err);
    float *b = a ? adapter_build_own(&walk->build, 2 * rank * product->out, sizeof *b, &status, err)
                 : NULL;
    if (!b) return status;
    memcpy(a, effect->a, rank * in * sizeof *a);
    for (size_t i = 0; i < rank * in; i++) a[rank * in + i] = (float)product->a0[i];
    for (size_t o = 0; o < product->out; o++)
        for (size_t r = 0; r < rank; r++) {
            b[o * 2 * rank + r] = effect->b[o * rank + r];
            b[o * 2 * rank + rank + r] = (float)-product->b0[r * product->out + o];
        }
    effect->a = a;
    effect->b = b;
    effect->rank = (uint32_t)(2 * rank);
    effect->corrects_base = 1;
    return PST_OK;
}

static pst_status check(const struct adapter_walk *walk, const struct module *module, size_t rank,
                        pst_error *err) {
    int kasa = walk->config->lora.correction == LORA_CORRECTION_KASA;
    const char *path = walk->config->file.path;
    const char *option = kasa ? "kasa_config" : "init_lora_weights";
    const char *value = kasa ? "set" : walk->config->lora.init;
    size_t smaller = module->in < module->out ? module->in : module->out;
    if (rank + (kasa ? 1 : 0) > smaller)
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s is \"%s\", but the weight of %s has no rank of %zu", path, option,
                         value, module->name, rank + (kasa ? 1 : 0));
    if (strcmp(module->name, "proj_out") == 0 &&
        walk->build.adapter->model->config.tie_word_embeddings)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: %s is \"%s\" on proj_out, whose weight is that of embed_tokens: it "
                         "would change both",
                         path, option, value);
    return PST_OK;
}

pst_status lora_correct_base(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    struct effect *effect = &walk->build.adapter->effects[slot];
    if (!walk->config->lora.correction || !effect->rank || module->kind != MODULE_LINEAR)
        return PST_OK;
    struct product product = {.path = walk->build.adapter->file.path,
                              .weight = module->weight,
                              .out = module->out,
                              .in = module->in,
                              .rank = effect->rank,
                              .scale = effect->scale};
    pst_status status = check(walk, module, product.rank, err);
    if (status) return status;
    product.b0 = malloc(product.rank * (product.out + product.in) * sizeof *product.b0);
    if (!product.b0)
        return error_memory(err, product.rank * (product.out + product.in) * sizeof *product.b0);
    product.a0 = product.b0 + product.rank * product.out;
    const char *name = adapter_shown(module->name);
    if (walk->config->lora.correction == LORA_CORRECTION_OLORA)
        status = find_olora(&product, name, err);
    else
        status = find_directions(&product, walk->config->lora.correction == LORA_CORRECTION_KASA,
                                 name, err);
    if (!status) status = attach(walk, &product, effect, err);
    free(product.b0);
    return status;
}
