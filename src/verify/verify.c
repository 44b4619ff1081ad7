/* verify.c - pst_verify(): every fault of a folder, not only the first.
 *
 * The readers that open models and adapters stop at the first thing wrong, as they must; here they
 * are called one by one, and what each says becomes a finding. Added are the checks that opening
 * has no need of: values, files nobody asked for, keys nobody knows. A Core ML package is checked
 * by check_package(), a converted folder by the check of each package in it, and its index beside
 * them. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"
#include "coreml/check/check.h"
#include "model/model.h"
#include "verify/verify.h"

void pst_verify_options_init_sized(pst_verify_options *options, size_t struct_size) {
    const pst_verify_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

static int is_package_name(const char *name) {
    static const char ending[] = ".mlpackage";
    size_t length = strlen(name), size = sizeof ending - 1;
    return length > size && strcmp(name + length - size, ending) == 0;
}

static pst_status verify_member(struct findings *findings, const char *name, pst_error *err) {
    char *path = path_join(findings->dir, name), *prefix = path_join(name, "");
    pst_status status =
        path && prefix ? check_package(findings, path, prefix, err) : error_memory(err, 0);
    free(path);
    free(prefix);
    return status;
}

/* The packages that a conversion wrote, and the files beside them. */
static pst_status verify_converted(struct findings *findings, pst_error *err) {
    char **names = NULL;
    size_t count = 0, packages = 0;
    pst_status status = verify_files(findings, err);
    if (!status) status = verify_list(findings->dir, &names, &count, err);
    if (status) return status;
    for (size_t i = 0; i < count && !status; i++)
        if (is_package_name(names[i])) {
            status = verify_member(findings, names[i], err);
            packages++;
        }
    verify_list_free(names, count);
    if (!status && packages == 0)
        findings_add(findings, PST_PROBLEM, "potstill.json",
                     "is there, but no .mlpackage beside it");
    return status ? status : verify_index(findings, err);
}

/* A model or an adapter folder. */
static pst_status verify_folder(struct findings *findings, const pst_model *model,
                                const char **kind, pst_error *err) {
    int is_adapter = verify_has(findings, "adapter_config.json");
    int is_model = verify_has(findings, "config.json");
    if (findings->seen.failed) return error_memory(err, 0);
    if (!is_adapter && !is_model)
        return error_set(err, PST_ERR_MODEL,
                         "%s: is neither a model (config.json) nor an adapter "
                         "(adapter_config.json) nor a Core ML package (Manifest.json)",
                         findings->dir);
    *kind = is_adapter ? "adapter" : "model";
    pst_status status = verify_files(findings, err);
    if (!status)
        status = is_adapter ? verify_adapter(findings, model, err) : verify_model(findings, err);
    return status;
}

/* Decides what the folder is: *kind. */
static pst_status verify_any(struct findings *findings, const pst_model *model, const char **kind,
                             pst_error *err) {
    pst_status status;
    *kind = "package";
    if (verify_has(findings, "Manifest.json"))
        status = check_package(findings, findings->dir, "", err);
    else if (verify_has(findings, "potstill.json"))
        status = verify_converted(findings, err);
    else
        status = verify_folder(findings, model, kind, err);
    return !status && findings->seen.failed ? error_memory(err, 0) : status;
}

pst_status pst_verify(const char *dir, const pst_verify_options *options,
                      pst_verify_summary *summary, pst_error *err) {
    pst_verify_options own;
    pst_verify_options_init(&own);
    if (!dir || !summary)
        return error_set(err, PST_ERR_ARGUMENT, "pst_verify: dir or summary is NULL");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_verify_options", err);
    if (status) return status;
    if (!path_is_folder(dir)) return error_set(err, PST_ERR_MODEL, "%s: no such folder", dir);
    status = own.model ? model_need_weights(own.model, err) : PST_OK;
    if (status) return status;
    struct findings found = {.dir = dir, .report = own.finding, .user = own.user};
    const char *kind;
    status = verify_any(&found, own.model, &kind, err);
    buffer_free(&found.seen);
    if (status) return status;
    *summary = (pst_verify_summary){.kind = kind,
                                    .files = found.files,
                                    .tensors = found.tensors,
                                    .problems = found.problems,
                                    .warnings = found.warnings};
    return PST_OK;
}
