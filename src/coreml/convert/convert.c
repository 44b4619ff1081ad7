/* convert.c - pst_convert(): a checkpoint, its adapters merged in memory, as Core ML packages.
 *
 * Weights are stored once and lent to every package (convert_packages.c). */
#include "coreml/convert/convert_drafts.h"
#include "coreml/convert/convert_index.h"
#include "coreml/convert/convert_packages.h"
#include "coreml/convert/convert_range.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/file_writer.h"
#include "base/folder_writer.h"
#include "base/option_struct.h"
#include "coreml/package/package.h"
#include "decode/rules.h"
#include "formats/json_file.h"
#include "merge/merge.h"
#include "model/family.h"
#include "model/model_folder.h"

/* Of a layer of the layout `stream`, ten times the largest published. */
enum { WINDOW_MAX = 200 };

static const size_t TOKENIZER_BYTES_MAX = 256 << 20, INDEX_BYTES_MAX = 4 << 20;
void pst_convert_options_init_sized(pst_convert_options *options, size_t struct_size) {
    const pst_convert_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

/* -------------------------------------------------------------------------------------- layouts */

static pst_status copy_tokenizer(struct conversion *conversion, const char *dir, pst_error *err) {
    static const char NAME[] = "tokenizer.json";
    pst_status status = model_folder_check_file(conversion->merge.processor_dir, NAME, err);
    if (status) return status;
    char *path = path_join(conversion->merge.processor_dir, NAME);
    if (!path) return error_memory(err, 0);
    struct file_view view;
    status = file_view_open(&view, path, TOKENIZER_BYTES_MAX, err);
    free(path);
    if (status) return status;
    status = model_folder_put(dir, NAME, (const char *)view.data, view.size, err);
    file_view_close(&view);
    return status ? status : convert_note_file(conversion, dir, NAME, err);
}

/* The checkpoint whose decoder the engine uses, under the names that are looked for. */
static pst_status write_decoder(struct conversion *conversion, const char *dir, pst_error *err) {
    static const char *const FILES[] = {"model.safetensors", "config.json",
                                        "generation_config.json"};
    struct merge_run merge = conversion->merge;
    merge.decoder_only = 1;
    pst_status status = merge_write_weights(&merge, dir, err);
    if (!status) status = merge_write_configs(&conversion->merge, dir, err);
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES && !status; i++)
        status = convert_note_file(conversion, dir, FILES[i], err);
    return status;
}

/* What may be replaced. A checkpoint only where the index there says that it is of a conversion. */
static const struct folder_files *replaced(const struct conversion *conversion,
                                           const char *target) {
    struct json_file index;
    char *path = conversion->options->force ? path_join(target, "potstill.json") : NULL;
    const struct folder_files *files = conversion->options->force ? &PACKAGE_FILES : NULL;
    if (path && json_file_open(&index, path, INDEX_BYTES_MAX, NULL) == PST_OK) {
        if (json_object_get(json_object_get(index.root, "files"), "model.safetensors"))
            files = &PACKAGE_FILES_AND_DECODER;
        json_file_close(&index);
    }
    free(path);
    return files;
}

static pst_status write_folder(struct conversion *conversion, const char *target, pst_error *err) {
    struct folder_writer writer;
    pst_status status = folder_writer_open(&writer, target, replaced(conversion, target), err);
    if (status) return status;
    const char *dir = writer.temporary.path;
    status = copy_tokenizer(conversion, dir, err);
    if (!status) status = convert_write_packages(conversion, dir, err);
    if (!status && conversion->options->with_decoder) status = write_decoder(conversion, dir, err);
    if (!status) status = convert_write_index(conversion, dir, err);
    if (!status) status = cancel_check(&conversion->merge.cancel, err);
    if (!status) return folder_writer_commit(&writer, err);
    folder_writer_abort(&writer);
    return status;
}

static pst_status write_single(struct conversion *conversion, const char *target, pst_error *err) {
    struct mil_model *model = mil_model_new();
    if (!model) return error_memory(err, 0);
    struct graph_shape shape = convert_shape(conversion, 0);
    struct graph g = convert_graph(conversion, model);
    graph_single(&g, &shape);
    char what[80];
    snprintf(what, sizeof what, "Moonshine speech recognition of clips of exactly %u seconds",
             conversion->seconds[0]);
    convert_describe(conversion, model, what);
    pst_status status =
        package_write(model, target, conversion->options->force, &conversion->merge.cancel, err);
    mil_model_free(model);
    return status;
}

/* ------------------------------------------------------------------------------------------ run */

/* Packages decode greedily and follow no rules: warns when the model has some. */
static void warn_of_rules(const struct conversion *conversion) {
    if (rules_are_plain(&conversion->merge.model->generation.decode) || !conversion->options->warn)
        return;
    conversion->options->warn(conversion->options->user,
                              "generation_config.json has rules that a package does not follow: "
                              "it decodes greedily");
}

/* Where nothing ends a text, whoever runs a package could not tell text from what follows. */
static pst_status check_ends(const struct conversion *conversion, pst_error *err) {
    uint32_t count = conversion->merge.model->config.eos_count;
    if (count > 0) return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: generation_config.json has no end token (eos_token_id), a package needs "
                     "one",
                     conversion->merge.model_dir);
}

/* The power of a quiet frame, with which the streaming family begins, is below float16. */
static pst_status check_input(const struct conversion *conversion, pst_error *err) {
    const pst_convert_options *options = conversion->options;
    if (options->input == PST_CONVERT_SAMPLES ||
        conversion->merge.model->config.family == FAMILY_MOONSHINE)
        return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: is a %s model, which begins in float32: its samples cannot come as "
                     "blocks of float16",
                     conversion->merge.model_dir, family_name(FAMILY_STREAMING));
}

/* Only an encoder that hears through windows can be given pieces; what it carries between them is
 * as long as they are. */
static pst_status check_pieces(const struct conversion *conversion, pst_error *err) {
    const struct config *config = &conversion->merge.model->config;
    const char *dir = conversion->merge.model_dir;
    if (!conversion->piece) return PST_OK;
    if (config->family != FAMILY_STREAMING)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: is a %s model, which hears a clip as a whole; the layout stream is "
                         "for %s models",
                         dir, family_name(config->family), family_name(FAMILY_STREAMING));
    for (uint32_t i = 0; i < config->encoder_layers; i++)
        if (config->windows[i].back + config->windows[i].ahead > WINDOW_MAX)
            return error_set(err, PST_ERR_UNSUPPORTED,
                             "%s: layer %u of the encoder sees %u frames, the layout stream is for "
                             "windows of up to %d",
                             dir, i, config->windows[i].back + config->windows[i].ahead,
                             WINDOW_MAX);
    return PST_OK;
}

static pst_status store_weights(struct conversion *conversion, pst_error *err) {
    struct thread_pool *pool;
    pst_status status = thread_pool_new(&pool, convert_threads(conversion), err);
    if (status) return status;
    status =
        stored_weights_make(&conversion->weights, &conversion->merge,
                            conversion->precision->weights, conversion->precision->bits, pool, err);
    thread_pool_free(pool);
    return status;
}

/* The streaming family has a learned position for each frame. */
static pst_status check_positions(const struct conversion *conversion, pst_error *err) {
    const struct config *config = &conversion->merge.model->config;
    uint32_t seconds = conversion->seconds[conversion->count - 1];
    size_t frames = family_extent_of(config, seconds * PST_SAMPLE_RATE_HZ).frames;
    if (config->family != FAMILY_STREAMING || frames <= config->max_position_embeddings)
        return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: a clip of %u seconds has %zu frames, the model has positions for %u",
                     conversion->merge.model_dir, seconds, frames, config->max_position_embeddings);
}

static pst_status convert(struct conversion *conversion, const char *target, pst_error *err) {
    pst_status status = merge_open(&conversion->merge, err);
    if (!status) status = check_ends(conversion, err);
    if (!status) status = check_positions(conversion, err);
    if (!status) status = check_pieces(conversion, err);
    if (!status) status = check_input(conversion, err);
    if (!status) status = convert_read_drafts(conversion, err);
    if (!status) status = merge_resolve(&conversion->merge, err);
    if (status) return status;
    warn_of_rules(conversion);
    convert_plan_cache(conversion);
    conversion->sources = json_object();
    conversion->lengths = json_array();
    conversion->files = json_object();
    if (!conversion->sources || !conversion->lengths || !conversion->files)
        return error_memory(err, 0);
    status = merge_record_sources(&conversion->merge, conversion->sources, err);
    if (!status) status = store_weights(conversion, err);
    if (!status) status = convert_scale_residual(conversion, err);
    if (status) return status;
    return conversion->options->layout == PST_CONVERT_SINGLE
               ? write_single(conversion, target, err)
               : write_folder(conversion, target, err);
}

/* What stands at `target` is replaced only when it was converted before. */
static pst_status check_target(const struct conversion *conversion, const char *target,
                               pst_error *err) {
    int single = conversion->options->layout == PST_CONVERT_SINGLE;
    size_t length = strlen(target);
    static const char SUFFIX[] = ".mlpackage";
    if (single && (length < sizeof SUFFIX || strcmp(target + length - strlen(SUFFIX), SUFFIX) != 0))
        return error_set(err, PST_ERR_ARGUMENT, "%s: expected a name that ends in %s", target,
                         SUFFIX);
    const struct folder_files *files = replaced(conversion, target);
    const char *sign = single ? "Manifest.json" : "potstill.json";
    if (files && path_is_folder(target) && !path_has_file(target, sign))
        return error_set(err, PST_ERR_IO, "%s: exists already and is not a converted model (no %s)",
                         target, sign);
    return folder_writer_check(target, files, err);
}

static pst_status check_arguments(const struct conversion *conversion, const char *target,
                                  pst_error *err) {
    const struct merge_run *merge = &conversion->merge;
    for (size_t i = 0; i < merge->count; i++)
        if (!merge->chosen[i].dir || !isfinite(merge->chosen[i].weight))
            return error_set(
                err, PST_ERR_ARGUMENT,
                "pst_convert: adapter %zu has no folder, or a weight that is not finite", i);
    return check_target(conversion, target, err);
}

pst_status pst_convert(const char *model_dir, const pst_merge_adapter *adapters, size_t count,
                       const char *target, const pst_convert_options *options, pst_error *err) {
    pst_convert_options own;
    pst_convert_options_init(&own);
    if (!model_dir || (count && !adapters) || !target || !*target)
        return error_set(err, PST_ERR_ARGUMENT, "pst_convert needs a model and a target");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_convert_options", err);
    if (!status) status = convert_check_options(&own, err);
    if (status) return status;
    pst_merge_options merge_options;
    pst_merge_options_init(&merge_options);
    merge_options.processor_dir = own.processor_dir;
    merge_options.warn = own.warn;
    merge_options.user = own.user;
    struct conversion conversion = {
        .options = &own,
        .merge = {.model_dir = model_dir,
                  .processor_dir = own.processor_dir ? own.processor_dir : model_dir,
                  .chosen = adapters,
                  .count = count,
                  .options = &merge_options,
                  .cancel = {own.cancelled, own.user},
                  .dtype = own.precision == PST_CONVERT_FLOAT32 ? DTYPE_F32 : DTYPE_F16},
    };
    status = convert_plan_options(&conversion, err);
    if (!status) status = check_arguments(&conversion, target, err);
    if (status) return status;
    status = convert(&conversion, target, err);
    stored_weights_free(&conversion.weights);
    merge_close(&conversion.merge);
    json_decref(conversion.sources);
    json_decref(conversion.lengths);
    json_decref(conversion.files);
    json_decref(conversion.drafts);
    return status;
}
