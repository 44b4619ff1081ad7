/* import_ort.c - pst_import_ort(): the official ONNX Runtime files to a Hugging Face folder.
 *
 * The weights come from the two graphs (ort_weights.c), the tokenizer from tokenizer.bin
 * (tokenizer_json_writer.c); what is written here is the rest of the folder. The settings no
 * file of the source holds are the same for every published model but for the sizes, so they
 * stand here as text, with the keys in the order of the published files: the small files come
 * out byte for byte. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_view.h"
#include "base/file_writer.h"
#include "base/folder_writer.h"
#include "base/option_struct.h"
#include "import/ort_weights.h"
#include "import/tokenizer_bin.h"
#include "model/model_folder.h"
#include "potstill_tools.h"

#define ENCODER_FILE "encoder_model.ort"
#define DECODER_FILE "decoder_model_merged.ort"
#define TOKENIZER_FILE "tokenizer.bin"
#define LICENCE_FILE "LICENSE"

enum { LICENCE_BYTES_MAX = 1 << 20 };

/* Which share of a head is rotated is in no file; it goes with the width. */
static const struct published {
    uint32_t dim;
    const char *partial_rotary_factor;
} PUBLISHED[] = {
    {288, "0.9"},  /* moonshine-tiny */
    {416, "0.62"}, /* moonshine-base */
};

struct source {
    struct ort_file encoder, decoder;
    struct tokenizer_bin tokenizer;
    struct ort_weights weights;
    const struct published *published;
    struct file_view licence; /* without data: none */
    struct cancel cancel;
};

static void close_source(struct source *source) {
    ort_weights_free(&source->weights); /* before the files it points into */
    ort_file_close(&source->encoder);
    ort_file_close(&source->decoder);
    tokenizer_bin_close(&source->tokenizer);
    file_view_close(&source->licence);
}

static pst_status open_licence(struct source *source, const char *dir, const char *licence_file,
                               pst_error *err) {
    if (licence_file) return file_view_open(&source->licence, licence_file, LICENCE_BYTES_MAX, err);
    pst_status status = model_folder_check_file(dir, LICENCE_FILE, err);
    if (status) return status;
    char *path = path_join(dir, LICENCE_FILE);
    if (!path) return error_memory(err, 0);
    if (path_is_file(path)) status = file_view_open(&source->licence, path, LICENCE_BYTES_MAX, err);
    free(path);
    return status;
}

static pst_status open_files(struct source *source, const char *dir, pst_error *err) {
    char *encoder = path_join(dir, ENCODER_FILE);
    char *decoder = path_join(dir, DECODER_FILE);
    char *tokenizer = path_join(dir, TOKENIZER_FILE);
    pst_status status = encoder && decoder && tokenizer ? PST_OK : error_memory(err, 0);
    if (!status) status = ort_file_open(&source->encoder, encoder, err);
    if (!status) status = ort_file_open(&source->decoder, decoder, err);
    if (!status) status = tokenizer_bin_open(&source->tokenizer, tokenizer, err);
    free(encoder);
    free(decoder);
    free(tokenizer);
    return status;
}

/* Reads all that is imported, and checks that the parts belong together. */
static pst_status open_source(struct source *source, const char *dir,
                              const pst_import_options *options, pst_error *err) {
    *source = (struct source){.cancel = {options->cancelled, options->user}};
    pst_status status = open_files(source, dir, err);
    if (!status) status = open_licence(source, dir, options->licence_file, err);
    if (!status)
        status = ort_weights_find(&source->weights, &source->encoder, &source->decoder,
                                  &source->cancel, err);
    if (status) return status;
    const struct ort_weights *weights = &source->weights;
    for (size_t i = 0; i < sizeof PUBLISHED / sizeof *PUBLISHED; i++)
        if (PUBLISHED[i].dim == weights->dim) source->published = &PUBLISHED[i];
    if (!source->published)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: the model is %u wide, expected 288 (tiny) or 416 (base): its rotary "
                         "width is in no file and known for those only",
                         source->encoder.path, weights->dim);
    if (weights->vocab != source->tokenizer.count)
        return error_set(err, PST_ERR_MODEL, "%s: %s has %u tokens, the decoder %u", dir,
                         TOKENIZER_FILE, source->tokenizer.count, weights->vocab);
    return PST_OK;
}

static void put_config(struct buffer *json, const struct source *source) {
    const struct ort_weights *weights = &source->weights;
    buffer_format(json,
                  "{\n"
                  "  \"architectures\": [\n"
                  "    \"MoonshineForConditionalGeneration\"\n"
                  "  ],\n"
                  "  \"attention_bias\": false,\n"
                  "  \"attention_dropout\": 0.0,\n"
                  "  \"bos_token_id\": 1,\n"
                  "  \"pad_token_id\": 2,\n"
                  "  \"decoder_hidden_act\": \"silu\",\n"
                  "  \"decoder_num_attention_heads\": 8,\n"
                  "  \"decoder_num_hidden_layers\": %u,\n"
                  "  \"decoder_num_key_value_heads\": 8,\n"
                  "  \"decoder_start_token_id\": 1,\n"
                  "  \"encoder_hidden_act\": \"gelu\",\n"
                  "  \"encoder_num_attention_heads\": 8,\n"
                  "  \"encoder_num_hidden_layers\": %u,\n"
                  "  \"encoder_num_key_value_heads\": 8,\n"
                  "  \"eos_token_id\": 2,\n",
                  weights->decoder_layers, weights->encoder_layers);
    buffer_format(json,
                  "  \"hidden_size\": %u,\n"
                  "  \"initializer_range\": 0.02,\n"
                  "  \"intermediate_size\": %u,\n"
                  "  \"is_encoder_decoder\": true,\n"
                  "  \"max_position_embeddings\": 194,\n"
                  "  \"model_type\": \"moonshine\",\n"
                  "  \"partial_rotary_factor\": %s,\n"
                  "  \"rope_scaling\": null,\n"
                  "  \"rope_theta\": 10000.0,\n"
                  "  \"torch_dtype\": \"float32\",\n"
                  "  \"transformers_version\": \"4.48.0.dev0\",\n"
                  "  \"use_cache\": true,\n"
                  "  \"vocab_size\": %u,\n"
                  "  \"pad_head_dim_to_multiple_of\": 8\n"
                  "}\n",
                  weights->dim, weights->ffn, source->published->partial_rotary_factor,
                  weights->vocab);
}

/* 194 tokens: 30 seconds at the 6.5 tokens a second that upstream allows. */
static const char GENERATION_CONFIG[] = "{\n"
                                        "  \"_from_model_config\": true,\n"
                                        "  \"bos_token_id\": 1,\n"
                                        "  \"decoder_start_token_id\": 1,\n"
                                        "  \"pad_token_id\": 2,\n"
                                        "  \"eos_token_id\": 2,\n"
                                        "  \"transformers_version\": \"4.48.0.dev0\",\n"
                                        "  \"max_length\": 194\n"
                                        "}\n";

static const char PREPROCESSOR_CONFIG[] =
    "{\n"
    "  \"do_normalize\": false,\n"
    "  \"feature_extractor_type\": \"Wav2Vec2FeatureExtractor\",\n"
    "  \"feature_size\": 1,\n"
    "  \"padding_side\": \"right\",\n"
    "  \"padding_value\": 0.0,\n"
    "  \"return_attention_mask\": true,\n"
    "  \"sampling_rate\": 16000\n"
    "}\n";

/* The tensors are in memory already. */
static pst_status fill(void *user, const struct tensor_source *tensor, const void **data,
                       pst_error *err) {
    *data = tensor->data;
    return cancel_check(user, err);
}

static pst_status write_weights(const char *dir, struct source *source, pst_error *err) {
    const struct ort_weights *weights = &source->weights;
    char *path = path_join(dir, "model.safetensors");
    if (!path) return error_memory(err, 0);
    pst_status status =
        safetensors_write_by(path, weights->tensors, weights->count, fill, &source->cancel, err);
    free(path);
    return status;
}

static pst_status write_tokenizer(const char *dir, const struct tokenizer_bin *tokenizer,
                                  pst_error *err) {
    struct buffer json = {0};
    pst_status status = tokenizer_bin_to_json(tokenizer, &json, err);
    if (status) {
        buffer_free(&json);
        return status;
    }
    return model_folder_put_buffer(dir, "tokenizer.json", &json, err);
}

static pst_status write_folder(const char *dir, struct source *source, pst_error *err) {
    struct buffer config = {0};
    put_config(&config, source);
    pst_status status = model_folder_put_buffer(dir, "config.json", &config, err);
    if (!status)
        status = model_folder_put(dir, "generation_config.json", GENERATION_CONFIG,
                                  sizeof GENERATION_CONFIG - 1, err);
    if (!status)
        status = model_folder_put(dir, "preprocessor_config.json", PREPROCESSOR_CONFIG,
                                  sizeof PREPROCESSOR_CONFIG - 1, err);
    if (!status) status = write_tokenizer(dir, &source->tokenizer, err);
    if (!status && source->licence.data)
        status = model_folder_put(dir, LICENCE_FILE, (const char *)source->licence.data,
                                  source->licence.size, err);
    if (!status) status = cancel_check(&source->cancel, err);
    if (!status) status = write_weights(dir, source, err);
    return status ? status : cancel_check(&source->cancel, err);
}

static pst_status import(const char *source_dir, const char *target_dir,
                         const pst_import_options *options, pst_error *err) {
    struct source source;
    struct folder_writer writer;
    pst_status status = open_source(&source, source_dir, options, err);
    if (!status)
        status = folder_writer_open(&writer, target_dir,
                                    options->force ? &MODEL_FOLDER_FILES : NULL, err);
    if (!status) {
        status = write_folder(writer.temporary.path, &source, err);
        if (status)
            folder_writer_abort(&writer);
        else
            status = folder_writer_commit(&writer, err);
    }
    close_source(&source);
    return status;
}

void pst_import_options_init_sized(pst_import_options *options, size_t struct_size) {
    const pst_import_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

pst_status pst_import_ort(const char *source_dir, const char *target_dir,
                          const pst_import_options *options, pst_error *err) {
    if (!source_dir || !target_dir || !*target_dir)
        return error_set(err, PST_ERR_ARGUMENT, "import needs a source and a target folder");
    pst_import_options chosen;
    pst_import_options_init(&chosen);
    pst_status status =
        option_struct_copy(&chosen, sizeof chosen, options, "pst_import_options", err);
    if (status) return status;
    if (!path_is_folder(source_dir))
        return error_set(err, PST_ERR_MODEL, "%s: no such folder, expected one with %s, %s and %s",
                         source_dir, ENCODER_FILE, DECODER_FILE, TOKENIZER_FILE);
    status = model_folder_check_target(target_dir, source_dir, err);
    return status ? status : import(source_dir, target_dir, &chosen, err);
}
