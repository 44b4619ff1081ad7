/* merge_folder.c - what stands beside the merged weights: configs as transformers saves them, the
 * tokenizer's and processor's files as they were, and a record of what went in. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file_view.h"
#include "formats/json_writer.h"
#include "merge/config_writer.h"
#include "merge/merge.h"
#include "model/model_folder.h"

static const size_t COPY_BYTES_MAX = 256 << 20; /* tokenizers have some MB */

/* What a processor is made of, whichever version saved it; the first two say how sound is
 * prepared. */
static const char *const PROCESSOR_FILES[] = {
    "preprocessor_config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json",  "added_tokens.json",     "vocab.json",     "merges.txt",
};

/* Terms that go with the weights. */
static const char *const LICENCE_FILES[] = {"LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE"};

/* Files of an adapter folder that are read. */
static const char *const ADAPTER_FILES[] = {"adapter_config.json", "adapter_model.safetensors",
                                            "adapter_model.bin", "adapter.safetensors"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ------------------------------------------------------------------------------------- copying */

static pst_status copy_file(const char *from, const char *to, const char *name, pst_error *err) {
    pst_status status = model_folder_check_file(from, name, err);
    if (status) return status;
    char *path = path_join(from, name);
    if (!path) return error_memory(err, 0);
    struct file_view view;
    if (path_is_file(path)) {
        status = file_view_open(&view, path, COPY_BYTES_MAX, err);
        if (!status) {
            status = model_folder_put(to, name, (const char *)view.data, view.size, err);
            file_view_close(&view);
        }
    }
    free(path);
    return status;
}

static pst_status copy_all(const struct merge_run *run, const char *dir, pst_error *err) {
    pst_status status = PST_OK;
    for (size_t i = 0; i < COUNT(PROCESSOR_FILES) && !status; i++)
        status = copy_file(run->processor_dir, dir, PROCESSOR_FILES[i], err);
    /* A folder with a tokenizer alone: how sound is prepared is the model's own then. */
    int features = path_has_file(dir, PROCESSOR_FILES[0]) || path_has_file(dir, PROCESSOR_FILES[1]);
    for (size_t i = 0; i < 2 && !features && !status; i++)
        status = copy_file(run->model_dir, dir, PROCESSOR_FILES[i], err);
    for (size_t i = 0; i < COUNT(LICENCE_FILES) && !status; i++)
        status = copy_file(run->model_dir, dir, LICENCE_FILES[i], err);
    return status;
}

/* -------------------------------------------------------------------------------------- record */

/* Adds "name": "SHA-256" when there is such a file. */
static pst_status add_hash(const struct merge_run *run, json_t *files, const char *dir,
                           const char *name, pst_error *err) {
    char hash[DIGEST_HEX_SIZE];
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    if (path_is_file(path)) {
        status = digest_file(DIGEST_SHA256, path, &run->cancel, hash, err);
        if (!status && json_object_set_new(files, name, json_string(hash)) != 0)
            status = error_memory(err, 0);
    }
    free(path);
    return status;
}

static pst_status add_hashes(const struct merge_run *run, json_t *files, const char *dir,
                             const char *const *names, size_t count, pst_error *err) {
    pst_status status = PST_OK;
    for (size_t i = 0; i < count && !status; i++) status = add_hash(run, files, dir, names[i], err);
    return status;
}

/* {"dir": dir, "files": {}} */
static json_t *source(const char *dir) {
    /* A path need not be UTF-8; the hashes say what the folder was. */
    json_t *name = json_string(dir);
    return json_pack("{s:o, s:{}}", "dir", name ? name : json_string("(not UTF-8)"), "files");
}

static pst_status record_model(const struct merge_run *run, json_t *record, pst_error *err) {
    static const char *const CONFIGS[] = {"config.json", "generation_config.json",
                                          "model.safetensors.index.json",
                                          "pytorch_model.bin.index.json"};
    const struct checkpoint *checkpoint = &run->model->weights.checkpoint;
    json_t *entry = source(run->model_dir), *files = json_object_get(entry, "files");
    if (!entry || json_object_set_new(record, "model", entry) != 0) return error_memory(err, 0);
    pst_fingerprint base;
    pst_status status = pst_model_fingerprint(run->model, &base, err);
    if (status) return status;
    if (json_object_set_new(entry, "fingerprint", json_string(base.sha256)) != 0)
        return error_memory(err, 0);
    status = add_hashes(run, files, run->model_dir, CONFIGS, COUNT(CONFIGS), err);
    if (!status)
        status = add_hashes(run, files, run->processor_dir, PROCESSOR_FILES, COUNT(PROCESSOR_FILES),
                            err);
    for (uint32_t i = 0; i < checkpoint->count && !status; i++)
        status =
            add_hash(run, files, run->model_dir, strrchr(checkpoint->files[i].path, '/') + 1, err);
    return status;
}

static pst_status record_adapters(const struct merge_run *run, json_t *record, pst_error *err) {
    json_t *list = json_array();
    if (!list || json_object_set_new(record, "adapters", list) != 0) return error_memory(err, 0);
    pst_status status = PST_OK;
    for (size_t i = 0; i < run->count && !status; i++) {
        const pst_merge_adapter *adapter = &run->chosen[i];
        json_t *entry = source(adapter->dir);
        if (!entry || json_array_append_new(list, entry) != 0 ||
            json_object_set_new(entry, "weight", json_real(adapter->weight)) != 0)
            return error_memory(err, 0);
        status = add_hashes(run, json_object_get(entry, "files"), adapter->dir, ADAPTER_FILES,
                            COUNT(ADAPTER_FILES), err);
    }
    return status;
}

pst_status merge_record_sources(const struct merge_run *run, json_t *record, pst_error *err) {
    pst_status status = record_model(run, record, err);
    return status ? status : record_adapters(run, record, err);
}

/* What was made: potstill verify compares. */
static pst_status record_result(const struct merge_run *run, const char *dir, json_t *record,
                                pst_error *err) {
    static const char *const MADE[] = {"config.json", "generation_config.json",
                                       "model.safetensors"};
    json_t *files = json_object();
    if (!files || json_object_set_new(record, "files", files) != 0) return error_memory(err, 0);
    pst_status status = add_hashes(run, files, dir, MADE, COUNT(MADE), err);
    return status ? status
                  : add_hashes(run, files, dir, PROCESSOR_FILES, COUNT(PROCESSOR_FILES), err);
}

static pst_status write_record(const struct merge_run *run, const char *dir, pst_error *err) {
    int untied = run->model->config.tie_word_embeddings && !run->tied;
    json_t *record = json_pack("{s:s, s:s, s:i, s:b}", "version", PST_VERSION, "dtype",
                               dtype_torch_name(run->dtype), "modules_changed", (int)run->changed,
                               "embeddings_untied", untied);
    pst_status status = record ? PST_OK : error_memory(err, 0);
    if (!status) status = merge_record_sources(run, record, err);
    if (!status) status = record_result(run, dir, record, err);
    struct buffer text = {0};
    if (!status) {
        json_write(&text, record);
        buffer_text(&text, "\n");
        status = model_folder_put_buffer(dir, "potstill_merge.json", &text, err);
    }
    json_decref(record);
    return status;
}

pst_status merge_write_configs(const struct merge_run *run, const char *dir, pst_error *err) {
    struct buffer config = {0}, generation = {0};
    pst_status status =
        config_rewrite(&config, run->model_dir, dtype_torch_name(run->dtype), run->tied, err);
    if (!status) status = generation_config_rewrite(&generation, run->model_dir, err);
    if (!status) status = model_folder_put_buffer(dir, "config.json", &config, err);
    if (!status) status = model_folder_put_buffer(dir, "generation_config.json", &generation, err);
    buffer_free(&config);
    buffer_free(&generation);
    return status;
}

pst_status merge_write_rest(const struct merge_run *run, const char *dir, pst_error *err) {
    pst_status status = merge_write_configs(run, dir, err);
    if (!status) status = copy_all(run, dir, err);
    return status ? status : write_record(run, dir, err);
}
