/* lycoris.c - LoHa and LoKr: changes of full rank from few numbers, computed when it opens.
 *
 *     LoHa   delta = (A1 B1) * (A2 B2), entry by entry     A [out, rank], B [rank, in * kernel]
 *     LoKr   delta = kron(W1, W2)                          each stored whole, or as a product A B
 *
 * A convolution's kernel counts as columns, [in, kernel] in the order of the checkpoint. With
 * use_effective_conv2d it has a core T [rank, rank, kernel, 1] between factors A [rank, out] and
 * B [rank, in]; then B is multiplied into the core first, and what follows is the same. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

/* The change of one module while it is computed. */
struct change {
    struct adapter_walk *walk;
    const struct module *module;
    size_t rank, kernel; /* kernel: 1 for a linear module */
    int effective;
    float *delta; /* [out, kernel * in], the order of the network */
};

/* A product of two factors. a [rows, rank], or [rank, rows] behind a core. */
struct product {
    const float *a, *b; /* b [rank, columns] */
    size_t row_step, rank_step;
    size_t rank, columns;
};

static void product_row(const struct product *product, size_t row, double *sum) {
    for (size_t c = 0; c < product->columns; c++) sum[c] = 0;
    for (size_t r = 0; r < product->rank; r++) {
        double at = product->a[row * product->row_step + r * product->rank_step];
        const float *b = product->b + r * product->columns;
        for (size_t c = 0; c < product->columns; c++) sum[c] += at * b[c];
    }
}

/* The product of `a` with the core into which `b` [rank, width] was multiplied: [rank, width,
 * kernel], a block of the adapter. Without a core the two are as they are. */
static pst_status make_product(struct change *change, const float *core, const float *a,
                               const float *b, size_t rows, size_t width, struct product *product,
                               pst_error *err) {
    size_t rank = change->rank, kernel = change->kernel;
    pst_status status = PST_OK;
    *product = (struct product){a, b, rank, 1, rank, width};
    if (!core) return PST_OK;
    float *folded = adapter_build_own(&change->walk->build, rank * width * kernel, sizeof *folded,
                                      &status, err);
    if (!folded) return status;
    for (size_t i = 0; i < rank; i++)
        for (size_t w = 0; w < width; w++)
            for (size_t k = 0; k < kernel; k++) {
                double sum = 0;
                for (size_t j = 0; j < rank; j++)
                    sum += (double)core[(i * rank + j) * kernel + k] * b[j * width + w];
                folded[(i * width + w) * kernel + k] = (float)sum;
            }
    *product = (struct product){a, folded, 1, rows, rank, width * kernel};
    return PST_OK;
}

/* Puts the entry of `column` [in, kernel] where the network keeps it. */
static void put(struct change *change, size_t row, size_t column, double value) {
    size_t kernel = change->kernel, in = change->module->in;
    change->delta[row * in * kernel + column % kernel * in + column / kernel] = (float)value;
}

static pst_status take(struct change *change, struct part *parts, size_t count, int *complete,
                       pst_error *err) {
    pst_status status =
        adapter_walk_take(change->walk, change->module, parts, count, complete, err);
    if (status || !*complete) return status;
    size_t entries = (size_t)change->module->out * change->module->in * change->kernel;
    change->delta = adapter_build_own(&change->walk->build, entries, sizeof(float), &status, err);
    return status;
}

static struct part matrix(const char *name, size_t rows, size_t columns) {
    return (struct part){.name = name, .dims = 2, .shape = {rows, columns}};
}

static struct part core(const char *name, size_t rank, size_t kernel) {
    return (struct part){.name = name, .dims = 4, .shape = {rank, rank, kernel, 1}};
}

/* ---------------------------------------------------------------------------------------- LoHa */

static pst_status multiply_entries(struct change *change, const struct product factors[2],
                                   pst_error *err) {
    size_t columns = factors[0].columns;
    double *rows = malloc(2 * columns * sizeof *rows);
    if (!rows) return error_memory(err, 2 * columns * sizeof *rows);
    for (size_t o = 0; o < change->module->out; o++) {
        product_row(&factors[0], o, rows);
        product_row(&factors[1], o, rows + columns);
        for (size_t c = 0; c < columns; c++) put(change, o, c, rows[c] * rows[columns + c]);
    }
    free(rows);
    return PST_OK;
}

static pst_status loha(struct change *change, int *complete, pst_error *err) {
    size_t rank = change->rank, out = change->module->out, in = change->module->in;
    size_t width = change->effective ? in : in * change->kernel;
    struct part plain[] = {matrix("hada_w1_a", out, rank), matrix("hada_w1_b", rank, width),
                           matrix("hada_w2_a", out, rank), matrix("hada_w2_b", rank, width)};
    struct part cored[] = {
        matrix("hada_w1_a", rank, out),        matrix("hada_w1_b", rank, width),
        matrix("hada_w2_a", rank, out),        matrix("hada_w2_b", rank, width),
        core("hada_t1", rank, change->kernel), core("hada_t2", rank, change->kernel)};
    struct part *parts = change->effective ? cored : plain;
    struct product factors[2];
    pst_status status = take(change, parts, change->effective ? 6 : 4, complete, err);
    if (status || !*complete) return status;
    for (int i = 0; i < 2 && !status; i++)
        status = make_product(change, change->effective ? cored[4 + i].values : NULL,
                              parts[2 * i].values, parts[2 * i + 1].values, out, width, &factors[i],
                              err);
    return status ? status : multiply_entries(change, factors, err);
}

/* ---------------------------------------------------------------------------------------- LoKr */

/* Sizes of the two factors: out = a * b, in = c * d; W1 [a, c], W2 [b, d * kernel]. */
struct kron {
    size_t a, b, c, d;
    int whole_1, whole_2; /* stored as one matrix */
};

/* Splits a size in two as PEFT does: by the factor wanted if it divides, else into the pair nearest
 * to each other whose smaller part does not pass it. */
static void split(size_t size, int64_t factor, size_t *m, size_t *n) {
    *m = 1;
    *n = size;
    if (factor > 0 && size % (size_t)factor == 0) {
        *m = (size_t)factor;
        *n = size / (size_t)factor;
        return;
    }
    if (factor == -1) factor = (int64_t)size;
    while (*m < *n) {
        size_t next = *m + 1;
        while (size % next != 0) next++;
        if (next + size / next > size + 1 || (int64_t)next > factor) break;
        *m = next;
        *n = size / next;
    }
    if (*m > *n) {
        size_t larger = *m;
        *m = *n;
        *n = larger;
    }
}

static struct kron kron_of(const struct change *change) {
    const struct peft_config *config = change->walk->config;
    struct kron kron;
    split(change->module->out, config->decompose_factor, &kron.a, &kron.b);
    split(change->module->in, config->decompose_factor, &kron.c, &kron.d);
    size_t larger_1 = kron.a > kron.c ? kron.a : kron.c;
    size_t larger_2 = kron.b > kron.d ? kron.b : kron.d;
    kron.whole_1 = !(config->decompose_both && 2 * change->rank < larger_1);
    kron.whole_2 = 2 * change->rank >= larger_2;
    return kron;
}

/* The parts that a module has; returns how many. */
static size_t list_parts(const struct change *change, const struct kron *kron,
                         struct part parts[PARTS_MAX]) {
    size_t rank = change->rank, kernel = change->kernel, count = 0;
    if (kron->whole_1) {
        parts[count++] = matrix("lokr_w1", kron->a, kron->c);
    } else {
        parts[count++] = matrix("lokr_w1_a", kron->a, rank);
        parts[count++] = matrix("lokr_w1_b", rank, kron->c);
    }
    if (kron->whole_2) {
        parts[count] = matrix("lokr_w2", kron->b, kron->d);
        if (change->module->kind == MODULE_CONV1D) {
            parts[count].dims = 3;
            parts[count].shape[2] = kernel;
        }
        count++;
    } else if (change->effective) {
        parts[count++] = matrix("lokr_w2_a", rank, kron->b);
        parts[count++] = matrix("lokr_w2_b", rank, kron->d);
        parts[count++] = core("lokr_t2", rank, kernel);
    } else {
        parts[count++] = matrix("lokr_w2_a", kron->b, rank);
        parts[count++] = matrix("lokr_w2_b", rank, kron->d * kernel);
    }
    return count;
}

/* The Kronecker product, w1 [a, c] and w2 [b, d * kernel]. Of a convolution whose W2 is stored
 * whole it is that of a [1, a, c] with a [b, d, kernel], and only its entries, in their order, are
 * those of the weight: PEFT gives torch.kron() tensors of two and three dimensions. */
static void multiply_kron(struct change *change, const struct kron *kron, const double *w1,
                          const double *w2) {
    size_t kernel = change->kernel, width = kron->d * kernel;
    size_t row_entries = (size_t)change->module->in * kernel;
    int folded = kron->whole_2 && change->module->kind == MODULE_CONV1D;
    for (size_t i = 0; i < kron->a; i++)
        for (size_t p = 0; p < kron->b; p++)
            for (size_t j = 0; j < kron->c; j++)
                for (size_t q = 0; q < width; q++) {
                    double value = w1[i * kron->c + j] * w2[p * width + q];
                    size_t entry = (i * kron->b + p) * row_entries + j * width + q;
                    if (folded)
                        entry = ((p * kron->a + i) * kron->d + q / kernel) * kron->c * kernel +
                                j * kernel + q % kernel;
                    put(change, entry / row_entries, entry % row_entries, value);
                }
}

/* Writes a factor [rows, columns], stored whole or as a product of two parts. */
static void spell_out(const struct part *whole, const struct product *product, size_t rows,
                      size_t columns, double *out) {
    if (whole)
        for (size_t i = 0; i < rows * columns; i++) out[i] = whole->values[i];
    else
        for (size_t row = 0; row < rows; row++) product_row(product, row, out + row * columns);
}

static pst_status lokr(struct change *change, int *complete, pst_error *err) {
    struct kron kron = kron_of(change);
    struct part parts[PARTS_MAX];
    struct product first = {0}, second = {0};
    size_t count = list_parts(change, &kron, parts), width = kron.d * change->kernel;
    const struct part *next = parts + (kron.whole_1 ? 1 : 2);
    pst_status status = take(change, parts, count, complete, err);
    if (status || !*complete) return status;
    if (!kron.whole_1)
        first = (struct product){parts[0].values, parts[1].values, change->rank, 1,
                                 change->rank,    kron.c};
    if (!kron.whole_2)
        status =
            make_product(change, change->effective ? next[2].values : NULL, next[0].values,
                         next[1].values, kron.b, change->effective ? kron.d : width, &second, err);
    if (status) return status;
    size_t entries = kron.a * kron.c + kron.b * width;
    double *w1 = malloc(entries * sizeof *w1), *w2 = w1 + kron.a * kron.c;
    if (!w1) return error_memory(err, entries * sizeof *w1);
    spell_out(kron.whole_1 ? parts : NULL, &first, kron.a, kron.c, w1);
    spell_out(kron.whole_2 ? next : NULL, &second, kron.b, width, w2);
    multiply_kron(change, &kron, w1, w2);
    free(w1);
    return PST_OK;
}

/* -------------------------------------------------------------------------------------- module */

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    struct pst_adapter *adapter = walk->build.adapter;
    const struct module *module = &adapter->model->weights.modules[slot];
    int convolves = module->kind == MODULE_CONV1D, complete = 0;
    struct change change = {.walk = walk, .module = module, .rank = walk->targets[slot].rank};
    change.kernel = convolves ? module->kernel : 1;
    change.effective = walk->config->effective_conv && change.kernel != 1;
    pst_status status = walk->config->method == PEFT_LOHA ? loha(&change, &complete, err)
                                                          : lokr(&change, &complete, err);
    if (status || !complete) return status;
    return change_use_delta(walk, slot, change.delta, walk->targets[slot].scale, err);
}

const struct adapter_method LYCORIS_METHOD = {
    .kinds = 1u << MODULE_LINEAR | 1u << MODULE_CONV1D, .apply = apply, .missing = "nothing"};
