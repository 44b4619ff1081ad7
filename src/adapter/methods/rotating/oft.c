/* oft.c - OFT: the inputs are rotated in blocks, one rotation a block or one for all.
 *
 *     oft_R.weight [blocks, size (size - 1) / 2]: the upper half of a skew-symmetric matrix
 *
 * An embedding (oft_embedding_R) has its outputs rotated. With `coft` a matrix that is too large is
 * shortened first. */
#include <math.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "adapter/methods/rotating/block_rotation.h"
#include "base/error.h"
#include "model/model.h"

struct settings {
    int64_t r, block_size, terms;
    int coft, block_share, neumann;
    double eps;
};

static pst_status read_settings(const struct adapter_walk *walk, struct settings *settings,
                                pst_error *err) {
    const json_t *root = walk->config->file.root;
    const char *path = walk->config->file.path;
    *settings = (struct settings){.block_size = 32, .neumann = 1, .terms = 5, .eps = 6e-5};
    const struct {
        const char *key;
        int *value;
    } switches[] = {{"coft", &settings->coft},
                    {"block_share", &settings->block_share},
                    {"use_cayley_neumann", &settings->neumann}};
    const struct {
        const char *key;
        int64_t *value, high;
    } numbers[] = {{"r", &settings->r, SELECTION_RANK_MAX},
                   {"oft_block_size", &settings->block_size, SELECTION_RANK_MAX},
                   {"num_cayley_neumann_terms", &settings->terms, 64}};
    pst_status status = json_get_double(root, path, "eps", 0, 1e9, &settings->eps, err);
    for (int i = 0; i < 3 && !status; i++)
        status = json_get_bool(root, path, switches[i].key, switches[i].value, err);
    for (int i = 0; i < 3 && !status; i++)
        status =
            json_get_int(root, path, numbers[i].key, 0, numbers[i].high, numbers[i].value, err);
    if (!status && (settings->r == 0) == (settings->block_size == 0))
        status = error_set(err, PST_ERR_MODEL,
                           "%s: r is %d and oft_block_size is %d, expected one of them to be 0 "
                           "(PEFT refuses it too)",
                           path, (int)settings->r, (int)settings->block_size);
    return status;
}

/* The divisor of `size` that PEFT takes for a number that does not divide it. */
static size_t adjust(size_t size, size_t wanted) {
    if (wanted == 0 || wanted >= size) return size;
    for (size_t off = 0; off < wanted; off++) {
        if (size % (wanted - off) == 0) return wanted - off;
        if (size % (wanted + off) == 0) return wanted + off;
    }
    return 1;
}

/* COFT: a matrix longer than eps / sqrt(blocks) is shortened to that. */
static void shorten(struct block_rotation *rotation, double eps) {
    size_t entries = rotation->size * rotation->size;
    double bound = eps / sqrt((double)rotation->count);
    for (size_t b = 0; b < rotation->count; b++) {
        double *block = rotation->blocks + b * entries, square = 0;
        for (size_t i = 0; i < entries; i++) square += block[i] * block[i];
        if (sqrt(square) <= bound) continue;
        for (size_t i = 0; i < entries; i++) block[i] *= bound / sqrt(square);
    }
}

static void fill(struct block_rotation *rotation, const float *upper) {
    size_t n = rotation->size;
    for (size_t b = 0; b < rotation->count; b++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++, upper++) {
                double *block = rotation->blocks + b * n * n;
                block[i * n + j] = *upper;
                block[j * n + i] = -*upper;
            }
}

static pst_status turn(struct adapter_walk *walk, uint32_t slot, const struct settings *settings,
                       struct block_rotation *rotation, pst_error *err) {
    pst_status status = PST_OK;
    if (settings->coft) shorten(rotation, settings->eps);
    status = block_rotation_cayley(
        rotation, settings->neumann ? (size_t)(settings->terms ? settings->terms : 1) : 0, err);
    float *weight = status ? NULL : change_new(walk, slot, &status, err);
    if (!weight) return status;
    block_rotation_turn(walk, slot, rotation, weight);
    return change_use_weight(walk, slot, weight, err);
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    int embeds = module->kind == MODULE_EMBEDDING, complete;
    struct settings settings;
    struct block_rotation rotation;
    pst_status status = read_settings(walk, &settings, err);
    if (status) return status;
    size_t in = module->in, given = (size_t)(settings.r ? settings.r : settings.block_size);
    size_t divisor = adjust(in, given);
    size_t size = divisor == 0 ? 0 : settings.r ? in / divisor : divisor;
    if (size == 0) /* never: a module has inputs */
        return error_set(err, PST_ERR_MODEL, "%s: %s has no blocks", walk->build.adapter->file.path,
                         module->name);
    size_t count = settings.block_share ? 1 : in / size;
    struct part part = {.name = embeds ? "oft_embedding_R.weight" : "oft_R.weight",
                        .dims = 2,
                        .shape = {count, size * (size - 1) / 2}};
    status = adapter_walk_take(walk, module, &part, 1, &complete, err);
    if (status || !complete) return status;
    status = block_rotation_new(&rotation, size, count, err);
    if (status) return status;
    rotation.transposed = embeds;
    fill(&rotation, part.values);
    status = turn(walk, slot, &settings, &rotation, err);
    block_rotation_free(&rotation);
    return status;
}

const struct adapter_method OFT_METHOD = {
    .kinds = 1u << MODULE_LINEAR | 1u << MODULE_EMBEDDING, .apply = apply, .missing = "nothing"};
