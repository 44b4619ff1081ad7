/* lora_config.c - see lora_config.h. */
#include "adapter/config/lora_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* ------------------------------------------------------------------------------------- reading */

/* Reads `list`, of which `tokens` knows all but the ids. */
static pst_status read_token_list(struct lora_config *config, const char *path,
                                  struct lora_tokens wanted, const json_t *list, pst_error *err) {
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0)
        return error_set(err, PST_ERR_MODEL, "%s: %s holds %s for %s, expected a list of tokens",
                         path, wanted.option,
                         !list || json_is_array(list) ? "nothing" : json_kind(list), wanted.module);
    struct lora_tokens *tokens = &config->tokens[config->token_lists++];
    *tokens = wanted;
    tokens->ids = calloc(count, sizeof *tokens->ids);
    if (!tokens->ids) return error_memory(err, count * sizeof *tokens->ids);
    for (; tokens->count < count; tokens->count++) {
        const json_t *entry = json_array_get(list, tokens->count);
        json_int_t id = json_integer_value(entry);
        if (!json_is_integer(entry) || id < 0 || id > INT32_MAX)
            return error_set(err, PST_ERR_MODEL, "%s: %s[%zu] is not a token id", path,
                             wanted.option, tokens->count);
        tokens->ids[tokens->count] = (uint32_t)id;
    }
    return PST_OK;
}

/* A list of tokens of the embedding, or a table from module to list. */
static pst_status read_tokens(struct lora_config *config, const json_t *root, const char *path,
                              pst_error *err) {
    struct lora_tokens wanted = {.option = "trainable_token_indices",
                                 .part = "token_adapter.trainable_tokens_delta",
                                 .module = "embed_tokens"};
    json_t *value = json_object_get(root, wanted.option);
    if (selection_is_off(value)) return PST_OK;
    size_t lists = json_is_object(value) ? json_object_size(value) : 1;
    config->tokens = calloc(lists, sizeof *config->tokens);
    if (!config->tokens) return error_memory(err, lists * sizeof *config->tokens);
    if (!json_is_object(value)) return read_token_list(config, path, wanted, value, err);
    json_t *list;
    pst_status status = PST_OK;
    json_object_foreach(value, wanted.module, list) {
        if (!status) status = read_token_list(config, path, wanted, list, err);
    }
    return status;
}

pst_status lora_config_read_indices(struct lora_config *config, const struct selection *selection,
                                    pst_error *err) {
    struct lora_tokens wanted = {
        .option = "token_indices", .part = "trainable_tokens_delta", .module = "embed_tokens"};
    config->tokens = calloc(1, sizeof *config->tokens);
    if (!config->tokens) return error_memory(err, sizeof *config->tokens);
    return read_token_list(config, selection->path, wanted,
                           json_object_get(selection->root, wanted.option), err);
}

/* Loading an adapter in PEFT repeats its initialisation before the stored tensors replace the
 * random ones. It matters twice: some methods also subtract from the base weights, and a lora_B
 * that is not stored keeps what the method gave it. */
static void read_initialisation(struct lora_config *config, const json_t *init) {
    const char *name = config->init = json_string_value(init);
    config->init_is_gaussian = name && text_equals_any_case(name, "gaussian");
    if (!name)
        config->init_zeroes_b = !init || json_is_true(init);
    else if (config->init_is_gaussian || strcmp(name, "eva") == 0)
        config->init_zeroes_b = 1;
    else if (strcmp(name, "pissa") == 0)
        config->correction = LORA_CORRECTION_PISSA;
    else if (text_equals_any_case(name, "olora"))
        config->correction = LORA_CORRECTION_OLORA;
}

pst_status lora_config_read(struct lora_config *config, struct selection *selection,
                            pst_error *err) {
    const struct {
        const char *key;
        int *value;
    } switches[] = {{"use_rslora", &selection->use_rslora},
                    {"use_dora", &config->use_dora},
                    {"lora_bias", &config->lora_bias},
                    {"ensure_weight_tying", &config->ensure_weight_tying}};
    const json_t *root = selection->root;
    const char *path = selection->path;
    pst_status status = selection_read_numbers(selection, "lora_alpha", err);
    for (int i = 0; i < 4 && !status; i++)
        status = json_get_bool(root, path, switches[i].key, switches[i].value, err);
    if (!status) status = selection_read_modules(selection, 1, err);
    if (!status) status = read_tokens(config, root, path, err);
    if (!status) status = lora_blocks_read(&config->blocks, selection, err);
    read_initialisation(config, json_object_get(root, "init_lora_weights"));
    if (!selection_is_off(json_object_get(root, "kasa_config"))) {
        if (!status && config->correction)
            status =
                error_set(err, PST_ERR_UNSUPPORTED,
                          "%s: kasa_config is set and init_lora_weights is \"%s\": both change "
                          "the base weights, only one is supported",
                          path, config->init);
        config->correction = LORA_CORRECTION_KASA;
    }
    return status;
}

void lora_config_free(struct lora_config *config) {
    lora_blocks_free(&config->blocks);
    for (size_t i = 0; i < config->token_lists; i++) free(config->tokens[i].ids);
    free(config->tokens);
}

/* ------------------------------------------------------------------------------------ checking */

static int starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static pst_status check_initialisation(const struct lora_config *config,
                                       const struct selection *selection, pst_error *err) {
    const char *path = selection->path;
    const json_t *init = json_object_get(selection->root, "init_lora_weights");
    const char *name = config->init;
    if (!init || json_is_boolean(init) || json_is_null(init)) return PST_OK;
    if (!name)
        return error_set(err, PST_ERR_MODEL,
                         "%s: init_lora_weights is %s, expected a string, true or false", path,
                         json_kind(init));
    if (config->init_zeroes_b || config->correction || strcmp(name, "orthogonal") == 0 ||
        strcmp(name, "mica") == 0)
        return PST_OK;
    if (starts_with(name, "pissa") || starts_with(name, "corda") || strcmp(name, "loftq") == 0 ||
        strcmp(name, "lora_ga") == 0)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: init_lora_weights is \"%s\": it changed the base weights when "
                         "training began, in a way that cannot be repeated; save it again with "
                         "save_pretrained(..., path_initial_model_for_weight_conversion=...)",
                         path, name);
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: init_lora_weights is \"%s\", which is not known", path, name);
}

pst_status lora_config_check(const struct lora_config *config, const struct selection *selection,
                             pst_error *err) {
    const json_t *bias = json_object_get(selection->root, "bias");
    const char *text = json_string_value(bias);
    int known = text && (strcmp(text, "none") == 0 || strcmp(text, "all") == 0 ||
                         strcmp(text, "lora_only") == 0);
    if (bias && !known)
        return error_set(err, PST_ERR_MODEL,
                         "%s: bias is %s, expected \"none\", \"all\" or \"lora_only\"",
                         selection->path, text ? text : json_kind(bias));
    if (config->use_dora && config->lora_bias)
        return error_set(err, PST_ERR_MODEL,
                         "%s: use_dora and lora_bias are both set (PEFT refuses it too)",
                         selection->path);
    int variants = config->use_dora + (config->blocks.count > 0) +
                   (config->correction == LORA_CORRECTION_KASA);
    if (variants > 1 || (config->blocks.count && (config->lora_bias || config->correction)))
        return error_set(
            err, PST_ERR_UNSUPPORTED,
            "%s: use_bdlora, kasa_config, use_dora, lora_bias and an init_lora_weights "
            "that changes the base do not go together",
            selection->path);
    return check_initialisation(config, selection, err);
}
