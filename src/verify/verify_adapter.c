/* verify_adapter.c - an adapter folder, by itself or on its base.
 *
 * On its base, pst_adapter_open() decides. By itself: what can be known without the base: the
 * settings, the file's layout, its values, and that the two matrices of a module fit each other. */
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter_folder.h"
#include "adapter/adapter_keys.h"
#include "adapter/config/peft_config.h"
#include "base/error.h"
#include "base/file_view.h"
#include "base/text.h"
#include "verify/verify.h"

#define CONFIG "adapter_config.json"
#define TENSORS "adapter_model.safetensors"

static void report_warning(void *user, const char *message) {
    findings_add(user, PST_WARNING, TENSORS, message);
}

static pst_status check_config(struct findings *findings, pst_error *err) {
    struct peft_config config = {0};
    pst_adapter_options options;
    pst_error found;
    pst_adapter_options_init(&options);
    options.warn = report_warning;
    options.user = findings;
    char *path = path_join(findings->dir, CONFIG);
    if (!path) return error_memory(err, 0);
    pst_status status = peft_config_open(&config, path, &options, &found);
    free(path);
    peft_config_close(&config);
    return findings_check(findings, status, CONFIG, &found, err);
}

/* The other matrix of a pair, for "...lora_A.weight" that with lora_B; NULL: `name` is not of a
 * pair or there is no other. `*is_a` says which of the two `name` is, -1: neither. */
static const struct tensor *other_matrix(struct findings *findings, const struct safetensors *file,
                                         const char *name, int *is_a) {
    const char *a = strstr(name, ".lora_A."), *b = strstr(name, ".lora_B.");
    *is_a = a ? 1 : b ? 0 : -1;
    if (*is_a < 0) return NULL;
    char *other = strdup(name);
    if (!other) findings->seen.failed = 1;
    if (!other) return NULL;
    other[(a ? a : b) - name + 6] = a ? 'B' : 'A';
    const struct tensor *tensor = safetensors_find(file, other);
    free(other);
    return tensor;
}

static void check_pairs(struct findings *findings, const char *name,
                        const struct safetensors *file) {
    for (size_t i = 0; i < file->count; i++) {
        const struct tensor *tensor = &file->tensors[i];
        char mine[128], theirs[128];
        int is_a;
        const struct tensor *other = other_matrix(findings, file, tensor->name, &is_a);
        if (is_a < 0 || tensor->dims < 2) continue;
        if (!other)
            findings_addf(findings, is_a ? PST_WARNING : PST_PROBLEM, name,
                          "%s has no %s beside it", tensor->name, is_a ? "lora_B" : "lora_A");
        else if (is_a && other->dims >= 2 && tensor->shape[0] != other->shape[1])
            findings_addf(findings, PST_PROBLEM, name, "%s is %s, its lora_B %s: the ranks differ",
                          tensor->name, tensor_shape_text(tensor, mine),
                          tensor_shape_text(other, theirs));
    }
}

static void check_types(struct findings *findings, const char *name,
                        const struct safetensors *file) {
    for (size_t i = 0; i < file->count; i++) {
        enum dtype dtype = file->tensors[i].dtype;
        if (dtype != DTYPE_F32 && dtype != DTYPE_F16 && dtype != DTYPE_BF16 && dtype != DTYPE_F64)
            findings_addf(findings, PST_PROBLEM, name, "%s is %s, expected F32, F16, BF16 or F64",
                          file->tensors[i].name, dtype_name(dtype));
    }
}

/* Names that PEFT does not look for: one finding for all. */
static void check_names(struct findings *findings, const char *file_name,
                        const struct safetensors *file) {
    struct buffer mended = {0}, first = {0};
    const char *example = NULL;
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++) {
        const char *name = file->tensors[i].name;
        if (!adapter_key_mend(name, &mended)) {
            if (strncmp(name, "base_model.", 11) != 0)
                findings_addf(findings, PST_WARNING, file_name,
                              "%s does not begin with base_model.", name);
            continue;
        }
        if (count++ == 0) {
            example = name;
            buffer_text(&first, mended.data);
        }
    }
    if (first.failed) findings->seen.failed = 1;
    if (count > 0 && !first.failed)
        findings_addf(
            findings, PST_PROBLEM, file_name,
            "%zu of %zu tensors have names that PEFT does not look for, such as %s instead "
            "of %s: it warns and runs the base without them",
            count, file->count, example, first.data);
    buffer_free(&mended);
    buffer_free(&first);
}

/* state_dict() of an adapted model, saved by hand, has the adapter's name in its keys
 * (lora_A.default.weight) and the base's weights beside them. PEFT finds nothing in it that it
 * knows and leaves the adapter as it was made, without effect, with a warning. */
static int is_hand_saved(const char *name) {
    static const char *const parts[] = {".lora_A.", ".lora_B."};
    if (text_ends_with(name, strlen(name), ".base_layer.weight")) return 1;
    if (strstr(name, ".lora_embedding_A.") || strstr(name, ".lora_embedding_B.")) return 1;
    for (int i = 0; i < 2; i++) {
        const char *at = strstr(name, parts[i]);
        if (at && strchr(at + strlen(parts[i]), '.')) return 1;
    }
    return 0;
}

static void check_keys(struct findings *findings, const char *name,
                       const struct safetensors *file) {
    for (size_t i = 0; i < file->count; i++) {
        if (!is_hand_saved(file->tensors[i].name)) continue;
        findings_addf(findings, PST_PROBLEM, name,
                      "%s: is no key of an adapter but of a whole state dict; PEFT would load "
                      "nothing from this file: save with save_pretrained()",
                      file->tensors[i].name);
        return;
    }
}

static pst_status check_tensors(struct findings *findings, pst_error *err) {
    struct safetensors file = {0};
    pst_error found;
    const char *name = adapter_tensors_name(findings->dir);
    pst_status status = adapter_tensors_open(&file, findings->dir, &found);
    if (status) return findings_check(findings, status, name, &found, err);
    verify_values(findings, name, &file);
    check_types(findings, name, &file);
    check_names(findings, name, &file);
    check_pairs(findings, name, &file);
    check_keys(findings, name, &file);
    safetensors_close(&file);
    return PST_OK;
}

/* Opening reports the first fault that it has on this base. */
static pst_status check_on_model(struct findings *findings, const pst_model *model,
                                 pst_error *err) {
    pst_adapter *adapter = NULL;
    pst_adapter_options options;
    pst_error found;
    pst_adapter_options_init(&options);
    options.warn = report_warning;
    options.user = findings;
    pst_status status = pst_adapter_open(model, findings->dir, &options, &adapter, &found);
    if (!status) pst_adapter_free(adapter);
    return findings_check(findings, status, TENSORS, &found, err);
}

pst_status verify_adapter(struct findings *findings, const pst_model *model, pst_error *err) {
    pst_status status = check_config(findings, err);
    if (!status) status = check_tensors(findings, err);
    if (!status && model) status = check_on_model(findings, model, err);
    return status;
}
