/* lora_tokens.c - rows that replace rows of an embedding: LoRA's trainable_token_indices, and the
 * method TRAINABLE_TOKENS, which is that alone.
 *
 * In a base that ties its output to its embedding, both get them. Rows are sorted by token, so that
 * a block of outputs finds its own by binary search. */
#include <stdlib.h>
#include <string.h>

#include "adapter/methods/lora_steps.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "base/text.h"
#include "model/model.h"

struct row {
    uint32_t id, at; /* token, and the place of its row in the file */
};

static int compare(const void *a, const void *b) {
    uint32_t first = ((const struct row *)a)->id, second = ((const struct row *)b)->id;
    return first < second ? -1 : first > second;
}

/* The rows by token; each token once. */
static pst_status sort_rows(const struct adapter_walk *walk, const struct lora_tokens *tokens,
                            uint32_t vocab, struct row *rows, pst_error *err) {
    const char *path = walk->config->file.path;
    for (uint32_t i = 0; i < tokens->count; i++) rows[i] = (struct row){tokens->ids[i], i};
    qsort(rows, tokens->count, sizeof *rows, compare);
    for (uint32_t i = 1; i < tokens->count; i++)
        if (rows[i].id == rows[i - 1].id)
            return error_set(err, PST_ERR_MODEL, "%s: %s has %u twice", path, tokens->option,
                             rows[i].id);
    if (rows[tokens->count - 1].id >= vocab)
        return error_set(err, PST_ERR_MODEL, "%s: %s has %u, the base model has %u tokens", path,
                         tokens->option, rows[tokens->count - 1].id, vocab);
    return PST_OK;
}

static pst_status fill(struct adapter_walk *walk, const struct tensor *tensor,
                       const struct row *sorted, struct effect *effect, pst_error *err) {
    size_t count = tensor->shape[0], dim = tensor->shape[1];
    pst_status status = adapter_build_floats(&walk->build, tensor, &effect->rows, err);
    if (status) return status;
    uint32_t *ids = adapter_build_own(&walk->build, count, sizeof *ids, &status, err);
    if (!ids) return status;
    int in_order = 1;
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = sorted[i].id;
        in_order &= sorted[i].at == i;
    }
    effect->row_ids = ids;
    effect->row_count = (uint32_t)count;
    if (in_order) return PST_OK;
    float *rows = adapter_build_own(&walk->build, tensor->count, sizeof *rows, &status, err);
    for (size_t i = 0; rows && i < count; i++)
        memcpy(rows + i * dim, effect->rows + sorted[i].at * dim, dim * sizeof *rows);
    effect->rows = rows;
    return status;
}

/* The output that shares its weight with the embedding `module`; NULL: none. */
static const struct module *tied_output(const struct adapter_walk *walk,
                                        const struct module *module) {
    const struct pst_model *model = walk->build.adapter->model;
    int ties = module->kind == MODULE_EMBEDDING && model->config.tie_word_embeddings;
    return ties ? weights_find_module(&model->weights, "proj_out") : NULL;
}

static pst_status take_rows(struct adapter_walk *walk, const struct lora_tokens *tokens,
                            const struct module *module, struct effect *effect, pst_error *err) {
    char found[128];
    pst_status status = PST_OK;
    const char *path = walk->build.adapter->file.path, *part = tokens->part;
    const struct tensor *tensor =
        adapter_build_find(&walk->build, module->name, part, &status, err);
    if (status) return status;
    if (!tensor) return error_set(err, PST_ERR_MODEL, "%s: has no %s.%s", path, module->name, part);
    if (tensor->dims != 2 || tensor->shape[0] != tokens->count || tensor->shape[1] != module->in)
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s %s is %s, %s and the base model need [%zu, %u]", path,
                         adapter_shown(module->name), part, tensor_shape_text(tensor, found),
                         tokens->option, tokens->count, module->in);
    struct row *rows = calloc(tokens->count, sizeof *rows);
    if (!rows) return error_memory(err, tokens->count * sizeof *rows);
    status = sort_rows(walk, tokens, module->out, rows, err);
    if (!status) status = fill(walk, tensor, rows, effect, err);
    free(rows);
    const struct module *output = tied_output(walk, module);
    if (!status && output)
        status = adapter_build_skip_copy(&walk->build, output->name, part, tensor, err);
    return status;
}

/* Has it a row for each token? */
static int has_tokens(const struct module *module) {
    return module->kind == MODULE_EMBEDDING || strcmp(module->name, "proj_out") == 0;
}

/* The module that a list of LoRA is about. */
static const struct module *find_module(const struct weights *weights,
                                        const struct lora_tokens *tokens) {
    for (uint32_t i = 0; i < weights->module_count; i++) {
        const struct module *module = &weights->modules[i];
        if (has_tokens(module) &&
            text_ends_with(module->name, strlen(module->name), tokens->module))
            return module;
    }
    return NULL;
}

/* Takes the rows of `module`, and puts them into the output that is tied to it too. */
static pst_status take_list(struct adapter_walk *walk, const struct lora_tokens *tokens,
                            const struct module *module, pst_error *err) {
    struct pst_adapter *adapter = walk->build.adapter;
    const struct module *both[] = {module, tied_output(walk, module)};
    struct effect rows = {0};
    pst_status status = take_rows(walk, tokens, module, &rows, err);
    for (int i = 0; i < 2 && !status && both[i]; i++) {
        size_t slot = (size_t)(both[i] - adapter->model->weights.modules);
        struct effect *effect = &adapter->effects[slot];
        int targeted = walk->config->method == PEFT_LORA && walk->targets[slot].rank;
        if (targeted || effect->row_count)
            return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s and %s both mean %s",
                             walk->config->file.path, tokens->option,
                             effect->row_count ? "another list of it" : "target_modules",
                             both[i]->name);
        effect->rows = rows.rows;
        effect->row_ids = rows.row_ids;
        effect->row_count = rows.row_count;
    }
    return status;
}

pst_status lora_take_tokens(struct adapter_walk *walk, pst_error *err) {
    pst_status status = PST_OK;
    for (size_t i = 0; i < walk->config->lora.token_lists && !status; i++) {
        const struct lora_tokens *tokens = &walk->config->lora.tokens[i];
        const struct module *module = find_module(&walk->build.adapter->model->weights, tokens);
        if (!module)
            return error_set(err, PST_ERR_MODEL,
                             "%s: %s names %s, expected embed_tokens or proj_out",
                             walk->config->file.path, tokens->option, tokens->module);
        status = take_list(walk, tokens, module, err);
    }
    return status;
}

/* An output that is tied to a targeted embedding follows it, also when it is a target itself. */
static int follows_embedding(const struct adapter_walk *walk, uint32_t slot) {
    const struct weights *weights = &walk->build.adapter->model->weights;
    for (uint32_t i = 0; i < weights->module_count; i++)
        if (walk->targets[i].rank &&
            tied_output(walk, &weights->modules[i]) == &weights->modules[slot])
            return 1;
    return 0;
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    if (!has_tokens(module))
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: target_modules matches %s: tokens are rows of embed_tokens and "
                         "proj_out only",
                         walk->config->file.path, module->name);
    if (follows_embedding(walk, slot)) return PST_OK;
    walk->applied++;
    return take_list(walk, &walk->config->lora.tokens[0], module, err);
}

const struct adapter_method TRAINABLE_TOKENS_METHOD = {
    .kinds = 1u << MODULE_LINEAR | 1u << MODULE_EMBEDDING, .apply = apply, .missing = "nothing"};
