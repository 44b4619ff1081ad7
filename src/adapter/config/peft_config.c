/* peft_config.c - see peft_config.h. */
#include "adapter/config/peft_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const struct {
    const char *name;
    enum peft_method method;
} METHODS[] = {{"LORA", PEFT_LORA},
               {"ADALORA", PEFT_ADALORA},
               {"LOHA", PEFT_LOHA},
               {"LOKR", PEFT_LOKR},
               {"IA3", PEFT_IA3}};

/* The rest of PEFT 0.18.1's methods, and what each would ask of the engine. */
static const struct {
    const char *name, *what;
} REFUSED[] = {
    {"VERA", "it draws its matrices from torch's random numbers"},
    {"RANDLORA", "it draws its matrices from torch's random numbers"},
    {"VBLORA", "it assembles its matrices from a bank of vectors"},
    {"XLORA", "it mixes several adapters by a network of its own"},
    {"POLY", "it mixes several adapters by task"},
    {"OFT", "it rotates the weights"},
    {"BOFT", "it rotates the weights"},
    {"HRA", "it reflects the weights"},
    {"ROAD", "it rotates the outputs"},
    {"FOURIERFT", "its change is the Fourier transform of a few numbers"},
    {"WAVEFT", "its change is the wavelet transform of a few numbers"},
    {"C3A", "its change is a circular convolution"},
    {"BONE", "its change is shared by blocks of the weight"},
    {"MISS", "its change is shared by blocks of the weight"},
    {"SHIRA", "its change is a sparse matrix"},
    {"OSF", "it replaces singular vectors of the weights"},
    {"DELORA", "it normalises its matrices"},
    {"LN_TUNING", "it replaces the norms"},
    {"TRAINABLE_TOKENS", "it replaces rows of the embedding"},
    {"ADAPTION_PROMPT", "it adds prompts to the attention"},
    {"PROMPT_TUNING", "it puts learnt tokens before the text"},
    {"MULTITASK_PROMPT_TUNING", "it puts learnt tokens before the text"},
    {"P_TUNING", "it puts learnt tokens before the text"},
    {"PREFIX_TUNING", "it puts learnt keys and values before the text"},
    {"CPT", "it puts learnt tokens before the text"},
};

const char *peft_method_name(enum peft_method method) {
    return METHODS[method].name;
}

/* Keys of every method, and what each adds, that are read here or have no effect on inference. */
static const char *const SHARED_KEYS[] = {"peft_type",
                                          "peft_version",
                                          "auto_mapping",
                                          "task_type",
                                          "inference_mode",
                                          "base_model_name_or_path",
                                          "revision",
                                          "target_modules",
                                          "exclude_modules",
                                          "modules_to_save",
                                          NULL};
static const char *const LYCORIS_KEYS[] = {"r",
                                           "alpha",
                                           "rank_dropout",
                                           "module_dropout",
                                           "init_weights",
                                           "rank_pattern",
                                           "alpha_pattern",
                                           "layers_to_transform",
                                           "layers_pattern",
                                           "use_effective_conv2d",
                                           NULL};
static const char *const LOKR_KEYS[] = {"decompose_both", "decompose_factor", "rank_dropout_scale",
                                        NULL};
static const char *const IA3_KEYS[] = {"feedforward_modules", "fan_in_fan_out", "init_ia3_weights",
                                       NULL};
/* AdaLoRA has all options of LoRA and ignores most of them: r, use_rslora, alpha_pattern among them. */
static const char *const ADALORA_KEYS[] = {"r",
                                           "target_r",
                                           "init_r",
                                           "tinit",
                                           "tfinal",
                                           "deltaT",
                                           "beta1",
                                           "beta2",
                                           "orth_reg_weight",
                                           "total_step",
                                           "rank_pattern",
                                           "alpha_pattern",
                                           "lora_alpha",
                                           "lora_dropout",
                                           "use_rslora",
                                           "fan_in_fan_out",
                                           "bias",
                                           "init_lora_weights",
                                           "layers_to_transform",
                                           "layers_pattern",
                                           "megatron_config",
                                           "megatron_core",
                                           "loftq_config",
                                           "eva_config",
                                           "corda_config",
                                           "runtime_config",
                                           "qalora_group_size",
                                           "use_qalora",
                                           "lora_bias",
                                           "arrow_config",
                                           "ensure_weight_tying",
                                           NULL};
/* What AdaLoRA inherits, and would change the result or fail there. */
static const struct {
    const char *key, *why;
} ADALORA_REFUSED[] = {
    {"use_dora", "PEFT has no DoRA for AdaLoRA"},
    {"trainable_token_indices", "the file replaces rows of the embedding"},
    {"target_parameters", "it adapts bare parameters, not modules"},
    {"layer_replication", "it repeats layers of the base"},
    {"alora_invocation_tokens", "the adapter acts only after these tokens"},
};

static int is_listed(const char *const *keys, const char *key) {
    for (; *keys; keys++)
        if (strcmp(*keys, key) == 0) return 1;
    return 0;
}

static int is_known(enum peft_method method, const char *key) {
    if (is_listed(SHARED_KEYS, key)) return 1;
    switch (method) {
    case PEFT_LOHA: return is_listed(LYCORIS_KEYS, key);
    case PEFT_LOKR: return is_listed(LYCORIS_KEYS, key) || is_listed(LOKR_KEYS, key);
    case PEFT_IA3: return is_listed(IA3_KEYS, key);
    default: return is_listed(ADALORA_KEYS, key);
    }
}

static void warn_unknown(const struct peft_config *config, const pst_adapter_options *options) {
    if (!options || !options->warn) return;
    const char *key;
    json_t *value;
    json_object_foreach(config->lora.file.root, key, value) {
        pst_error note;
        if (is_known(config->method, key) || lora_config_is_off(value)) continue;
        error_set(&note, PST_OK, "%s: %s is not an option of %s in PEFT 0.18.1, ignored as there",
                  config->lora.file.path, key, peft_method_name(config->method));
        options->warn(options->user, note.message);
    }
}

/* ------------------------------------------------------------------------------------- reading */

/* true, false or a text, of which some say how the tensors begin. */
static pst_status read_init(struct peft_config *config, const char *key, pst_error *err) {
    const json_t *init = json_object_get(config->lora.file.root, key);
    const char *name = json_string_value(init);
    if (init && !json_is_boolean(init) &&
        !(config->method == PEFT_LOKR && name && strcmp(name, "lycoris") == 0))
        return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is %s, expected true%s or false",
                         config->lora.file.path, key, name ? name : json_kind(init),
                         config->method == PEFT_LOKR ? ", \"lycoris\"" : "");
    config->random_init = json_is_false(init);
    return PST_OK;
}

static pst_status read_lycoris(struct peft_config *config, pst_error *err) {
    const json_t *root = config->lora.file.root;
    const char *path = config->lora.file.path;
    config->decompose_factor = -1;
    pst_status status = lora_config_read_numbers(&config->lora, "alpha", err);
    if (!status) status = lora_config_read_selection(&config->lora, 1, err);
    if (!status)
        status = json_get_bool(root, path, "use_effective_conv2d", &config->effective_conv, err);
    if (!status) status = read_init(config, "init_weights", err);
    if (status || config->method != PEFT_LOKR) return status;
    status = json_get_bool(root, path, "decompose_both", &config->decompose_both, err);
    if (status) return status;
    return json_get_int(root, path, "decompose_factor", INT32_MIN, INT32_MAX,
                        &config->decompose_factor, err);
}

/* PEFT tells the two sets from each other only when both are lists. */
static pst_status check_feedforward(const struct peft_config *config, pst_error *err) {
    const struct lora_choice *target = &config->lora.target_modules;
    const struct lora_choice *inner = &config->feedforward_modules;
    const char *path = config->lora.file.path;
    if (!inner->given)
        return error_set(err, PST_ERR_MODEL,
                         "%s: feedforward_modules is missing, and PEFT has no default for this "
                         "model",
                         path);
    for (size_t i = 0; !inner->pattern && !target->pattern && i < inner->names.count; i++) {
        size_t at = 0;
        while (at < target->names.count &&
               strcmp(target->names.items[at], inner->names.items[i]) != 0)
            at++;
        if (at == target->names.count)
            return error_set(err, PST_ERR_MODEL,
                             "%s: feedforward_modules has %s, which is not in target_modules "
                             "(PEFT refuses it too)",
                             path, inner->names.items[i]);
    }
    return PST_OK;
}

static pst_status read_ia3(struct peft_config *config, pst_error *err) {
    config->lora.r = 1;
    config->lora.lora_alpha = 1;
    pst_status status = lora_config_read_selection(&config->lora, 0, err);
    if (!status)
        status = lora_config_read_choice(&config->lora, "feedforward_modules",
                                         &config->feedforward_modules, err);
    if (!status) status = check_feedforward(config, err);
    return status ? status : read_init(config, "init_ia3_weights", err);
}

/* PEFT does not load a schedule that leaves no step for its work. */
static pst_status check_schedule(const struct peft_config *config, pst_error *err) {
    const json_t *root = config->lora.file.root;
    const char *path = config->lora.file.path;
    int64_t total = 0, first = 0, last = 0;
    pst_status status = json_get_int(root, path, "total_step", 1, INT32_MAX, &total, err);
    if (!status) status = json_get_int(root, path, "tinit", INT32_MIN, INT32_MAX, &first, err);
    if (!status) status = json_get_int(root, path, "tfinal", INT32_MIN, INT32_MAX, &last, err);
    if (status) return status;
    if (total == 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: total_step is missing (PEFT does not load AdaLoRA without it)", path);
    if (first >= total - last)
        return error_set(err, PST_ERR_MODEL,
                         "%s: tinit and tfinal leave no step of total_step (PEFT does not load it)",
                         path);
    return PST_OK;
}

static pst_status read_masks(struct peft_config *config, pst_error *err) {
    const json_t *masks = json_object_get(config->lora.file.root, "rank_pattern");
    if (!masks || json_is_null(masks)) return PST_OK;
    if (!json_is_object(masks))
        return error_set(err, PST_ERR_MODEL, "%s: rank_pattern is %s, expected an object",
                         config->lora.file.path, json_kind(masks));
    config->rank_masks = masks;
    return PST_OK;
}

static pst_status read_adalora(struct peft_config *config, pst_error *err) {
    const json_t *root = config->lora.file.root;
    const char *path = config->lora.file.path;
    for (size_t i = 0; i < sizeof ADALORA_REFUSED / sizeof *ADALORA_REFUSED; i++)
        if (!lora_config_is_off(json_object_get(root, ADALORA_REFUSED[i].key)))
            return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is set (%s): not supported", path,
                             ADALORA_REFUSED[i].key, ADALORA_REFUSED[i].why);
    int64_t rank = 12; /* PEFT's default */
    config->lora.lora_alpha = 8;
    const char *bias = "none";
    pst_status status = json_get_int(root, path, "init_r", 1, LORA_RANK_MAX, &rank, err);
    config->lora.r = (uint32_t)rank;
    if (!status)
        status = json_get_double(root, path, "lora_alpha", -LORA_ALPHA_MAX, LORA_ALPHA_MAX,
                                 &config->lora.lora_alpha, err);
    if (!status) status = json_get_text(root, path, "bias", &bias, err);
    if (!status && strcmp(bias, "none") != 0)
        status = error_set(err, PST_ERR_UNSUPPORTED,
                           "%s: bias is \"%s\": not supported with AdaLoRA, expected \"none\"",
                           path, bias);
    if (!status) status = lora_config_read_selection(&config->lora, 1, err);
    if (!status) status = check_schedule(config, err);
    if (!status) status = read_masks(config, err);
    const json_t *init = json_object_get(root, "init_lora_weights");
    config->random_init = init && lora_config_is_off(init); /* any text counts as true */
    return status;
}

static pst_status read_method(struct peft_config *config, pst_error *err) {
    pst_status status;
    config->lora.base_model = "";
    status = json_get_text(config->lora.file.root, config->lora.file.path,
                           "base_model_name_or_path", &config->lora.base_model, err);
    if (status) return status;
    if (config->method == PEFT_ADALORA)
        status = read_adalora(config, err);
    else if (config->method == PEFT_IA3)
        status = read_ia3(config, err);
    else
        status = read_lycoris(config, err);
    return status;
}

/* ------------------------------------------------------------------------------------- opening */

static pst_status find_method(const struct json_file *file, enum peft_method *method,
                              pst_error *err) {
    const char *kind = NULL;
    pst_status status = json_get_text(file->root, file->path, "peft_type", &kind, err);
    if (status) return status;
    if (!kind)
        return error_set(err, PST_ERR_MODEL, "%s: peft_type is missing, expected \"LORA\"",
                         file->path);
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++) {
        if (strcmp(METHODS[i].name, kind) != 0) continue;
        *method = METHODS[i].method;
        return PST_OK;
    }
    const char *what = "no method of PEFT 0.18.1";
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        if (strcmp(REFUSED[i].name, kind) == 0) what = REFUSED[i].what;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: peft_type is \"%s\" (%s): not supported, expected LORA, ADALORA, LOHA, "
                     "LOKR or IA3",
                     file->path, kind, what);
}

pst_status peft_config_parse(struct peft_config *config, struct json_file *file,
                             const pst_adapter_options *options, pst_error *err) {
    *config = (struct peft_config){0};
    pst_status status = find_method(file, &config->method, err);
    if (status) {
        json_file_close(file);
        return status;
    }
    if (config->method == PEFT_LORA) {
        status = lora_config_parse(&config->lora, file, options, err);
        if (!status) status = lora_config_check(&config->lora, err);
    } else {
        config->lora.file = *file;
        *file = (struct json_file){0};
        status = read_method(config, err);
        if (!status) warn_unknown(config, options);
    }
    if (status) peft_config_close(config);
    return status;
}

pst_status peft_config_open(struct peft_config *config, const char *path,
                            const pst_adapter_options *options, pst_error *err) {
    struct json_file file;
    *config = (struct peft_config){0};
    pst_status status = json_file_open(&file, path, LORA_CONFIG_BYTES_MAX, err);
    return status ? status : peft_config_parse(config, &file, options, err);
}

void peft_config_close(struct peft_config *config) {
    free(config->feedforward_modules.names.items);
    lora_config_close(&config->lora);
    *config = (struct peft_config){0};
}
