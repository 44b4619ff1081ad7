/* lora_config.c - what adapter_config.json asks for; see lora_config.h.
 *
 * PEFT writes every option it knows, most of them null or empty. So a setting counts as "off" by its
 * value, not by its absence. */
#include "adapter/config/lora_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int lora_config_is_off(const json_t *value) {
    if (!value) return 1;
    switch (json_typeof(value)) {
    case JSON_NULL:
    case JSON_FALSE: return 1;
    case JSON_ARRAY: return json_array_size(value) == 0;
    case JSON_OBJECT: return json_object_size(value) == 0;
    case JSON_STRING: return json_string_length(value) == 0;
    case JSON_INTEGER: return json_integer_value(value) == 0;
    default: return 0;
    }
}

/* ------------------------------------------------------------------------------------- reading */

static pst_status read_names(struct lora_names *names, const json_t *list, const char *path,
                             const char *key, pst_error *err) {
    size_t count = json_array_size(list);
    if (count > LORA_LIST_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: %s has %zu entries, expected at most %d", path,
                         key, count, LORA_LIST_MAX);
    names->items = calloc(count + 1, sizeof *names->items);
    if (!names->items) return error_memory(err, (count + 1) * sizeof *names->items);
    for (; names->count < count; names->count++) {
        const json_t *entry = json_array_get(list, names->count);
        if (!json_is_string(entry))
            return error_set(err, PST_ERR_MODEL, "%s: %s[%zu] is %s, expected a string", path, key,
                             names->count, json_kind(entry));
        names->items[names->count] = json_string_value(entry);
    }
    return PST_OK;
}

/* A list of strings, or nothing. */
static pst_status read_list(struct lora_config *config, const char *key, struct lora_names *names,
                            pst_error *err) {
    const json_t *value = json_object_get(config->file.root, key);
    if (!value || json_is_null(value)) return PST_OK;
    if (!json_is_array(value))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a list of strings",
                         config->file.path, key, json_kind(value));
    return read_names(names, value, config->file.path, key, err);
}

/* A regular expression, a list of names, or nothing. */
pst_status lora_config_read_choice(struct lora_config *config, const char *key,
                                   struct lora_choice *choice, pst_error *err) {
    const json_t *value = json_object_get(config->file.root, key);
    if (!value || json_is_null(value)) return PST_OK;
    choice->given = 1;
    if (json_is_string(value)) {
        choice->pattern = json_string_value(value);
        return PST_OK;
    }
    if (!json_is_array(value))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a string or a list of strings",
                         config->file.path, key, json_kind(value));
    return read_names(&choice->names, value, config->file.path, key, err);
}

/* A table from pattern to number; ranks are whole. */
static pst_status read_overrides(struct lora_config *config, const char *key, int whole, double low,
                                 double high, struct lora_overrides *overrides, pst_error *err) {
    const char *path = config->file.path;
    json_t *table = json_object_get(config->file.root, key);
    if (!table || json_is_null(table)) return PST_OK;
    if (!json_is_object(table))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected an object", path, key,
                         json_kind(table));
    size_t count = json_object_size(table);
    if (count > LORA_LIST_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: %s has %zu entries, expected at most %d", path,
                         key, count, LORA_LIST_MAX);
    overrides->items = calloc(count + 1, sizeof *overrides->items);
    if (!overrides->items) return error_memory(err, (count + 1) * sizeof *overrides->items);
    const char *pattern;
    json_t *value;
    json_object_foreach(table, pattern, value) {
        if (whole ? !json_is_integer(value) : !json_is_number(value))
            return error_set(err, PST_ERR_MODEL, "%s: %s: \"%s\" is %s, expected %s", path, key,
                             pattern, json_kind(value), whole ? "an integer" : "a number");
        double number = json_number_value(value);
        if (!(number >= low && number <= high))
            return error_set(err, PST_ERR_MODEL, "%s: %s: \"%s\" is %g, expected %g to %g", path,
                             key, pattern, number, low, high);
        overrides->items[overrides->count++] = (struct lora_override){pattern, number};
    }
    return PST_OK;
}

/* One layer number or a list of them. */
static pst_status read_layers(struct lora_config *config, pst_error *err) {
    static const char key[] = "layers_to_transform";
    const json_t *value = json_object_get(config->file.root, key);
    if (!value || json_is_null(value)) return PST_OK;
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    if (count > LORA_LIST_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: %s has %zu entries, expected at most %d",
                         config->file.path, key, count, LORA_LIST_MAX);
    config->layers_to_transform = calloc(count + 1, sizeof *config->layers_to_transform);
    if (!config->layers_to_transform)
        return error_memory(err, (count + 1) * sizeof *config->layers_to_transform);
    for (; config->layer_count < count; config->layer_count++) {
        const json_t *layer =
            json_is_array(value) ? json_array_get(value, config->layer_count) : value;
        if (!json_is_integer(layer))
            return error_set(err, PST_ERR_MODEL,
                             "%s: %s holds %s, expected an integer or a list of integers",
                             config->file.path, key, json_kind(layer));
        config->layers_to_transform[config->layer_count] = json_integer_value(layer);
    }
    return PST_OK;
}

/* The settings that pick modules, with the combinations PEFT itself rejects. */
pst_status lora_config_read_selection(struct lora_config *config, int by_layers, pst_error *err) {
    const char *path = config->file.path;
    const json_t *pattern = json_object_get(config->file.root, "layers_pattern");
    struct lora_choice layers_pattern = {0};
    pst_status status =
        lora_config_read_choice(config, "target_modules", &config->target_modules, err);
    if (!status)
        status = lora_config_read_choice(config, "exclude_modules", &config->exclude_modules, err);
    if (!status) status = read_list(config, "modules_to_save", &config->modules_to_save, err);
    if (status || !by_layers) return status;
    status = read_layers(config, err);
    if (!status) status = lora_config_read_choice(config, "layers_pattern", &layers_pattern, err);
    config->layers_pattern = layers_pattern.names;
    if (status) return status;
    if (layers_pattern.pattern && *layers_pattern.pattern) {
        config->layers_pattern.items = calloc(1, sizeof *config->layers_pattern.items);
        if (!config->layers_pattern.items) return error_memory(err, 0);
        config->layers_pattern.items[config->layers_pattern.count++] = layers_pattern.pattern;
    }
    if (config->target_modules.pattern && (config->layers_to_transform || layers_pattern.given))
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s is given, but target_modules is a string: PEFT combines it with a "
                         "list only",
                         path, layers_pattern.given ? "layers_pattern" : "layers_to_transform");
    if (!lora_config_is_off(pattern) && config->layer_count == 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: layers_pattern is given without layers_to_transform", path);
    return PST_OK;
}

static pst_status read_token_list(struct lora_config *config, const char *module,
                                  const json_t *list, pst_error *err) {
    const char *path = config->file.path;
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: trainable_token_indices holds %s for %s, expected a list of tokens",
                         path, json_is_array(list) ? "nothing" : json_kind(list), module);
    struct lora_tokens *tokens = &config->tokens[config->token_lists++];
    *tokens = (struct lora_tokens){.module = module, .ids = calloc(count, sizeof *tokens->ids)};
    if (!tokens->ids) return error_memory(err, count * sizeof *tokens->ids);
    for (; tokens->count < count; tokens->count++) {
        const json_t *entry = json_array_get(list, tokens->count);
        json_int_t id = json_integer_value(entry);
        if (!json_is_integer(entry) || id < 0 || id > INT32_MAX)
            return error_set(err, PST_ERR_MODEL, "%s: trainable_token_indices[%zu] is no token id",
                             path, tokens->count);
        tokens->ids[tokens->count] = (uint32_t)id;
    }
    return PST_OK;
}

/* A list of tokens of the embedding, or a table from module to list. */
static pst_status read_tokens(struct lora_config *config, pst_error *err) {
    json_t *value = json_object_get(config->file.root, "trainable_token_indices");
    if (lora_config_is_off(value)) return PST_OK;
    size_t lists = json_is_object(value) ? json_object_size(value) : 1;
    config->tokens = calloc(lists, sizeof *config->tokens);
    if (!config->tokens) return error_memory(err, lists * sizeof *config->tokens);
    if (!json_is_object(value)) return read_token_list(config, "embed_tokens", value, err);
    const char *module;
    json_t *list;
    pst_status status = PST_OK;
    json_object_foreach(value, module, list) {
        if (!status) status = read_token_list(config, module, list, err);
    }
    return status;
}

pst_status lora_config_read_numbers(struct lora_config *config, const char *alpha, pst_error *err) {
    const json_t *root = config->file.root;
    const char *path = config->file.path;
    const char *const numbers[] = {"r", alpha};
    for (int i = 0; i < 2; i++)
        if (json_is_null(json_object_get(root, numbers[i])))
            return error_set(err, PST_ERR_MODEL, "%s: %s is null, expected a number", path,
                             numbers[i]);
    int64_t r = 8; /* PEFT's default, as that of lora_alpha */
    config->lora_alpha = 8;
    pst_status status = json_get_int(root, path, "r", 1, LORA_RANK_MAX, &r, err);
    if (status) return status;
    config->r = (uint32_t)r;
    status = json_get_double(root, path, alpha, -LORA_ALPHA_MAX, LORA_ALPHA_MAX,
                             &config->lora_alpha, err);
    if (!status)
        status =
            read_overrides(config, "rank_pattern", 1, 1, LORA_RANK_MAX, &config->rank_pattern, err);
    if (!status)
        status = read_overrides(config, "alpha_pattern", 0, -LORA_ALPHA_MAX, LORA_ALPHA_MAX,
                                &config->alpha_pattern, err);
    return status;
}

static pst_status read_switches(struct lora_config *config, pst_error *err) {
    static const char *const keys[] = {"use_rslora", "use_dora", "lora_bias",
                                       "ensure_weight_tying"};
    int *const values[] = {&config->use_rslora, &config->use_dora, &config->lora_bias,
                           &config->ensure_weight_tying};
    pst_status status = PST_OK;
    for (int i = 0; i < 4 && !status; i++)
        status = json_get_bool(config->file.root, config->file.path, keys[i], values[i], err);
    return status;
}

/* ------------------------------------------------------------------------------------- judging */

/* Options that change the result in ways this engine does not compute. */
static const struct {
    const char *key, *why;
} REFUSED[] = {
    {"use_qalora", "it pools the inputs of lora_A"},
    {"use_bdlora", "its lora_A or lora_B is block diagonal"},
    {"fan_in_fan_out", "it is for transposed weights, which this model has not"},
    {"target_parameters", "it adapts bare parameters, not modules"},
    {"layer_replication", "it repeats layers of the base"},
    {"alora_invocation_tokens", "the adapter acts only after these tokens"},
    {"arrow_config", "it routes between several adapters"},
    {"kasa_config", "it changes the base weights"},
    {"monteclora_config", "it samples the adapter"},
    {"megatron_config", "it is for Megatron's parallel layers"},
};

/* What PEFT 0.18.1 writes besides and inference does not need, with what read_*() takes. */
static const char *const KNOWN[] = {
    "peft_type",
    "peft_version",
    "auto_mapping",
    "task_type",
    "inference_mode",
    "base_model_name_or_path",
    "revision",
    "lora_dropout",
    "bias",
    "megatron_core",
    "loftq_config",
    "init_lora_weights",
    "eva_config",
    "corda_config",
    "qalora_group_size",
    "runtime_config",
    "r",
    "ensure_weight_tying",
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "lora_alpha",
    "use_rslora",
    "rank_pattern",
    "alpha_pattern",
    "target_modules",
    "exclude_modules",
    "layers_pattern",
    "layers_to_transform",
};

static int is_known(const char *key) {
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strcmp(KNOWN[i], key) == 0) return 1;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        if (strcmp(REFUSED[i].key, key) == 0) return 1;
    return 0;
}

static void warn_unknown(const struct lora_config *config, const pst_adapter_options *options) {
    if (!options || !options->warn) return;
    const char *key;
    json_t *value;
    json_object_foreach(config->file.root, key, value) {
        pst_error note;
        if (is_known(key) || lora_config_is_off(value)) continue;
        error_set(&note, PST_OK, "%s: %s is not an option of PEFT 0.18.1, ignored as there",
                  config->file.path, key);
        options->warn(options->user, note.message);
    }
}

/* Is `text` equal to `lower`, whose letters are small, but for the case of ASCII letters? */
static int equals_any_case(const char *text, const char *lower) {
    for (; *text && *lower; text++, lower++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        if (c != *lower) return 0;
    }
    return *text == *lower;
}

static int starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Loading an adapter in PEFT repeats its initialisation before the stored tensors replace the random
 * ones. It matters twice: some methods also subtract from the base weights, and a lora_B that is not
 * stored keeps what the method gave it. */
static pst_status judge_initialisation(const struct lora_config *config, pst_error *err) {
    const json_t *init = json_object_get(config->file.root, "init_lora_weights");
    const char *name = json_string_value(init);
    if (!init || json_is_boolean(init) || json_is_null(init)) return PST_OK;
    if (!name)
        return error_set(err, PST_ERR_MODEL,
                         "%s: init_lora_weights is %s, expected a string, true or false",
                         config->file.path, json_kind(init));
    if (equals_any_case(name, "gaussian") || strcmp(name, "eva") == 0 ||
        strcmp(name, "orthogonal") == 0)
        return PST_OK;
    if (config->correction) return PST_OK;
    if (starts_with(name, "pissa") || starts_with(name, "corda") || strcmp(name, "loftq") == 0 ||
        strcmp(name, "lora_ga") == 0)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: init_lora_weights is \"%s\": it changed the base weights when "
                         "training began, in a way that cannot be repeated; save it again with "
                         "save_pretrained(..., path_initial_model_for_weight_conversion=...)",
                         config->file.path, name);
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: init_lora_weights is \"%s\", which is not known", config->file.path,
                     name);
}

static int zeroes_b(const json_t *init) {
    const char *name = json_string_value(init);
    if (name) return equals_any_case(name, "gaussian") || strcmp(name, "eva") == 0;
    return !init || json_is_true(init);
}

pst_status lora_config_check(const struct lora_config *config, pst_error *err) {
    const json_t *root = config->file.root;
    const char *path = config->file.path;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        if (!lora_config_is_off(json_object_get(root, REFUSED[i].key)))
            return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is set (%s): not supported", path,
                             REFUSED[i].key, REFUSED[i].why);
    const json_t *bias = json_object_get(root, "bias");
    const char *bias_text = json_string_value(bias);
    int known = bias_text && (strcmp(bias_text, "none") == 0 || strcmp(bias_text, "all") == 0 ||
                              strcmp(bias_text, "lora_only") == 0);
    if (bias && !known)
        return error_set(err, PST_ERR_MODEL,
                         "%s: bias is %s, expected \"none\", \"all\" or \"lora_only\"", path,
                         bias_text ? bias_text : json_kind(bias));
    if (config->use_dora && config->lora_bias)
        return error_set(err, PST_ERR_MODEL,
                         "%s: use_dora and lora_bias are both set (PEFT refuses it too)", path);
    return judge_initialisation(config, err);
}

/* ------------------------------------------------------------------------------------- opening */

static pst_status read_kind(struct lora_config *config, pst_error *err) {
    const char *kind = NULL;
    config->base_model = "";
    pst_status status =
        json_get_text(config->file.root, config->file.path, "peft_type", &kind, err);
    if (!status)
        status = json_get_text(config->file.root, config->file.path, "base_model_name_or_path",
                               &config->base_model, err);
    if (status) return status;
    if (!kind)
        return error_set(err, PST_ERR_MODEL, "%s: peft_type is missing, expected \"LORA\"",
                         config->file.path);
    if (strcmp(kind, "LORA") != 0)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: peft_type is \"%s\": only LORA adapters are supported",
                         config->file.path, kind);
    return PST_OK;
}

pst_status lora_config_parse(struct lora_config *config, struct json_file *file,
                             const pst_adapter_options *options, pst_error *err) {
    *config = (struct lora_config){.file = *file};
    *file = (struct json_file){0};
    pst_status status = read_kind(config, err);
    if (!status) status = lora_config_read_numbers(config, "lora_alpha", err);
    if (!status) status = read_switches(config, err);
    if (!status) status = lora_config_read_selection(config, 1, err);
    if (!status) status = read_tokens(config, err);
    if (status) {
        lora_config_close(config);
        return status;
    }
    const json_t *init = json_object_get(config->file.root, "init_lora_weights");
    config->init = json_string_value(init);
    config->init_zeroes_b = zeroes_b(init);
    config->init_is_gaussian = config->init && equals_any_case(config->init, "gaussian");
    if (config->init && strcmp(config->init, "pissa") == 0)
        config->correction = LORA_CORRECTION_PISSA;
    else if (config->init && equals_any_case(config->init, "olora"))
        config->correction = LORA_CORRECTION_OLORA;
    warn_unknown(config, options);
    return PST_OK;
}

pst_status lora_config_open(struct lora_config *config, const char *path,
                            const pst_adapter_options *options, pst_error *err) {
    struct json_file file;
    *config = (struct lora_config){0};
    pst_status status = json_file_open(&file, path, LORA_CONFIG_BYTES_MAX, err);
    return status ? status : lora_config_parse(config, &file, options, err);
}

void lora_config_close(struct lora_config *config) {
    free(config->target_modules.names.items);
    free(config->exclude_modules.names.items);
    free(config->modules_to_save.items);
    free(config->layers_to_transform);
    free(config->layers_pattern.items);
    free(config->rank_pattern.items);
    free(config->alpha_pattern.items);
    for (size_t i = 0; i < config->token_lists; i++) free(config->tokens[i].ids);
    free(config->tokens);
    json_file_close(&config->file);
    *config = (struct lora_config){0};
}
