/* package_open.c - opens converted models: the folder of the layout `split` by its index, the package of
 * `single` by what it says of itself. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"
#include "coreml/package/package.h"
#include "model/model.h"
#include "pipeline/package_session.h"
#include "pipeline/session.h"

void pst_converted_options_init_sized(pst_converted_options *options, size_t struct_size) {
    const pst_converted_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

/* ------------------------------------------------------------------------------------------ single */

static const char *user_text(const struct mil_model *model, const char *key) {
    for (size_t i = 0; i < model->user_defined_count; i++)
        if (strcmp(model->user_defined[i].key, key) == 0) return model->user_defined[i].value;
    return "";
}

/* `text` as one of the precisions and targets there are, which live as long as the program. */
static const char *known_text(const char *text) {
    static const char *const known[] = {"float16",  "float32", "int8",  "palette8", "palette6",
                                        "palette4", "ios15",   "ios16", "ios18"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], text) == 0) return known[i];
    return "";
}

/* Input input_values [1, samples], output token_ids [1, tokens]. */
static int read_interface(struct pst_converted *package, const struct mil_model *model) {
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
    index->vocab = 1;
    return 1;
}

static pst_status open_single(struct pst_converted *package, const char *processor_dir,
                              pst_error *err) {
    struct mil_model *model;
    struct processor processor = {0};
    if (!processor_dir)
        return error_set(err, PST_ERR_MODEL,
                         "%s: a package of the layout single has no tokenizer; name the folder of "
                         "one (--processor-dir)",
                         package->path);
    pst_status status = package_read(package->path, &model, err);
    if (status) return status;
    package->index.precision = known_text(user_text(model, "potstill.precision"));
    package->index.target = known_text(user_text(model, "potstill.target"));
    int fits = read_interface(package, model);
    mil_model_free(model);
    if (!fits)
        return error_set(err, PST_ERR_MODEL,
                         "%s: expected a package from input_values to token_ids (the layout single "
                         "of potstill convert)",
                         package->path);
    package->index.lengths = &package->whole;
    package->index.length_count = 1;
    status = processor_read(&processor, processor_dir, err);
    package->index.do_normalize = processor.do_normalize;
    return status;
}

/* -------------------------------------------------------------------------------------------- memory */

static float *take(size_t count) {
    return calloc(count ? count : 1, sizeof(float));
}

static pst_status make_room(struct pst_converted *package, pst_error *err) {
    const struct package_index *index = &package->index;
    const struct package_length *longest = &index->lengths[index->length_count - 1];
    uint32_t memory = 0;
    for (size_t i = 0; i < index->length_count; i++)
        if (index->lengths[i].memory > memory) memory = index->lengths[i].memory;
    size_t cache = index->state ? 0 : (size_t)index->cache_dim * index->slots;
    package->samples = take(longest->samples);
    package->frame_weights = take(longest->frames1);
    package->key_mask = take(longest->frames);
    package->cross_mask = take(memory);
    package->self_k = take(cache);
    package->self_v = take(cache);
    package->scores = take(index->vocab);
    package->logprobs = take(index->vocab);
    package->kept = take(index->slots);
    package->tokens = calloc((size_t)index->slots + 1, sizeof *package->tokens);
    return package->samples && package->frame_weights && package->key_mask && package->cross_mask &&
                   package->self_k && package->self_v && package->scores && package->logprobs &&
                   package->kept && package->tokens
               ? PST_OK
               : error_memory(err, 0);
}

/* ------------------------------------------------------------------------------------------- opening */

static pst_status open_layout(struct pst_converted *package, const char *processor_dir,
                              pst_error *err) {
    char *manifest = path_join(package->path, "Manifest.json");
    if (!manifest) return error_memory(err, 0);
    package->single = path_is_file(manifest);
    free(manifest);
    if (package->single) return open_single(package, processor_dir, err);
    return package_index_open(&package->index, package->path, err);
}

static enum coreml_units units_of(pst_compute_units units) {
    switch (units) {
    case PST_UNITS_ANE: return COREML_UNITS_ANE;
    case PST_UNITS_GPU: return COREML_UNITS_GPU;
    case PST_UNITS_CPU: return COREML_UNITS_CPU;
    case PST_UNITS_ALL: break;
    }
    return COREML_UNITS_ALL;
}

static pst_status set_backend(struct pst_converted *package, const pst_converted_options *options,
                              pst_error *err) {
    if ((unsigned)options->units > PST_UNITS_CPU)
        return error_set(err, PST_ERR_ARGUMENT, "there are no compute units %d",
                         (int)options->units);
    if (options->cache_dir) {
        package->cache_dir = strdup(options->cache_dir);
        if (!package->cache_dir) return error_memory(err, strlen(options->cache_dir) + 1);
    }
    package->options = (struct runner_options){.threads = session_thread_count(options->threads),
                                               .coreml = {.units = units_of(options->units),
                                                          .cache_dir = package->cache_dir,
                                                          .warn = options->warn,
                                                          .user = options->user}};
    return runner_get(&package->runner, options->device, err);
}

/* A decoder of another model would not understand what the encoder says. */
static pst_status set_decoder(struct pst_converted *package, pst_session *decoder, pst_error *err) {
    const struct package_index *index = &package->index;
    if (!decoder) return PST_OK;
    const struct config *config = &decoder->model->config;
    if (package->single)
        return error_set(err, PST_ERR_ARGUMENT,
                         "%s: a package of the layout single decodes by itself", package->path);
    if (config->vocab != index->vocab || config->decoder_start_token_id != index->start ||
        config->eos_token_id != index->end ||
        config->decoder_layers * config->width != index->cache_dim)
        return error_set(err, PST_ERR_MODEL,
                         "%s: the decoder is of another model than the one that was converted",
                         package->path);
    package->decoder = decoder;
    return PST_OK;
}

static pst_status open_package(struct pst_converted *package, const pst_converted_options *options,
                               pst_error *err) {
    const char *processor_dir = options->processor_dir;
    pst_status status = set_backend(package, options, err);
    if (!status) status = kernels_get(&package->kernels, PST_CPU_AUTO, err);
    if (!status) status = open_layout(package, processor_dir, err);
    if (!status) status = set_decoder(package, options->decoder, err);
    if (!status)
        status =
            tokenizer_open(&package->tokenizer, processor_dir ? processor_dir : package->path, err);
    return status ? status : make_room(package, err);
}

pst_status pst_converted_open(const char *path, const pst_converted_options *options,
                              pst_converted **out, pst_error *err) {
    if (!path || !out) return error_set(err, PST_ERR_ARGUMENT, "path and package must not be NULL");
    pst_converted_options own;
    pst_converted_options_init(&own);
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_converted_options", err);
    if (status) return status;
    struct pst_converted *package = calloc(1, sizeof *package);
    if (!package) return error_memory(err, sizeof *package);
    package->path = strdup(path);
    status = package->path ? open_package(package, &own, err) : error_memory(err, strlen(path) + 1);
    if (status) {
        pst_converted_free(package);
        return status;
    }
    *out = package;
    return PST_OK;
}

void pst_converted_free(pst_converted *package) {
    if (!package) return;
    for (size_t i = 0; i < package->loaded_count; i++)
        package->runner->unload(package->loaded[i].handle);
    free(package->loaded);
    if (package->single) package->index.lengths = NULL; /* `whole`, not of the heap */
    package_index_close(&package->index);
    tokenizer_free(package->tokenizer);
    free(package->samples);
    free(package->frame_weights);
    free(package->key_mask);
    free(package->cross_mask);
    free(package->self_k);
    free(package->self_v);
    free(package->scores);
    free(package->logprobs);
    free(package->kept);
    free(package->tokens);
    free(package->cache_dir);
    free(package->path);
    free(package);
}

void pst_converted_describe(const pst_converted *package, pst_converted_info *info) {
    const struct package_index *index = &package->index;
    *info = (pst_converted_info){
        .layout = package->single ? "single" : "split",
        .precision = index->precision,
        .target = index->target,
        .lengths = (uint32_t)index->length_count,
        .samples_max = index->lengths[index->length_count - 1].samples,
        .tokens_max = index->tokens_max,
    };
}

/* ----------------------------------------------------------------------------------------- functions */

const struct package_length *package_choose(const struct pst_converted *package, size_t count) {
    const struct package_index *index = &package->index;
    for (size_t i = 0; i < index->length_count; i++)
        if (count <= index->lengths[i].samples) return &index->lengths[i];
    return NULL;
}

static int same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

pst_status package_load(struct pst_converted *package, const struct package_part *part,
                        void **handle, pst_error *err) {
    for (size_t i = 0; i < package->loaded_count; i++) {
        const struct loaded_part *loaded = &package->loaded[i];
        if (!same_text(loaded->package, part->package) ||
            !same_text(loaded->function, part->function))
            continue;
        *handle = loaded->handle;
        return PST_OK;
    }
    struct loaded_part *more = realloc(package->loaded, (package->loaded_count + 1) * sizeof *more);
    if (!more) return error_memory(err, (package->loaded_count + 1) * sizeof *more);
    package->loaded = more;
    char *path = part->package ? path_join(package->path, part->package) : strdup(package->path);
    if (!path) return error_memory(err, 0);
    pst_status status = package->runner->load(&package->options, path, part->function, handle, err);
    free(path);
    if (status) return status;
    more[package->loaded_count++] = (struct loaded_part){part->package, part->function, *handle};
    return PST_OK;
}
