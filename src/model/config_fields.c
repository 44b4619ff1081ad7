/* config_fields.c - see config_fields.h. */
#include "model/config_fields.h"

#include <string.h>

#include "base/error.h"

pst_status config_get_size(const json_t *object, const char *path, const char *key, uint32_t low,
                           uint32_t high, uint32_t *value, pst_error *err) {
    int64_t number = *value;
    pst_status status = json_get_int(object, path, key, low, high, &number, err);
    if (!status) *value = (uint32_t)number;
    return status;
}

pst_status config_get_sizes(const json_t *object, const char *path, const struct size_field *fields,
                            size_t count, pst_error *err) {
    pst_status status = PST_OK;
    for (size_t i = 0; i < count && !status; i++)
        status =
            config_get_size(object, path, fields[i].key, 1, fields[i].high, fields[i].value, err);
    return status;
}

pst_status config_get_head_dim(const json_t *object, const char *path, struct config *config,
                               pst_error *err) {
    config->head_dim = config->dim / config->heads;
    pst_status status =
        config_get_size(object, path, "head_dim", 1, CONFIG_DIM_MAX, &config->head_dim, err);
    if (!status && config->head_dim == 0)
        return error_set(err, PST_ERR_MODEL, "%s: hidden_size %u is less than its %u heads", path,
                         config->dim, config->heads);
    config->width = config->heads * config->head_dim;
    return status;
}

pst_status config_require_text(const json_t *object, const char *path, const char *key,
                               const char *expected, pst_error *err) {
    const char *text = expected;
    pst_status status = json_get_text(object, path, key, &text, err);
    if (!status && strcmp(text, expected) != 0)
        return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is \"%s\", only \"%s\" is supported",
                         path, key, text, expected);
    return status;
}

/* Negative ids are written for "none"; transformers compares them with tokens that never come. */
static pst_status add_token(const struct json_file *file, const char *key, const json_t *value,
                            int32_t *ids, uint32_t *count, pst_error *err) {
    if (!json_is_integer(value))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a token id", file->path, key,
                         json_kind(value));
    int64_t number = json_integer_value(value);
    if (number >= CONFIG_VOCAB_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: %s is %lld, expected a token id", file->path, key,
                         (long long)number);
    if (number < 0) return PST_OK;
    if (*count == CONFIG_ENDS_MAX)
        return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s has over %d ids", file->path, key,
                         CONFIG_ENDS_MAX);
    ids[(*count)++] = (int32_t)number;
    return PST_OK;
}

pst_status config_get_tokens(const struct json_file *file, const char *key, int32_t *ids,
                             uint32_t *count, pst_error *err) {
    const json_t *value = json_object_get(file->root, key);
    pst_status status = PST_OK;
    *count = 0;
    if (!value || json_is_null(value)) return PST_OK;
    if (!json_is_array(value)) return add_token(file, key, value, ids, count, err);
    for (size_t i = 0; i < json_array_size(value) && !status; i++)
        status = add_token(file, key, json_array_get(value, i), ids, count, err);
    return status;
}

pst_status config_get_token(const struct json_file *file, const char *key, int32_t *id,
                            pst_error *err) {
    int32_t ids[CONFIG_ENDS_MAX];
    uint32_t count;
    pst_status status = config_get_tokens(file, key, ids, &count, err);
    if (status) return status;
    const json_t *value = json_object_get(file->root, key);
    if (count > 1)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: %s is a list of %u ids, only one is supported", file->path, key,
                         (unsigned)count);
    if (count)
        *id = ids[0];
    else if (value && !json_is_null(value))
        *id = -1;
    return PST_OK;
}

pst_status config_get_rope(const json_t *object, const char *path, struct rope *rope,
                           pst_error *err) {
    pst_status status = config_require_text(object, path, "type", "default", err);
    if (!status) status = config_require_text(object, path, "rope_type", "default", err);
    if (!status)
        status = json_get_double(object, path, "partial_rotary_factor", 0, 1, &rope->factor, err);
    if (!status) status = json_get_double(object, path, "rope_theta", 1, 1e12, &rope->theta, err);
    return status;
}

pst_status config_set_rope(struct config *config, const char *path, const struct rope *rope,
                           pst_error *err) {
    config->rope_theta = rope->theta;
    config->rotary_dim = (uint32_t)(config->head_dim * rope->factor);
    config->rotary_pairs = (config->rotary_dim + 1) / 2;
    if (config->rotary_pairs * 2 > config->head_dim)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: the rotary width %u does not pair up within head_dim %u", path,
                         config->rotary_dim, config->head_dim);
    return PST_OK;
}
