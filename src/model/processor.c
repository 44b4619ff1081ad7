/* processor.c - the feature extractor's settings. transformers 4 keeps them in
 * preprocessor_config.json, transformers 5 under "feature_extractor" in processor_config.json. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "formats/json_file.h"
#include "model/model.h"

static const size_t PROCESSOR_BYTES_MAX = 1 << 20;

static pst_status read_settings(struct processor *processor, const json_t *settings,
                                const char *path, pst_error *err) {
    int64_t rate = PST_SAMPLE_RATE_HZ, features = 1;
    processor->do_normalize = 1; /* the class default, for a file without the key */
    pst_status status = json_get_int(settings, path, "sampling_rate", 1, 1 << 30, &rate, err);
    if (!status) status = json_get_int(settings, path, "feature_size", 1, 1 << 20, &features, err);
    if (!status)
        status = json_get_bool(settings, path, "do_normalize", &processor->do_normalize, err);
    if (status) return status;
    if (rate != PST_SAMPLE_RATE_HZ || features != 1)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: sampling_rate %lld and feature_size %lld; Moonshine takes %d and 1",
                         path, (long long)rate, (long long)features, PST_SAMPLE_RATE_HZ);
    return PST_OK;
}

/* Reads `name` in `dir` if it is there; `*found` says whether. */
static pst_status read_file(struct processor *processor, const char *dir, const char *name,
                            const char *key, int *found, pst_error *err) {
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    *found = path_is_file(path);
    if (*found) {
        struct json_file file;
        status = json_file_open(&file, path, PROCESSOR_BYTES_MAX, err);
        if (!status) {
            const json_t *settings = key ? json_object_get(file.root, key) : file.root;
            if (json_is_object(settings))
                status = read_settings(processor, settings, path, err);
            else
                *found = 0;
            json_file_close(&file);
        }
    }
    free(path);
    return status;
}

static pst_status read_folder(struct processor *processor, const char *dir, int *found,
                              pst_error *err) {
    pst_status status =
        read_file(processor, dir, "processor_config.json", "feature_extractor", found, err);
    if (!status && !*found)
        status = read_file(processor, dir, "preprocessor_config.json", NULL, found, err);
    return status;
}

pst_status processor_read(struct processor *processor, const char *dir, const char *model_dir,
                          pst_error *err) {
    /* Folders with neither file: as every published Moonshine has it. */
    *processor = (struct processor){0};
    int found = 0;
    pst_status status = read_folder(processor, dir, &found, err);
    if (!status && !found && model_dir) status = read_folder(processor, model_dir, &found, err);
    return status;
}
