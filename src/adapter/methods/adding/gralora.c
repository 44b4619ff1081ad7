/* gralora.c - GraLoRA: products of blocks that pass parts of their ranks to each other.
 *
 *     A [k, in / k, rank], B [k, rank, out / k]; part = rank / k
 *     block (m, n) of delta = sum over s < part of B[m, n part + s] A[n, ., m part + s]
 *     hybrid_r > 0: and a product of plain matrices beside it
 *     scale = alpha / (rank + hybrid_r)
 *
 * It is a product of two matrices of k rank + hybrid_r rows that are zero outside of their
 * block. */
#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

struct blocks {
    size_t rank, k, hybrid, out, in;
};

static pst_status read_blocks(const struct adapter_walk *walk, const struct module *module,
                              struct blocks *blocks, pst_error *err) {
    const struct json_file *file = &walk->config->file;
    int64_t k = 2, hybrid = 0; /* PEFT's defaults */
    pst_status status =
        json_get_int(file->root, file->path, "gralora_k", 1, SELECTION_RANK_MAX, &k, err);
    if (!status)
        status =
            json_get_int(file->root, file->path, "hybrid_r", 0, SELECTION_RANK_MAX, &hybrid, err);
    *blocks = (struct blocks){walk->config->selection.r, (size_t)k, (size_t)hybrid, module->out,
                              module->in};
    if (!status && (blocks->rank % blocks->k || blocks->in % blocks->k || blocks->out % blocks->k))
        status =
            error_set(err, PST_ERR_MODEL,
                      "%s: gralora_k is %zu, which does not divide r, %zu, or a side of %s "
                      "[%zu, %zu] (PEFT cannot use it either)",
                      file->path, blocks->k, blocks->rank, module->name, blocks->out, blocks->in);
    return status;
}

/* Rows of a [., in] and columns of b [out, rows], one for each block and rank. */
static void spread(const struct blocks *blocks, const struct part parts[4], float *a, float *b) {
    size_t rank = blocks->rank, k = blocks->k, part = rank / k;
    size_t out = blocks->out, in = blocks->in, rows = k * rank + blocks->hybrid;
    size_t wide = in / k, high = out / k;
    for (size_t row = 0; row < k * rank; row++) {
        size_t n = row / rank, m = row % rank / part, s = row % part;
        for (size_t i = 0; i < wide; i++)
            a[row * in + n * wide + i] = parts[0].values[(n * wide + i) * rank + m * part + s];
        for (size_t o = 0; o < high; o++)
            b[(m * high + o) * rows + row] = parts[1].values[(m * rank + n * part + s) * high + o];
    }
    for (size_t h = 0; h < blocks->hybrid; h++) {
        size_t row = k * rank + h;
        for (size_t i = 0; i < in; i++) a[row * in + i] = parts[2].values[h * in + i];
        for (size_t o = 0; o < out; o++)
            b[o * rows + row] = parts[3].values[o * blocks->hybrid + h];
    }
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    struct blocks blocks;
    int complete;
    pst_status status = read_blocks(walk, module, &blocks, err);
    if (status) return status;
    size_t k = blocks.k, rank = blocks.rank, rows = k * rank + blocks.hybrid;
    struct part parts[] = {
        {.name = "gralora_A", .dims = 3, .shape = {k, blocks.in / k, rank}},
        {.name = "gralora_B", .dims = 3, .shape = {k, rank, blocks.out / k}},
        {.name = "gralora_A_general.weight", .dims = 2, .shape = {blocks.hybrid, blocks.in}},
        {.name = "gralora_B_general.weight", .dims = 2, .shape = {blocks.out, blocks.hybrid}}};
    status = adapter_walk_take(walk, module, parts, blocks.hybrid ? 4 : 2, &complete, err);
    if (status || !complete) return status;
    float *a = adapter_build_own(&walk->build, rows * blocks.in, sizeof *a, &status, err);
    float *b =
        a ? adapter_build_own(&walk->build, rows * blocks.out, sizeof *b, &status, err) : NULL;
    if (!b) return status;
    spread(&blocks, parts, a, b);
    double scale = walk->config->selection.alpha / (double)(rank + blocks.hybrid);
    return change_use_product(walk, slot, rows, a, b, scale, err);
}

const struct adapter_method GRALORA_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .apply = apply, .missing = "nothing"};
