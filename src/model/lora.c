/* lora.c - opens an adapter: its two files against each other and against the model.
 *
 * The config decides which modules are adapted and how strongly (lora_targets.h); the tensor file must
 * hold exactly the matrices these modules need. Tensors left over are either of a kind that PEFT would
 * have applied, and then refused, or of no effect there either, and then mentioned. */
#include "model/lora.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/lora_config.h"
#include "model/lora_targets.h"
#include "model/model.h"

static const char PREFIX[] = "base_model.model."; /* of every key that PEFT writes */

/* Names listed in one message; the rest are counted. */
enum { NAMES_SHOWN = 3 };

/* One run of lora_resolve(). */
struct resolving {
    struct pst_adapter *adapter;
    const struct lora_config *config;
    const pst_adapter_options *options; /* NULL: silent */
    struct lora_target *targets;        /* [module_count] */
    unsigned char *used;                /* [file.count]: does an adapted module hold this tensor? */
    struct buffer missing;              /* names of modules without tensors, the first few */
    uint32_t missing_count;
};

static void warn(const struct resolving *run, const pst_error *note) {
    if (run->options && run->options->warn) run->options->warn(run->options->user, note->message);
}

/* Modules are shown without the "model." that nearly all of them begin with. */
static const char *shown(const char *module) {
    return strncmp(module, "model.", 6) == 0 ? module + 6 : module;
}

/* Appends `name` to a list of at most NAMES_SHOWN names, of which there are `count` so far. */
static void list_name(struct buffer *list, const char *name, size_t count) {
    if (count < NAMES_SHOWN) buffer_format(list, "%s%s", count ? ", " : "", name);
    if (count == NAMES_SHOWN) buffer_text(list, ", ...");
}

/* ------------------------------------------------------------------------------ foreign tensors */

static int ends_with(const char *text, const char *ending) {
    size_t length = strlen(text), size = strlen(ending);
    return length >= size && strcmp(text + length - size, ending) == 0;
}

/* Is `key` (after PREFIX) the weight or bias of a module of the base? PEFT would load it there. */
static int is_base_tensor(const struct pst_model *model, const char *key) {
    for (uint32_t i = 0; i < model->weights.module_count; i++) {
        const char *name = model->weights.modules[i].name;
        size_t length = strlen(name);
        if (strncmp(key, name, length) != 0) continue;
        const char *rest = key + length;
        if (strncmp(rest, ".base_layer", 11) == 0) rest += 11;
        if (strcmp(rest, ".weight") == 0 || strcmp(rest, ".bias") == 0) return 1;
    }
    return 0;
}

/* Why a tensor of this name means more than plain LoRA; NULL when it does not. */
static const char *foreign_kind(const struct pst_model *model, const char *name) {
    if (strstr(name, "lora_magnitude_vector")) return "it belongs to DoRA (use_dora)";
    if (strstr(name, "lora_embedding_")) return "it adapts an embedding";
    if (ends_with(name, ".lora_B.bias")) return "it is a bias of lora_B (lora_bias)";
    if (strstr(name, "trainable_tokens")) return "it replaces rows of the embedding";
    if (strstr(name, ".modules_to_save.") || strstr(name, ".base_layer."))
        return "it replaces a tensor of the base";
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) == 0 &&
        is_base_tensor(model, name + sizeof PREFIX - 1))
        return "it replaces a tensor of the base (bias, modules_to_save or save_embedding_layers)";
    return NULL;
}

static pst_status check_kinds(const struct resolving *run, pst_error *err) {
    const struct safetensors *file = &run->adapter->file;
    for (size_t i = 0; i < file->count; i++) {
        const char *why = foreign_kind(run->adapter->model, file->tensors[i].name);
        if (why)
            return error_set(err, PST_ERR_UNSUPPORTED, "%s: tensor %s: %s: not supported",
                             file->path, file->tensors[i].name, why);
    }
    return PST_OK;
}

/* What is odd about a key that no module uses; "" when nothing is known. */
static const char *unused_hint(const char *name) {
    const char *infix = strstr(name, ".lora_A.");
    if (!infix) infix = strstr(name, ".lora_B.");
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
        return "; keys begin with base_model.model. in files that PEFT writes";
    if (infix && strcmp(infix + 8, "weight") != 0)
        return "; keys hold no adapter name between lora_A or lora_B and weight in files that PEFT "
               "writes";
    return "";
}

static void warn_unused(const struct resolving *run) {
    const struct safetensors *file = &run->adapter->file;
    struct buffer names = {0};
    const char *hint = "";
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++) {
        if (run->used[i]) continue;
        if (count == 0) hint = unused_hint(file->tensors[i].name);
        list_name(&names, file->tensors[i].name, count++);
    }
    pst_error note;
    error_set(&note, PST_OK, "%s: %zu of %zu tensors belong to no adapted module: %s%s", file->path,
              count, file->count, names.data ? names.data : "", hint);
    if (count > 0) warn(run, &note);
    buffer_free(&names);
}

/* ------------------------------------------------------------------------------------- matrices */

static const struct tensor *find_matrix(struct resolving *run, const char *module,
                                        const char *matrix, pst_status *status, pst_error *err) {
    struct buffer key = {0};
    const struct tensor *tensor = NULL;
    buffer_format(&key, "%s%s.%s.weight", PREFIX, module, matrix);
    if (key.failed)
        *status = error_memory(err, 0);
    else
        tensor = safetensors_find(&run->adapter->file, key.data);
    if (tensor) run->used[tensor - run->adapter->file.tensors] = 1;
    buffer_free(&key);
    return tensor;
}

/* Is `tensor` lora_A [rank, in] or, with `is_b`, lora_B [out, rank]? Which of the two sizes is wrong
 * tells the config from the model. */
static pst_status check_shape(const struct resolving *run, const struct module *module,
                              const struct tensor *tensor, int is_b, size_t rank, pst_error *err) {
    size_t rows = is_b ? module->out : rank, columns = is_b ? rank : module->in;
    char text[128];
    if (tensor->dims == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns) return PST_OK;
    int fits = tensor->dims == 2 && (is_b ? tensor->shape[0] == rows : tensor->shape[1] == columns);
    return error_set(err, PST_ERR_MODEL, "%s: %s %s is %s, %s [%zu, %zu]%s",
                     run->adapter->file.path, shown(module->name), is_b ? "lora_B" : "lora_A",
                     tensor_shape_text(tensor, text),
                     fits ? "the rank in adapter_config.json needs" : "the base model needs", rows,
                     columns, fits ? "" : " (is this adapter for another size?)");
}

/* Points *values at the tensor as float32, widened into a copy unless it can be used in place. */
static pst_status take_floats(struct pst_adapter *adapter, const struct tensor *tensor,
                              const float **values, pst_error *err) {
    const char *path = adapter->file.path;
    *values = tensor_floats_in_place(tensor);
    if (!*values) {
        float *copy = malloc(tensor->count * sizeof *copy);
        if (!copy) return error_memory(err, tensor->count * sizeof *copy);
        adapter->copies[adapter->copy_count++] = copy;
        if (!tensor_to_float(tensor, copy))
            return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected F32, F16, BF16 or F64",
                             path, tensor->name, dtype_name(tensor->dtype));
        *values = copy;
    }
    for (size_t i = 0; i < tensor->count; i++)
        if (!isfinite((*values)[i]))
            return error_set(err, PST_ERR_MODEL, "%s: %s has %s at [%zu, %zu]", path, tensor->name,
                             isnan((*values)[i]) ? "NaN" : "infinity", i / tensor->shape[1],
                             i % tensor->shape[1]);
    return PST_OK;
}

/* PEFT creates a module's matrices before it loads them. One that is not stored keeps its initial
 * value: a zero lora_B switches the module off, anything else is random. */
static pst_status miss_matrix(struct resolving *run, const char *module, const struct tensor *b,
                              pst_error *err) {
    if (b || !run->config->init_zeroes_b)
        return error_set(err, PST_ERR_MODEL,
                         "%s: targeted module %s has no %s: PEFT would use random numbers for it",
                         run->adapter->file.path, shown(module), b ? "lora_A" : "lora_B");
    list_name(&run->missing, shown(module), run->missing_count++);
    return PST_OK;
}

/* Fills the lora of one targeted module. */
static pst_status apply(struct resolving *run, uint32_t slot, pst_error *err) {
    struct pst_adapter *adapter = run->adapter;
    const struct module *module = &adapter->model->weights.modules[slot];
    const struct lora_target *target = &run->targets[slot];
    struct lora lora = {
        .rank = target->rank, .scale = (float)target->scale, .exact_scale = target->scale};
    pst_status status = PST_OK;
    const struct tensor *a = find_matrix(run, module->name, "lora_A", &status, err);
    const struct tensor *b = find_matrix(run, module->name, "lora_B", &status, err);
    if (status) return status;
    if (a) status = check_shape(run, module, a, 0, target->rank, err);
    if (b && !status) status = check_shape(run, module, b, 1, target->rank, err);
    if (!status && (!a || !b)) return miss_matrix(run, module->name, b, err);
    if (!status) status = take_floats(adapter, a, &lora.a, err);
    if (!status) status = take_floats(adapter, b, &lora.b, err);
    if (status) return status;
    adapter->loras[slot] = lora;
    adapter->slots[adapter->slot_count++] = slot;
    return PST_OK;
}

/* ------------------------------------------------------------------------------------ resolving */

static void describe(struct pst_adapter *adapter, int rslora) {
    pst_adapter_info *info = &adapter->info;
    *info = (pst_adapter_info){.peft_type = "LORA",
                               .base_model = adapter->base_model,
                               .file_bytes = adapter->file.view.size,
                               .modules = adapter->slot_count,
                               .rank_min = UINT32_MAX,
                               .rslora = rslora};
    for (uint32_t i = 0; i < adapter->slot_count; i++) {
        const struct module *module = &adapter->model->weights.modules[adapter->slots[i]];
        uint32_t rank = adapter->loras[adapter->slots[i]].rank;
        info->parameters += (uint64_t)rank * ((uint64_t)module->in + module->out);
        if (rank < info->rank_min) info->rank_min = rank;
        if (rank > info->rank_max) info->rank_max = rank;
    }
}

static pst_status refuse_nothing_applied(const struct resolving *run, pst_error *err) {
    const struct safetensors *file = &run->adapter->file;
    const char *first = file->count ? file->tensors[0].name : "nothing";
    uint32_t slot = 0; /* of the first target: lora_targets_find() saw to it that there is one */
    while (run->targets[slot].rank == 0) slot++;
    return error_set(err, PST_ERR_MODEL,
                     "%s: holds none of the tensors that adapter_config.json targets, such as "
                     "%s%s.lora_B.weight; it has %s%s",
                     file->path, PREFIX, run->adapter->model->weights.modules[slot].name, first,
                     file->count ? unused_hint(first) : "");
}

static pst_status apply_all(struct resolving *run, pst_error *err) {
    struct pst_adapter *adapter = run->adapter;
    pst_status status = PST_OK;
    for (uint32_t i = 0; i < adapter->model->weights.module_count && !status; i++)
        if (run->targets[i].rank > 0) status = apply(run, i, err);
    if (status) return status;
    if (run->missing.failed) return error_memory(err, 0);
    if (adapter->slot_count == 0) return refuse_nothing_applied(run, err);
    pst_error note;
    error_set(&note, PST_OK,
              "%s: no lora_B for %u of %u targeted modules, which stay as they are: %s",
              adapter->file.path, run->missing_count, run->missing_count + adapter->slot_count,
              run->missing.data ? run->missing.data : "");
    if (run->missing_count > 0) warn(run, &note);
    warn_unused(run);
    describe(adapter, run->config->use_rslora);
    return PST_OK;
}

/* Room for everything whose size is known before the tensors are looked at. */
static pst_status allocate(struct resolving *run, uint32_t adapted, pst_error *err) {
    struct pst_adapter *adapter = run->adapter;
    uint32_t modules = adapter->model->weights.module_count;
    run->used = calloc(adapter->file.count + 1, 1);
    adapter->loras = calloc((size_t)modules + 1, sizeof *adapter->loras);
    adapter->slots = calloc((size_t)adapted + 1, sizeof *adapter->slots);
    adapter->copies = calloc((size_t)adapted * 2 + 1, sizeof *adapter->copies);
    adapter->base_model = strdup(run->config->base_model);
    int complete =
        run->used && adapter->loras && adapter->slots && adapter->copies && adapter->base_model;
    return complete ? PST_OK : error_memory(err, 0);
}

static pst_status resolve(struct resolving *run, pst_error *err) {
    const struct weights *weights = &run->adapter->model->weights;
    uint32_t adapted = 0;
    run->targets = calloc((size_t)weights->module_count + 1, sizeof *run->targets);
    if (!run->targets) return error_memory(err, 0);
    pst_status status = lora_targets_find(run->config, weights->modules, weights->module_count,
                                          run->targets, &adapted, err);
    if (!status) status = check_kinds(run, err);
    if (!status) status = allocate(run, adapted, err);
    return status ? status : apply_all(run, err);
}

pst_status lora_resolve(const struct pst_model *model, const struct lora_config *config,
                        struct safetensors *file, const pst_adapter_options *options,
                        struct pst_adapter **adapter, pst_error *err) {
    struct resolving run = {.config = config, .options = options};
    run.adapter = calloc(1, sizeof *run.adapter);
    if (!run.adapter) {
        safetensors_close(file);
        return error_memory(err, sizeof *run.adapter);
    }
    run.adapter->model = model;
    run.adapter->file = *file;
    *file = (struct safetensors){0};
    pst_status status = resolve(&run, err);
    free(run.targets);
    free(run.used);
    buffer_free(&run.missing);
    if (status)
        pst_adapter_free(run.adapter);
    else
        *adapter = run.adapter;
    return status;
}

/* -------------------------------------------------------------------------------------- opening */

void pst_adapter_options_init(pst_adapter_options *options) {
    *options = (pst_adapter_options){.struct_size = sizeof *options};
}

static pst_status open_tensors(struct safetensors *file, const char *dir, pst_error *err) {
    char *path = path_join(dir, "adapter_model.safetensors");
    char *pickle = path_join(dir, "adapter_model.bin");
    pst_status status;
    if (!path || !pickle)
        status = error_memory(err, 0);
    else if (!path_is_file(path) && path_is_file(pickle))
        status = error_set(err, PST_ERR_UNSUPPORTED,
                           "%s: is a Python pickle: load the adapter with PEFT and save it with "
                           "save_pretrained(dir), which writes adapter_model.safetensors",
                           pickle);
    else
        status = safetensors_open(file, path, err);
    free(path);
    free(pickle);
    return status;
}

static pst_status open_config(struct lora_config *config, const char *dir,
                              const pst_adapter_options *options, pst_error *err) {
    char *path = path_join(dir, "adapter_config.json");
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    if (!path_is_folder(dir))
        status = error_set(err, PST_ERR_MODEL, "%s: is not a folder, expected a PEFT adapter", dir);
    else
        status = lora_config_open(config, path, options, err);
    free(path);
    return status ? status : lora_config_check(config, err);
}

pst_status pst_adapter_open(const pst_model *model, const char *dir,
                            const pst_adapter_options *options, pst_adapter **adapter,
                            pst_error *err) {
    if (!model || !dir || !adapter)
        return error_set(err, PST_ERR_ARGUMENT, "pst_adapter_open: model, dir or adapter is NULL");
    if (options && options->struct_size < sizeof *options)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_adapter_open: options were not set up by pst_adapter_options_init()");
    struct lora_config config = {0};
    struct safetensors file = {0};
    /* The config first: one that is not ours explains itself better than its tensor names do. */
    pst_status status = open_config(&config, dir, options, err);
    if (!status) status = open_tensors(&file, dir, err);
    if (!status) status = lora_resolve(model, &config, &file, options, adapter, err);
    lora_config_close(&config);
    return status;
}

void pst_adapter_free(pst_adapter *adapter) {
    if (!adapter) return;
    for (uint32_t i = 0; i < adapter->copy_count; i++) free(adapter->copies[i]);
    free(adapter->copies);
    free(adapter->loras);
    free(adapter->slots);
    free(adapter->base_model);
    safetensors_close(&adapter->file);
    free(adapter);
}
