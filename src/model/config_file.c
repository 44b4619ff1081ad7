/* config_file.c - see config_file.h. The spellings: transformers 4 writes rope_theta and
 * rope_scaling at the top level, transformers 5 one object rope_parameters; both may carry
 * partial_rotary_factor. */
#include "model/config_file.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/file_view.h"
#include "formats/json_file.h"
#include "model/config_families.h"
#include "model/config_fields.h"
#include "model/family.h"

static const size_t CONFIG_BYTES_MAX = 1 << 20; /* published ones are 1 KB */

static pst_status read_family(enum family *family, const struct json_file *file, pst_error *err) {
    const char *type = NULL;
    pst_status status = json_get_text(file->root, file->path, "model_type", &type, err);
    if (status) return status;
    if (!type && json_object_get(file->root, "enc_depth"))
        return error_set(
            err, PST_ERR_UNSUPPORTED,
            "%s: is of the first custom-code layout of Moonshine (dim, enc_depth), which "
            "transformers does not read either; use a newer revision of the model",
            file->path);
    if (!type)
        return error_set(err, PST_ERR_MODEL, "%s: model_type is missing, expected \"moonshine\"",
                         file->path);
    if (family_find(type, family)) return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: model_type is \"%s\", expected \"%s\" or \"%s\"", file->path, type,
                     family_name(FAMILY_MOONSHINE), family_name(FAMILY_STREAMING));
}

static pst_status read_tokens(struct config *config, const struct json_file *file, pst_error *err) {
    pst_status status = config_get_token(file, "bos_token_id", &config->bos_token_id, err);
    if (!status && json_object_get(file->root, "eos_token_id")) {
        status =
            config_get_tokens(file, "eos_token_id", config->eos_token_ids, &config->eos_count, err);
        config->eos_token_id = config->eos_count ? config->eos_token_ids[0] : -1;
    }
    if (!status) status = config_get_token(file, "pad_token_id", &config->pad_token_id, err);
    if (!status)
        status =
            config_get_token(file, "decoder_start_token_id", &config->decoder_start_token_id, err);
    return status;
}

/* Python asks whether the value is true: null is not, and 1 is. */
static pst_status read_tie(struct config *config, const struct json_file *file, pst_error *err) {
    static const char key[] = "tie_word_embeddings";
    const json_t *value = json_object_get(file->root, key);
    if (!json_is_null(value) && !json_is_integer(value))
        return json_get_bool(file->root, file->path, key, &config->tie_word_embeddings, err);
    config->tie_word_embeddings = json_integer_value(value) != 0;
    return PST_OK;
}

static pst_status read_all(struct config *config, const struct json_file *file, pst_error *err) {
    static config_reader *const READERS[] = {
        [FAMILY_MOONSHINE] = config_read_moonshine, [FAMILY_STREAMING] = config_read_streaming};
    _Static_assert(sizeof READERS / sizeof *READERS == FAMILY_COUNT, "a family has no reader");
    enum family family;
    pst_status status = read_family(&family, file, err);
    if (!status) status = READERS[family](config, file, err);
    if (!status) status = read_tie(config, file, err);
    if (!status) status = read_tokens(config, file, err);
    return status;
}

pst_status config_read(struct config *config, const char *dir, pst_error *err) {
    char *path = path_join(dir, "config.json");
    if (!path) return error_memory(err, 0);
    struct json_file file;
    pst_status status = json_file_open(&file, path, CONFIG_BYTES_MAX, err);
    free(path);
    if (status) return status;
    status = read_all(config, &file, err);
    json_file_close(&file);
    return status;
}
