/* peft_config.c - see peft_config.h. */
#include "adapter/config/peft_config.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/config/refused_methods.h"
#include "base/error.h"

/* Words between spaces: keys that are read here or have no effect on inference. */
static const char SHARED_KEYS[] =
    "peft_type peft_version auto_mapping task_type inference_mode base_model_name_or_path revision "
    "target_modules exclude_modules modules_to_save";
static const char LORA_KEYS[] =
    "r lora_alpha lora_dropout use_rslora rank_pattern alpha_pattern layers_to_transform "
    "layers_pattern bias use_dora lora_bias ensure_weight_tying trainable_token_indices "
    "init_lora_weights loftq_config eva_config corda_config lora_ga_config velora_config "
    "kasa_config use_bdlora megatron_core qalora_group_size runtime_config";
/* AdaLoRA has all options of LoRA and ignores most of them, such as r, use_rslora,
 * alpha_pattern. */
static const char ADALORA_KEYS[] =
    "r target_r init_r tinit tfinal deltaT beta1 beta2 orth_reg_weight total_step rank_pattern "
    "alpha_pattern lora_alpha lora_dropout use_rslora fan_in_fan_out bias init_lora_weights "
    "layers_to_transform layers_pattern megatron_config megatron_core loftq_config eva_config "
    "corda_config runtime_config qalora_group_size use_qalora lora_bias arrow_config "
    "ensure_weight_tying";
#define LYCORIS_KEYS                                                                               \
    "r alpha rank_dropout module_dropout init_weights rank_pattern alpha_pattern "                 \
    "layers_to_transform layers_pattern use_effective_conv2d"
static const char LOHA_KEYS[] = LYCORIS_KEYS;
static const char LOKR_KEYS[] = LYCORIS_KEYS " decompose_both decompose_factor rank_dropout_scale";
static const char IA3_KEYS[] = "feedforward_modules fan_in_fan_out init_ia3_weights";
/* What nearly all of the other methods have besides their own. */
#define LAYER_KEYS "init_weights bias layers_to_transform layers_pattern "
#define PROJECTION_KEYS "r projection_prng_key save_projection fan_in_fan_out "

static const char VERA_KEYS[] = LAYER_KEYS PROJECTION_KEYS "vera_dropout d_initial";
static const char PVERA_KEYS[] =
    LAYER_KEYS PROJECTION_KEYS "pvera_dropout d_initial sample_at_inference generator_seed";
static const char RANDLORA_KEYS[] =
    LAYER_KEYS PROJECTION_KEYS "randlora_alpha randlora_dropout sparse very_sparse";
static const char MISS_KEYS[] = LAYER_KEYS "r mini_r miss_dropout";
static const char C3A_KEYS[] = LAYER_KEYS "block_size block_size_pattern";
static const char SHIRA_KEYS[] = "r mask_type random_seed fan_in_fan_out init_weights";
static const char DELORA_KEYS[] =
    LAYER_KEYS "r delora_lambda module_dropout rank_pattern lambda_pattern";
/* PEFT 0.21 writes and ignores rank_pattern. */
static const char HIRA_KEYS[] = LAYER_KEYS "r hira_dropout fan_in_fan_out rank_pattern";
static const char GRALORA_KEYS[] =
    LAYER_KEYS "r alpha hybrid_r gralora_dropout gralora_k fan_in_fan_out";
static const char HRA_KEYS[] = LAYER_KEYS "r apply_GS";
static const char OFT_KEYS[] =
    LAYER_KEYS "r oft_block_size module_dropout fan_in_fan_out coft eps block_share "
               "use_cayley_neumann num_cayley_neumann_terms";
static const char BOFT_KEYS[] =
    LAYER_KEYS "boft_block_size boft_block_num boft_n_butterfly_factor boft_dropout fan_in_fan_out";

/* An option that changes the result in a way that is not computed here. */
struct refused {
    const char *key, *why;
};
static const struct refused LORA_REFUSED[] = {
    {"use_qalora", "it pools the inputs of lora_A"},
    {"fan_in_fan_out", "it is for transposed weights, this model has none"},
    {"target_parameters", "it adapts bare parameters, not modules"},
    {"layer_replication", "it repeats layers of the base"},
    {"alora_invocation_tokens", "the adapter acts only after these tokens"},
    {"arrow_config", "it routes between several adapters"},
    {"monteclora_config", "it samples the adapter"},
    {"megatron_config", "it is for Megatron's parallel layers"},
    {NULL, NULL},
};
/* Options that AdaLoRA inherits, and that would change the result or fail there. */
static const struct refused ADALORA_REFUSED[] = {
    {"use_dora", "PEFT has no DoRA for AdaLoRA"},
    {"trainable_token_indices", "the file replaces rows of the embedding"},
    {"target_parameters", "it adapts bare parameters, not modules"},
    {"layer_replication", "it repeats layers of the base"},
    {"alora_invocation_tokens", "the adapter acts only after these tokens"},
    {NULL, NULL},
};

static pst_status refuse(const struct peft_config *config, const struct refused *refused,
                         pst_error *err) {
    for (; refused->key; refused++)
        if (!selection_is_off(json_object_get(config->file.root, refused->key)))
            return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is set (%s): not supported",
                             config->file.path, refused->key, refused->why);
    return PST_OK;
}

/* ------------------------------------------------------------------------------------- reading */

/* true, false, or a text that names a way to initialise. */
static pst_status read_init(struct peft_config *config, const char *key, pst_error *err) {
    const json_t *init = json_object_get(config->file.root, key);
    const char *name = json_string_value(init);
    if (init && !json_is_boolean(init) &&
        !(config->method == PEFT_LOKR && name && strcmp(name, "lycoris") == 0))
        return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is %s, expected true%s or false",
                         config->file.path, key, name ? name : json_kind(init),
                         config->method == PEFT_LOKR ? ", \"lycoris\"" : "");
    config->random_init = json_is_false(init);
    return PST_OK;
}

static pst_status read_lycoris(struct peft_config *config, pst_error *err) {
    const json_t *root = config->file.root;
    const char *path = config->file.path;
    config->decompose_factor = -1;
    pst_status status = selection_read_numbers(&config->selection, "alpha", err);
    if (!status) status = selection_read_modules(&config->selection, 1, err);
    if (!status)
        status = json_get_bool(root, path, "use_effective_conv2d", &config->effective_conv, err);
    if (!status) status = read_init(config, "init_weights", err);
    if (status || config->method != PEFT_LOKR) return status;
    status = json_get_bool(root, path, "decompose_both", &config->decompose_both, err);
    if (status) return status;
    return json_get_int(root, path, "decompose_factor", INT32_MIN, INT32_MAX,
                        &config->decompose_factor, err);
}

/* PEFT compares the two sets only when both are lists. */
static pst_status check_feedforward(const struct peft_config *config, pst_error *err) {
    const struct selection_rule *target = &config->selection.target_modules;
    const struct selection_rule *feedforward = &config->feedforward_modules;
    const char *path = config->file.path;
    if (!feedforward->given)
        return error_set(err, PST_ERR_MODEL,
                         "%s: feedforward_modules is missing, and PEFT has no default for this "
                         "model",
                         path);
    for (size_t i = 0; !feedforward->pattern && !target->pattern && i < feedforward->names.count;
         i++) {
        size_t at = 0;
        while (at < target->names.count &&
               strcmp(target->names.items[at], feedforward->names.items[i]) != 0)
            at++;
        if (at == target->names.count)
            return error_set(err, PST_ERR_MODEL,
                             "%s: feedforward_modules has %s, which is not in target_modules "
                             "(PEFT refuses it too)",
                             path, feedforward->names.items[i]);
    }
    return PST_OK;
}

static pst_status read_ia3(struct peft_config *config, pst_error *err) {
    config->selection.r = 1;
    config->selection.alpha = 1;
    pst_status status = selection_read_modules(&config->selection, 0, err);
    if (!status)
        status = selection_read_rule(config->file.root, config->file.path, "feedforward_modules",
                                     &config->feedforward_modules, err);
    if (!status) status = check_feedforward(config, err);
    return status ? status : read_init(config, "init_ia3_weights", err);
}

/* PEFT does not load a schedule that leaves no step for AdaLoRA's work. */
static pst_status check_schedule(const struct peft_config *config, pst_error *err) {
    const json_t *root = config->file.root;
    const char *path = config->file.path;
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
    const json_t *masks = json_object_get(config->file.root, "rank_pattern");
    if (!masks || json_is_null(masks)) return PST_OK;
    if (!json_is_object(masks))
        return error_set(err, PST_ERR_MODEL, "%s: rank_pattern is %s, expected an object",
                         config->file.path, json_kind(masks));
    config->rank_masks = masks;
    return PST_OK;
}

static pst_status read_adalora(struct peft_config *config, pst_error *err) {
    const json_t *root = config->file.root;
    const char *path = config->file.path;
    pst_status status = refuse(config, ADALORA_REFUSED, err);
    if (status) return status;
    int64_t rank = 12; /* PEFT's default */
    config->selection.alpha = 8;
    const char *bias = "none";
    status = json_get_int(root, path, "init_r", 1, SELECTION_RANK_MAX, &rank, err);
    config->selection.r = (uint32_t)rank;
    if (!status)
        status = json_get_double(root, path, "lora_alpha", -SELECTION_ALPHA_MAX,
                                 SELECTION_ALPHA_MAX, &config->selection.alpha, err);
    if (!status) status = json_get_text(root, path, "bias", &bias, err);
    if (!status && strcmp(bias, "none") != 0)
        status = error_set(err, PST_ERR_UNSUPPORTED,
                           "%s: bias is \"%s\": not supported with AdaLoRA, expected \"none\"",
                           path, bias);
    if (!status) status = selection_read_modules(&config->selection, 1, err);
    if (!status) status = check_schedule(config, err);
    if (!status) status = read_masks(config, err);
    const json_t *init = json_object_get(root, "init_lora_weights");
    config->random_init = init && selection_is_off(init); /* any text counts as true */
    return status;
}

static pst_status read_lora(struct peft_config *config, pst_error *err) {
    return lora_config_read(&config->lora, &config->selection, err);
}

/* ------------------------------------------------------------------------------------- opening */

/* TRAINABLE_TOKENS: PEFT finds the embedding when no target is named. */
static pst_status read_indices(struct peft_config *config, pst_error *err) {
    struct selection *selection = &config->selection;
    selection->r = 1;
    selection->alpha = 1;
    pst_status status = selection_read_modules(selection, 0, err);
    if (!selection->target_modules.given) {
        selection->target_modules.given = 1;
        selection->target_modules.pattern = "model\\.decoder\\.embed_tokens";
    }
    return status ? status : lora_config_read_indices(&config->lora, selection, err);
}

static pst_status read_plain(struct peft_config *config, pst_error *err);

enum {
    BY_LAYERS = 1,   /* it has layers_to_transform */
    ANY_MODULE = 2,  /* it is for norms too */
    RANDOM_INIT = 4, /* modules start at random numbers unless init_weights is true */
};

/* A method: its keys, and for read_plain() what PEFT calls its numbers and takes for them. */
static const struct method {
    const char *name, *keys;
    pst_status (*read)(struct peft_config *config, pst_error *err);
    struct selection_keys numbers;
    uint32_t rank;
    double alpha;
    unsigned is; /* bits of the enum below */
} METHODS[] = {
    [PEFT_LORA] = {"LORA", LORA_KEYS, read_lora},
    [PEFT_ADALORA] = {"ADALORA", ADALORA_KEYS, read_adalora},
    [PEFT_LOHA] = {"LOHA", LOHA_KEYS, read_lycoris},
    [PEFT_LOKR] = {"LOKR", LOKR_KEYS, read_lycoris},
    [PEFT_IA3] = {"IA3", IA3_KEYS, read_ia3},
    [PEFT_VERA] = {"VERA", VERA_KEYS, read_plain, {"r"}, 256, 0, BY_LAYERS},
    [PEFT_PVERA] = {"PVERA", PVERA_KEYS, read_plain, {"r"}, 256, 0, BY_LAYERS},
    [PEFT_RANDLORA] =
        {"RANDLORA", RANDLORA_KEYS, read_plain, {"r", NULL, "randlora_alpha"}, 32, 640, BY_LAYERS},
    [PEFT_MISS] = {"MISS", MISS_KEYS, read_plain, {"r"}, 64, 0, BY_LAYERS},
    [PEFT_C3A] = {"C3A",
                  C3A_KEYS,
                  read_plain,
                  {"block_size", "block_size_pattern"},
                  256,
                  0,
                  BY_LAYERS | RANDOM_INIT},
    [PEFT_SHIRA] = {"SHIRA", SHIRA_KEYS, read_plain, {"r"}, 32, 0, 0},
    [PEFT_DELORA] = {"DELORA", DELORA_KEYS, read_plain, {"r", "rank_pattern"}, 8, 0, BY_LAYERS},
    [PEFT_HIRA] = {"HIRA", HIRA_KEYS, read_plain, {"r"}, 32, 0, BY_LAYERS},
    [PEFT_GRALORA] = {"GRALORA", GRALORA_KEYS, read_plain, {"r", NULL, "alpha"}, 32, 64, BY_LAYERS},
    [PEFT_HRA] = {"HRA", HRA_KEYS, read_plain, {"r"}, 8, 0, BY_LAYERS},
    [PEFT_OFT] = {"OFT", OFT_KEYS, read_plain, {NULL}, 0, 0, BY_LAYERS},
    [PEFT_BOFT] = {"BOFT", BOFT_KEYS, read_plain, {NULL}, 0, 0, BY_LAYERS},
    [PEFT_ROAD] = {"ROAD", "variant group_size init_weights", read_plain, {NULL}, 0, 0, 0},
    [PEFT_BEFT] = {"BEFT", "init_weights", read_plain, {NULL}, 0, 0, 0},
    [PEFT_LN_TUNING] = {"LN_TUNING", "", read_plain, {NULL}, 0, 0, ANY_MODULE},
    [PEFT_TRAINABLE_TOKENS] = {"TRAINABLE_TOKENS", "token_indices init_weights", read_indices},
};
_Static_assert(sizeof METHODS / sizeof *METHODS == PEFT_METHOD_COUNT, "a method has no row");

const char *peft_method_name(enum peft_method method) {
    return METHODS[method].name;
}

static pst_status find_method(struct peft_config *config, pst_error *err) {
    const char *kind = NULL, *path = config->file.path;
    pst_status status = json_get_text(config->file.root, path, "peft_type", &kind, err);
    if (status) return status;
    if (!kind)
        return error_set(err, PST_ERR_MODEL, "%s: peft_type is missing, expected \"LORA\"", path);
    for (size_t i = 0; i < PEFT_METHOD_COUNT; i++) {
        config->method = (enum peft_method)i;
        if (strcmp(METHODS[i].name, kind) == 0) return PST_OK;
    }
    return refused_method(path, kind, err);
}

static pst_status read_plain(struct peft_config *config, pst_error *err) {
    const struct method *method = &METHODS[config->method];
    struct selection *selection = &config->selection;
    const json_t *init = json_object_get(config->file.root, "init_weights");
    selection->any_module = (method->is & ANY_MODULE) != 0;
    selection->r = method->rank ? method->rank : 1;
    selection->alpha = method->numbers.alpha ? method->alpha : selection->r;
    pst_status status = selection_read_rank(selection, &method->numbers, err);
    if (!status) status = selection_read_modules(selection, (method->is & BY_LAYERS) != 0, err);
    config->random_init = method->is & RANDOM_INIT ? !json_is_true(init) : json_is_false(init);
    return status;
}

static int is_listed(const char *keys, const char *key) {
    size_t length = strlen(key);
    for (size_t word; *keys; keys += word + strspn(keys + word, " ")) {
        word = strcspn(keys, " ");
        if (word == length && memcmp(keys, key, length) == 0) return 1;
    }
    return 0;
}

static int is_refused(const char *key) {
    for (const struct refused *refused = LORA_REFUSED; refused->key; refused++)
        if (strcmp(refused->key, key) == 0) return 1;
    return 0;
}

static void warn_unknown(const struct peft_config *config, const pst_adapter_options *options) {
    const struct method *method = &METHODS[config->method];
    int is_lora = config->method == PEFT_LORA;
    const char *key;
    json_t *value;
    if (!options || !options->warn) return;
    json_object_foreach(config->file.root, key, value) {
        pst_error note;
        if (selection_is_off(value) || is_listed(SHARED_KEYS, key) ||
            is_listed(method->keys, key) || (is_lora && is_refused(key)))
            continue;
        error_set(&note, PST_OK, "%s: %s is not an option of %s%sPEFT 0.21, ignored as there",
                  config->file.path, key, is_lora ? "" : method->name, is_lora ? "" : " in ");
        options->warn(options->user, note.message);
    }
}

static pst_status read_all(struct peft_config *config, const pst_adapter_options *options,
                           pst_error *err) {
    config->selection.root = config->file.root;
    config->selection.path = config->file.path;
    config->base_model = "";
    pst_status status = find_method(config, err);
    if (!status)
        status = json_get_text(config->file.root, config->file.path, "base_model_name_or_path",
                               &config->base_model, err);
    if (!status) status = METHODS[config->method].read(config, err);
    if (status) return status;
    warn_unknown(config, options);
    if (config->method != PEFT_LORA) return PST_OK;
    status = refuse(config, LORA_REFUSED, err);
    return status ? status : lora_config_check(&config->lora, &config->selection, err);
}

pst_status peft_config_parse(struct peft_config *config, struct json_file *file,
                             const pst_adapter_options *options, pst_error *err) {
    *config = (struct peft_config){.file = *file};
    *file = (struct json_file){0};
    pst_status status = read_all(config, options, err);
    if (status) peft_config_close(config);
    return status;
}

pst_status peft_config_open(struct peft_config *config, const char *path,
                            const pst_adapter_options *options, pst_error *err) {
    struct json_file file;
    *config = (struct peft_config){0};
    pst_status status = json_file_open(&file, path, PEFT_CONFIG_BYTES_MAX, err);
    return status ? status : peft_config_parse(config, &file, options, err);
}

void peft_config_close(struct peft_config *config) {
    selection_free(&config->selection);
    lora_config_free(&config->lora);
    free(config->feedforward_modules.names.items);
    json_file_close(&config->file);
    *config = (struct peft_config){0};
}
