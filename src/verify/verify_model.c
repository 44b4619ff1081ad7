/* verify_model.c - a model folder: configs, tensors, tokenizer, shards, each against the others. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file_view.h"
#include "formats/json_file.h"
#include "model/config_file.h"
#include "model/family.h"
#include "model/model.h"
#include "verify/verify.h"

#define CONFIG "config.json"
#define GENERATION "generation_config.json"
#define TOKENIZER "tokenizer.json"
#define SINGLE "model.safetensors"
#define RECORD "potstill_merge.json"
#define INDEX "model.safetensors.index.json"

/* One run of verify_model(). */
struct model_check {
    struct findings *findings;
    struct config config;
    struct generation generation;
    struct weights weights;
    struct tokenizer *tokenizer;
};

/* --------------------------------------------------------------------------------- config.json */

/* The keys of MoonshineConfig in transformers 4.48 to 5.2, and those that any config may have. */
static const char *const KNOWN[] = {
    "_name_or_path",
    "architectures",
    "attention_bias",
    "attention_dropout",
    "auto_map",
    "bos_token_id",
    "decoder_hidden_act",
    "decoder_num_attention_heads",
    "decoder_num_hidden_layers",
    "decoder_num_key_value_heads",
    "decoder_start_token_id",
    "dtype",
    "encoder_config",
    "encoder_hidden_act",
    "encoder_hidden_size",
    "encoder_num_attention_heads",
    "encoder_num_hidden_layers",
    "encoder_num_key_value_heads",
    "eos_token_id",
    "ffn_mult",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "head_dim",
    "hidden_act",
    "hidden_size",
    "id2label",
    "initializer_range",
    "intermediate_size",
    "is_encoder_decoder",
    "label2id",
    "max_length",
    "max_position_embeddings",
    "model_type",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "output_attentions",
    "output_hidden_states",
    "pad_head_dim_to_multiple_of",
    "pad_token_id",
    "partial_rotary_factor",
    "return_dict",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "sep_token_id",
    "tie_word_embeddings",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "use_cache",
    "vocab_size",
};

static int is_known(const char *key) {
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strcmp(KNOWN[i], key) == 0) return 1;
    return 0;
}

/* Does the config say which class loads it, as every published one does? */
static void check_architectures(struct findings *findings, enum family family, const json_t *root) {
    const char *expected = family_class(family);
    const json_t *list = json_object_get(root, "architectures");
    const char *first = json_string_value(json_array_get(list, 0));
    if (!list)
        findings_addf(findings, PST_WARNING, CONFIG, "architectures is missing, expected [\"%s\"]",
                      expected);
    else if (!first || strcmp(first, expected) != 0 || json_array_size(list) != 1)
        findings_addf(findings, PST_WARNING, CONFIG, "architectures is %s, expected [\"%s\"]",
                      first ? first : json_kind(list), expected);
}

static pst_status check_keys(struct model_check *check, int weights_open, pst_error *err) {
    struct findings *findings = check->findings;
    struct json_file file;
    pst_error found;
    char *path = path_join(findings->dir, CONFIG);
    if (!path) return error_memory(err, 0);
    pst_status status = json_file_open(&file, path, 1 << 20, &found);
    free(path);
    if (status) return findings_check(findings, status, CONFIG, &found, err);
    const char *key;
    json_t *value;
    json_object_foreach(file.root, key, value) {
        if (!is_known(key))
            findings_addf(findings, PST_WARNING, CONFIG, "%s is not a setting of Moonshine", key);
    }
    check_architectures(findings, check->config.family, file.root);
    const json_t *dtype = json_object_get(file.root, "dtype");
    if (!json_is_string(dtype)) dtype = json_object_get(file.root, "torch_dtype");
    const char *stored = dtype_torch_name(check->weights.checkpoint.dtype);
    int same = stored && json_is_string(dtype) && strcmp(json_string_value(dtype), stored) == 0;
    if (weights_open && json_is_string(dtype) && !same)
        findings_addf(findings, PST_WARNING, CONFIG, "dtype is %s, most tensors are %s",
                      json_string_value(dtype), dtype_name(check->weights.checkpoint.dtype));
    json_file_close(&file);
    return PST_OK;
}

/* What generate() would do without options of its own. */
static void check_search(const struct model_check *check) {
    const struct generation *generation = &check->generation;
    const char *bar =
        generation->decode.num_beams > 1 ? generation->no_beams : generation->no_greedy;
    uint32_t limit = generation->decode.max_new_tokens ? generation->decode.max_new_tokens + 1
                                                       : generation->decode.max_length;
    if (!verify_has(check->findings, GENERATION))
        findings_addf(check->findings, PST_WARNING, GENERATION,
                      "is missing: transcripts end after %u tokens, as in transformers",
                      (unsigned)limit);
    else if (limit > check->config.max_position_embeddings)
        findings_addf(check->findings, PST_WARNING, GENERATION,
                      "max_new_tokens is %u, config.json has max_position_embeddings %u",
                      (unsigned)limit - 1, check->config.max_position_embeddings);
    if (generation->samples)
        findings_add(
            check->findings, PST_WARNING, GENERATION,
            "do_sample is true: generate() draws tokens at random, potstill takes the best");
    if (bar)
        findings_addf(check->findings, PST_WARNING, GENERATION,
                      "%s is set, which transformers refuses in this search", bar);
}

/* Special ids, lengths: what generation_config.json and config.json say together. */
static void check_generation(const struct model_check *check) {
    const struct config *config = &check->config;
    const struct {
        const char *key;
        int32_t id;
        int needed;
    } ids[] = {
        {"bos_token_id", config->bos_token_id, 0},
        {"eos_token_id", config->eos_token_id, 0},
        {"pad_token_id", config->pad_token_id, 0},
        {"decoder_start_token_id", config->decoder_start_token_id, 1},
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        if (ids[i].id < 0 && ids[i].needed)
            findings_addf(check->findings, PST_PROBLEM, CONFIG, "%s is missing", ids[i].key);
        if (ids[i].id >= 0 && (uint32_t)ids[i].id >= config->vocab)
            findings_addf(check->findings, PST_PROBLEM, CONFIG,
                          "%s is %d, expected an id below vocab_size %u", ids[i].key, ids[i].id,
                          config->vocab);
    }
    if (config->eos_count == 0)
        findings_add(check->findings, PST_WARNING, CONFIG,
                     "no eos_token_id: transcripts end at the length limit only");
    check_search(check);
}

/* ----------------------------------------------------------------------------------- tokenizer */

static void check_special(const struct model_check *check, const char *key, int32_t id) {
    size_t length;
    if (id < 0 || (uint32_t)id >= check->config.vocab) return; /* reported already, or not used */
    if (!tokenizer_token(check->tokenizer, id, &length))
        findings_addf(check->findings, PST_PROBLEM, TOKENIZER,
                      "has no token %d, the %s of the model", id, key);
    else if (!tokenizer_is_special(check->tokenizer, id))
        findings_addf(check->findings, PST_PROBLEM, TOKENIZER,
                      "token %d, the %s of the model, is not marked special", id, key);
}

/* Every id the model can give must have a text; ids it cannot give are of no
 * harm unless typed in. */
static void check_ids(const struct model_check *check) {
    size_t size = tokenizer_size(check->tokenizer), length, missing = 0;
    uint32_t vocab = check->config.vocab;
    for (uint32_t id = 0; id < vocab; id++)
        missing += !tokenizer_token(check->tokenizer, (int32_t)id, &length);
    if (missing)
        findings_addf(check->findings, PST_PROBLEM, TOKENIZER,
                      "has no text for %zu of the %u ids that the model can give", missing, vocab);
    if (size > vocab)
        findings_addf(check->findings, PST_WARNING, TOKENIZER,
                      "has ids up to %zu, the model's vocab_size is %u: tokens above it can be "
                      "decoded, not generated",
                      size - 1, vocab);
    for (uint32_t i = 0; i < check->config.eos_count; i++)
        check_special(check, "eos_token_id", check->config.eos_token_ids[i]);
    check_special(check, "decoder_start_token_id", check->config.decoder_start_token_id);
}

static pst_status check_tokenizer(struct model_check *check, int config_read, pst_error *err) {
    pst_error found;
    if (!verify_has(check->findings, TOKENIZER)) {
        findings_add(check->findings, PST_WARNING, TOKENIZER,
                     "is missing: the model gives tokens, but no text without a processor_dir");
        return PST_OK;
    }
    pst_status status = tokenizer_open(&check->tokenizer, check->findings->dir, &found);
    if (status) return findings_check(check->findings, status, TOKENIZER, &found, err);
    if (config_read) check_ids(check);
    return PST_OK;
}

/* ------------------------------------------------------------------------------------- weights */

static void report_problem(void *user, const char *message) {
    findings_add(user, PST_PROBLEM, SINGLE, message);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The module that a tensor of this name belongs to, as its weight or bias; NULL: none has it. */
static const struct module *owner(const struct weights *weights, const char *name) {
    for (uint32_t i = 0; i < weights->module_count; i++) {
        const struct module *module = &weights->modules[i];
        const char *bare = strncmp(module->name, "model.", 6) == 0 ? module->name + 6 : NULL;
        const char *full = module->name;
        for (const char *at = full; at; at = at == full ? bare : NULL) {
            size_t length = strlen(at);
            if (strncmp(name, at, length) != 0) continue;
            if (name[length] == '.' && strcmp(name + length + 1, module->part) == 0) return module;
            if (strcmp(name + length, ".bias") == 0 && module->has_bias) return module;
        }
    }
    return NULL;
}

/* Tensors that no module takes: transformers names them in a warning and goes on. */
static void check_unexpected(struct model_check *check, const char *file,
                             const struct safetensors *tensors) {
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor *tensor = &tensors->tensors[i];
        const struct module *module = owner(&check->weights, tensor->name);
        if (!module)
            findings_addf(check->findings, PST_PROBLEM, file, "tensor %s is not of this model",
                          tensor->name);
        else if (check->config.tie_word_embeddings && !check->weights.tied &&
                 strcmp(module->name, "proj_out") == 0)
            findings_addf(check->findings, PST_WARNING, file,
                          "%s is stored beside the embedding and used, though tie_word_embeddings "
                          "is true: set it to false, as transformers before 5 drops the tensor",
                          tensor->name);
        else if (tensor->dtype != check->weights.checkpoint.dtype)
            findings_addf(check->findings, PST_WARNING, file, "%s is %s, most tensors are %s",
                          tensor->name, dtype_name(tensor->dtype),
                          dtype_name(check->weights.checkpoint.dtype));
    }
}

/* A tensor in two shards: which one counts is not defined. */
static void check_twice(struct model_check *check) {
    const struct checkpoint *checkpoint = &check->weights.checkpoint;
    for (uint32_t f = 1; f < checkpoint->count; f++)
        for (size_t i = 0; i < checkpoint->files[f].count; i++)
            for (uint32_t before = 0; before < f; before++) {
                const char *name = checkpoint->files[f].tensors[i].name;
                if (safetensors_find(&checkpoint->files[before], name))
                    findings_addf(check->findings, PST_PROBLEM,
                                  base_name(checkpoint->files[f].path), "%s is also in %s", name,
                                  base_name(checkpoint->files[before].path));
            }
}

static pst_status check_weights(struct model_check *check, pst_error *err) {
    pst_error found;
    struct findings *findings = check->findings;
    if (verify_has(findings, SINGLE) && verify_has(findings, INDEX))
        findings_add(findings, PST_WARNING, INDEX, "is not used: there is " SINGLE " too");
    pst_status status = weights_open_reporting(&check->weights, &check->config, findings->dir,
                                               report_problem, findings, &found);
    if (status) return findings_check(findings, status, SINGLE, &found, err);
    const struct checkpoint *checkpoint = &check->weights.checkpoint;
    if (check->weights.decoder_only)
        findings_add(findings, PST_PROBLEM, base_name(checkpoint->path),
                     "has no encoder: it is the decoder that convert --with-decoder puts beside "
                     "packages");
    for (uint32_t f = 0; f < checkpoint->count; f++) {
        const char *file = base_name(checkpoint->files[f].path);
        verify_values(findings, file, &checkpoint->files[f]);
        check_unexpected(check, file, &checkpoint->files[f]);
    }
    check_twice(check);
    return PST_OK;
}

/* Layout and values, when no config says which tensors there should be. */
static pst_status check_files_alone(struct findings *findings, pst_error *err) {
    struct checkpoint checkpoint;
    pst_error found;
    pst_status status = checkpoint_open(&checkpoint, findings->dir, &found);
    if (status) return findings_check(findings, status, SINGLE, &found, err);
    for (uint32_t f = 0; f < checkpoint.count; f++)
        verify_values(findings, base_name(checkpoint.files[f].path), &checkpoint.files[f]);
    checkpoint_close(&checkpoint);
    return PST_OK;
}

/* -------------------------------------------------------------------------------- merged models */

static pst_status check_hash(struct findings *findings, const char *name, const char *expected,
                             pst_error *err) {
    char hash[DIGEST_HEX_SIZE];
    pst_error found;
    if (!expected || strchr(name, '/')) {
        findings_addf(findings, PST_PROBLEM, RECORD, "files: %s is not a file with a SHA-256",
                      name);
        return PST_OK;
    }
    char *path = path_join(findings->dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = digest_file(DIGEST_SHA256, path, NULL, hash, &found);
    free(path);
    if (status) return findings_check(findings, status, name, &found, err);
    /* A setting may be edited on purpose; weights are not. */
    if (strcmp(hash, expected) != 0)
        findings_addf(findings, strcmp(name, SINGLE) == 0 ? PST_PROBLEM : PST_WARNING, name,
                      "is not what " RECORD
                      " says was written: SHA-256 %.16s..., expected %.16s...",
                      hash, expected);
    return PST_OK;
}

/* A folder made by pst_merge() knows its own hashes. */
static pst_status check_record(struct findings *findings, pst_error *err) {
    struct json_file file;
    pst_error found;
    if (!verify_has(findings, RECORD)) return PST_OK;
    char *path = path_join(findings->dir, RECORD);
    if (!path) return error_memory(err, 0);
    pst_status status = json_file_open(&file, path, 1 << 20, &found);
    free(path);
    if (status) return findings_check(findings, status, RECORD, &found, err);
    const char *name;
    json_t *hash;
    json_object_foreach(json_object_get(file.root, "files"), name, hash) {
        if (!status) status = check_hash(findings, name, json_string_value(hash), err);
    }
    json_file_close(&file);
    return status;
}

/* ---------------------------------------------------------------------------------- the folder */

static pst_status check_all(struct model_check *check, pst_error *err) {
    struct findings *findings = check->findings;
    struct processor processor;
    pst_error found;
    pst_status read = config_read(&check->config, findings->dir, &found);
    pst_status status = findings_check(findings, read, CONFIG, &found, err);
    if (!status && !read) {
        pst_status generation =
            generation_config_read(&check->generation, &check->config, findings->dir, &found);
        status = findings_check(findings, generation, GENERATION, &found, err);
        if (!status && !generation) check_generation(check);
    }
    if (!status)
        status = findings_check(findings, processor_read(&processor, findings->dir, NULL, &found),
                                "preprocessor_config.json", &found, err);
    if (!status) status = check_tokenizer(check, !read, err);
    if (!status) status = read ? check_files_alone(findings, err) : check_weights(check, err);
    if (!status) status = check_keys(check, check->weights.checkpoint.count > 0, err);
    return status ? status : check_record(findings, err);
}

pst_status verify_model(struct findings *findings, pst_error *err) {
    struct model_check check = {.findings = findings};
    pst_status status = check_all(&check, err);
    weights_close(&check.weights);
    generation_close(&check.generation);
    tokenizer_free(check.tokenizer);
    return status;
}
