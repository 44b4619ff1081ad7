/* package_model.c - opens converted models: a folder of the layout `split` by its index, a package
 * of `single` by its own description. */
#include "coreml/run/package_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "coreml/convert/convert_plan.h"
#include "coreml/package/package.h"
#include "coreml/run/package_backend.h"
#include "model/family.h"
#include "model/model.h"
#include "pipeline/model_open.h"
#include "tokenizer/tokenizer_cache.h"

int package_model_is(const char *dir) {
    return path_has_file(dir, "potstill.json") || path_has_file(dir, "Manifest.json");
}

/* -------------------------------------------------------------------------------------- single */

static const char *user_text(const struct mil_model *model, const char *key) {
    for (size_t i = 0; i < model->user_defined_count; i++)
        if (strcmp(model->user_defined[i].key, key) == 0) return model->user_defined[i].value;
    return "";
}

/* Ids in `text`, a space between two, as a conversion writes them; what is odd is passed over. */
static struct end_tokens read_ends(const char *text) {
    struct end_tokens ends = {0};
    for (char *rest; *text && ends.count < ENDS_MAX; text = rest) {
        long id = strtol(text, &rest, 10);
        if (rest == text) break;
        if (id >= 0 && id <= INT32_MAX) ends.ids[ends.count++] = (int32_t)id;
    }
    return ends;
}

/* Input input_values [1, samples], output token_ids [1, tokens]. */
static int read_interface(struct package_model *package, const struct mil_model *model) {
    const struct mil_interface *interface = model->interfaces;
    struct package_index *index = &package->index;
    if (model->interface_count != 1 || interface->input_count != 1 || interface->output_count != 1)
        return 0;
    const struct mil_feature *in = interface->inputs, *out = interface->outputs;
    if (strcmp(in->name, "input_values") != 0 || strcmp(out->name, "token_ids") != 0 ||
        in->type.dtype != MIL_F32 || out->type.dtype != MIL_I32 || in->type.rank != 2 ||
        out->type.rank != 2 || in->type.dims[0] != 1 || out->type.dims[0] != 1 ||
        in->type.dims[1] < 1 || in->type.dims[1] > INT32_MAX || out->type.dims[1] < 1 ||
        out->type.dims[1] > UINT16_MAX)
        return 0;
    package->whole.samples = (uint32_t)in->type.dims[1];
    index->slots = index->tokens_max = (uint32_t)out->type.dims[1] + 1;
    return 1;
}

static pst_status open_single(struct package_model *package, const char *processor_dir,
                              pst_error *err) {
    struct mil_model *model;
    struct processor processor = {0};
    if (!processor_dir)
        return error_set(err, PST_ERR_MODEL,
                         "%s: a package of the layout single has no tokenizer, so the folder of "
                         "one has to be named (processor_dir)",
                         package->path);
    pst_status status = package_read(package->path, &model, err);
    if (status) return status;
    package->index.precision = convert_known_precision(user_text(model, "potstill.precision"));
    package->index.ends = read_ends(user_text(model, "potstill.ends"));
    family_find(user_text(model, "potstill.model_type"), &package->index.family);
    int fits = read_interface(package, model);
    mil_model_free(model);
    if (!fits)
        return error_set(err, PST_ERR_MODEL,
                         "%s: expected a package from input_values to token_ids (the layout single "
                         "of potstill convert)",
                         package->path);
    package->index.lengths = &package->whole;
    package->index.length_count = 1;
    status = processor_read(&processor, processor_dir, NULL, err);
    package->index.do_normalize = processor.do_normalize;
    return status;
}

/* --------------------------------------------------------------------------------------- parts */

static pst_status set_runner(struct package_model *package, const pst_model_options *options,
                             pst_error *err) {
    int coreml = options->device == PST_DEVICE_COREML;
    package->runner = coreml ? &runner_coreml : &runner_mil;
    if ((unsigned)options->units > PST_UNITS_CPU)
        return error_set(err, PST_ERR_ARGUMENT, "unknown compute units %d", (int)options->units);
    if (options->units != PST_UNITS_ALL && !coreml)
        return error_set(err, PST_ERR_ARGUMENT, "compute units are for the device coreml");
    if (options->cache_dir && *options->cache_dir) {
        package->cache_dir = strdup(options->cache_dir);
        if (!package->cache_dir) return error_memory(err, 0);
    }
    package->options = (pst_model_options){.units = options->units,
                                           .cache_dir = package->cache_dir,
                                           .warn = options->warn,
                                           .user = options->user};
    return package->runner->check ? package->runner->check(err) : PST_OK;
}

/* In whichever order. */
static int same_ends(const struct config *config, const struct end_tokens *ends) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < config->eos_count; i++)
        found += (uint32_t)is_end_token(ends, config->eos_token_ids[i]);
    return config->eos_count == ends->count && found == ends->count;
}

/* The decoder of another model has no use for what this encoder gives. */
static pst_status check_decoder(const struct package_model *package, pst_error *err) {
    const struct package_index *index = &package->index;
    const struct config *config = &package->decoder->config;
    if (config->family == index->family && config->vocab == index->vocab &&
        config->decoder_start_token_id == index->start && same_ends(config, &index->ends) &&
        config->decoder_layers * config->width == index->cache_dim)
        return PST_OK;
    return error_set(err, PST_ERR_MODEL,
                     "%s: the decoder is of another model than the one that was converted",
                     package->path);
}

/* The checkpoint whose decoder is used, if any: the one named, or the one beside the packages. */
static pst_status open_decoder(struct package_model *package, const pst_model_options *options,
                               pst_error *err) {
    const char *dir = options->decoder_dir;
    if (dir && package->single)
        return error_set(err, PST_ERR_ARGUMENT,
                         "%s: a package of the layout single decodes by itself", package->path);
    if (!dir && !package->single && path_has_file(package->path, "config.json") &&
        checkpoint_name(package->path))
        dir = package->path;
    if (!dir) return PST_OK;
    pst_status status = model_open_engine(&package->decoder, dir, options, err);
    return status ? status : check_decoder(package, err);
}

/* The packages have these settings of the checkpoint; the others are transformers' defaults. */
static void set_model(struct pst_model *model, const struct package_model *package) {
    const struct package_index *index = &package->index;
    pst_decode_options_init(&model->generation.decode);
    model->generation.decode.max_length = index->tokens_max;
    if (package->decoder) model->generation.decode = package->decoder->generation.decode;
    model->generation.decode.drafts = index->drafts.texts;
    model->generation.decode.drafts_count = index->drafts.count;
    model->processor.do_normalize = index->do_normalize;
    model->config.family = index->family;
    model->config.max_position_embeddings = UINT32_MAX; /* the packages have their lengths */
    model->config.vocab = index->vocab;
    model->config.decoder_start_token_id = index->start;
    model->config.eos_token_id = index->ends.count ? index->ends.ids[0] : -1;
    model->config.eos_count = index->ends.count;
    memcpy(model->config.eos_token_ids, index->ends.ids, sizeof index->ends.ids);
}

static void free_device(struct device *device) {
    struct package_model *package = (struct package_model *)device;
    if (package->single) package->index.lengths = NULL; /* points to `whole` */
    package_index_close(&package->index);
    pst_model_free(package->decoder);
    free(package->cache_dir);
    free(package->path);
    free(package);
}

static pst_status new_backend(struct device *device, struct thread_pool *pool,
                              struct backend **backend, pst_error *err) {
    const struct package_model *package = (const struct package_model *)device;
    if (package->decoder) return backend_hybrid_new(package, pool, backend, err);
    return (package->single ? backend_single_new : backend_split_new)(package, pool, backend, err);
}

/* Why it can only be decoded greedily; NULL: it need not be. */
static const char *no_rules(const struct package_model *package) {
    if (package->decoder) return NULL;
    if (package->single)
        return "a package of the layout single decodes by itself and knows no rules";
    if (package->index.token)
        return "these packages give the best token, not the scores of all, and know no rules: "
               "convert the model again without --outputs token";
    return NULL;
}

static void describe(struct package_model *package) {
    const struct package_index *index = &package->index;
    const char *greedy = no_rules(package);
    package->device = (struct device){
        .name = package->runner->name,
        .layout = package->single       ? "single"
                  : index->piece.frames ? "stream"
                                        : "split",
        .precision = index->precision,
        .samples_max = index->lengths[index->length_count - 1].samples,
        .tokens_max = package->decoder ? 0 : index->slots,
        .beams_max = greedy || (!package->decoder && index->state),
        .no_rules = greedy,
        .backend = new_backend,
        .free = free_device,
    };
}

static pst_status open_parts(struct package_model *package, struct pst_model *model,
                             const char *dir, const pst_model_options *options, pst_error *err) {
    const char *processor_dir = options->processor_dir;
    package->path = strdup(dir);
    if (!package->path) return error_memory(err, 0);
    package->single = path_has_file(package->path, "Manifest.json");
    pst_status status = set_runner(package, options, err);
    if (!status && !package_model_is(dir))
        return error_set(
            err, PST_ERR_MODEL,
            "%s: not a converted model, expected a folder with potstill.json or a package", dir);
    if (!status) status = kernels_get(&package->kernels, options->cpu, err);
    if (!status)
        status = package->single ? open_single(package, processor_dir, err)
                                 : package_index_open(&package->index, package->path, err);
    if (!status) status = open_decoder(package, options, err);
    if (!status)
        status =
            tokenizer_cache_open(&model->tokenizer, processor_dir ? processor_dir : package->path,
                                 package->cache_dir, err);
    if (status) return status;
    package->tokenizer = model->tokenizer;
    if (package->single) package->index.vocab = (uint32_t)tokenizer_size(model->tokenizer);
    set_model(model, package);
    describe(package);
    return PST_OK;
}

pst_status package_model_open(struct pst_model **out, const char *dir,
                              const pst_model_options *options, pst_error *err) {
    struct pst_model *model = calloc(1, sizeof *model);
    if (!model) return error_memory(err, sizeof *model);
    struct package_model *package = calloc(1, sizeof *package);
    pst_status status = PST_OK;
    if (package) {
        package->device.free = free_device;
        model->device = &package->device;
        status = open_parts(package, model, dir, options, err);
    } else {
        status = error_memory(err, sizeof *package);
    }
    if (status)
        pst_model_free(model);
    else
        *out = model;
    return status;
}
