/* model.c - opening a checkpoint folder, and its tokenizer at work; see model.h. */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"
#include "model/config_file.h"
#include "tokenizer/tokenizer_cache.h"

/* The tokenizer is only needed for text: a folder without one can still give tokens. */
static pst_status open_tokenizer(struct pst_model *model, const char *dir, const char *cache_dir,
                                 pst_error *err) {
    if (!path_has_file(dir, "tokenizer.json")) return PST_OK;
    return tokenizer_cache_open(&model->tokenizer, dir, cache_dir, err);
}

/* Without an end token a text ends at the length limit, as in transformers. */
static pst_status check_tokens(const struct pst_model *model, const char *dir, pst_error *err) {
    const struct config *config = &model->config;
    if (config->decoder_start_token_id < 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: generation_config.json has no decoder_start_token_id and no "
                         "bos_token_id, expected the token that begins a text",
                         dir);
    if (config->decoder_start_token_id >= (int32_t)config->vocab)
        return error_set(err, PST_ERR_MODEL,
                         "%s: decoder_start_token_id %d is outside the vocabulary of %u", dir,
                         config->decoder_start_token_id, config->vocab);
    for (uint32_t i = 0; i < config->eos_count; i++)
        if (config->eos_token_ids[i] >= (int32_t)config->vocab)
            return error_set(err, PST_ERR_MODEL,
                             "%s: eos_token_id %d is outside the vocabulary of %u", dir,
                             config->eos_token_ids[i], config->vocab);
    return PST_OK;
}

static pst_status open_parts(struct pst_model *model, const char *dir, const char *processor_dir,
                             const char *cache_dir, pst_error *err) {
    pst_status status = config_read(&model->config, dir, err);
    if (!status) status = generation_config_read(&model->generation, &model->config, dir, err);
    if (!status) status = check_tokens(model, dir, err);
    if (!status) status = processor_read(&model->processor, processor_dir, dir, err);
    if (!status) status = open_tokenizer(model, processor_dir, cache_dir, err);
    if (!status) status = weights_open(&model->weights, &model->config, dir, err);
    if (!status) model->config.tie_word_embeddings = model->weights.tied;
    return status;
}

pst_status model_open(struct pst_model **model, const char *dir, const char *processor_dir,
                      const char *cache_dir, pst_error *err) {
    if (!path_is_folder(dir)) return error_set(err, PST_ERR_MODEL, "%s: no such folder", dir);
    struct pst_model *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    pst_status status = open_parts(made, dir, processor_dir ? processor_dir : dir, cache_dir, err);
    if (status)
        model_close(made);
    else
        *model = made;
    return status;
}

void model_close(struct pst_model *model) {
    if (!model) return;
    weights_close(&model->weights);
    tokenizer_free(model->tokenizer);
    generation_close(&model->generation);
    free(model);
}

pst_status model_need_weights(const struct pst_model *model, pst_error *err) {
    if (model->weights.module_count) return PST_OK;
    return error_set(err, PST_ERR_ARGUMENT,
                     "the model is a converted one: adapters are for the checkpoint, and merged in "
                     "when it is converted");
}

pst_status model_need_encoder(const struct pst_model *model, const char *dir, pst_error *err) {
    if (!model->weights.decoder_only) return PST_OK;
    return error_set(err, PST_ERR_MODEL,
                     "%s: its checkpoint is a decoder alone, as convert --with-decoder puts it "
                     "beside packages: it works with those and not without",
                     dir);
}

void pst_model_decode_options_sized(const pst_model *model, pst_decode_options *options,
                                    size_t struct_size) {
    option_struct_fill(options, struct_size, &model->generation.decode,
                       sizeof model->generation.decode);
}

static pst_status need_tokenizer(const pst_model *model, pst_error *err) {
    if (model->tokenizer) return PST_OK;
    const char *path = model->weights.checkpoint.path;
    int length = path && strrchr(path, '/') ? (int)(strrchr(path, '/') - path) : 0;
    return error_set(err, PST_ERR_MODEL,
                     "%.*s: has no tokenizer.json; give the folder that has it as the processor "
                     "folder",
                     length ? length : 9, length ? path : "the model");
}

pst_status pst_model_encode(const pst_model *model, const char *text, size_t length, int32_t **ids,
                            size_t *count, pst_error *err) {
    if (!model || (!text && length) || !ids || !count)
        return error_set(err, PST_ERR_ARGUMENT, "model, text, ids and count must not be NULL");
    pst_status status = need_tokenizer(model, err);
    if (!status) status = tokenizer_encode(model->tokenizer, text, length, 1, ids, count, err);
    return status;
}

pst_status pst_model_decode(const pst_model *model, const int32_t *ids, size_t count,
                            int skip_special_tokens, char **text, pst_error *err) {
    if (!model || (!ids && count) || !text)
        return error_set(err, PST_ERR_ARGUMENT, "model, ids and text must not be NULL");
    pst_status status = need_tokenizer(model, err);
    if (status) return status;
    struct buffer buffer = {0};
    status = tokenizer_decode(model->tokenizer, ids, count, skip_special_tokens, &buffer, err);
    buffer_append(&buffer, "", 0); /* an empty text is a text */
    if (!status && buffer.failed) status = error_memory(err, 0);
    if (status)
        buffer_free(&buffer);
    else
        *text = buffer.data;
    return status;
}

void pst_free(void *memory) {
    free(memory);
}
