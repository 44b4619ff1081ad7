/* config_fields.h - fields that the config.json of every family has, and their settings. */
#ifndef PST_MODEL_CONFIG_FIELDS_H
#define PST_MODEL_CONFIG_FIELDS_H

#include "formats/json_file.h"
#include "model/config.h"

/* `*value` stays when `object` has no such key. */
pst_status config_get_size(const json_t *object, const char *path, const char *key, uint32_t low,
                           uint32_t high, uint32_t *value, pst_error *err);
/* Several of them, from 1 on. */
struct size_field {
    const char *key;
    uint32_t high, *value;
};
pst_status config_get_sizes(const json_t *object, const char *path, const struct size_field *fields,
                            size_t count, pst_error *err);
/* Fails unless `key`, when given, is the text `expected`. */
pst_status config_require_text(const json_t *object, const char *path, const char *key,
                               const char *expected, pst_error *err);
/* Reads a token id, which may be missing (`*id` is then left as it is), be negative, which means
 * none, or be a list of one id. */
pst_status config_get_token(const struct json_file *file, const char *key, int32_t *id,
                            pst_error *err);
/* Reads a token id or a list of them: ids [CONFIG_ENDS_MAX]. Missing and negative ones are none. */
pst_status config_get_tokens(const struct json_file *file, const char *key, int32_t *ids,
                             uint32_t *count, pst_error *err);
/* Reads head_dim, which is `dim` over `heads` unless it is given, and sets `width` too. Dim and
 * heads are known. */
pst_status config_get_head_dim(const json_t *object, const char *path, struct config *config,
                               pst_error *err);
/* Rotary positions: `factor` of the channels of a head rotate. */
struct rope {
    double factor, theta;
};
/* What `object` says of them: rope_parameters, rope_scaling or the config itself; NULL: nothing. */
pst_status config_get_rope(const json_t *object, const char *path, struct rope *rope,
                           pst_error *err);
/* Of a decoder whose heads are known. */
pst_status config_set_rope(struct config *config, const char *path, const struct rope *rope,
                           pst_error *err);

#endif
