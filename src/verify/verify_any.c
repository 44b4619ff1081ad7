/* verify_any.c - pst_verify(): what a folder is, and whose check it gets.
 *
 * A model and an adapter are checked by the model's readers, a Core ML package by check_package(), a
 * converted folder by the check of each package in it. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "coreml/check/check.h"
#include "verify/verify.h"

void pst_verify_options_init(pst_verify_options *options) {
    *options = (pst_verify_options){.struct_size = sizeof *options};
}

static int is_package_name(const char *name) {
    static const char ending[] = ".mlpackage";
    size_t length = strlen(name), size = sizeof ending - 1;
    return length > size && strcmp(name + length - size, ending) == 0;
}

static pst_status verify_member(struct verifying *run, const char *name, pst_error *err) {
    char *path = path_join(run->dir, name), *prefix = path_join(name, "");
    pst_status status =
        path && prefix ? check_package(run, path, prefix, err) : error_memory(err, 0);
    free(path);
    free(prefix);
    return status;
}

/* The packages that a conversion wrote, and the files beside them. */
static pst_status verify_converted(struct verifying *run, pst_error *err) {
    char **names = NULL;
    size_t count = 0, packages = 0;
    pst_status status = verify_files(run, err);
    if (!status) status = verify_list(run->dir, &names, &count, err);
    if (status) return status;
    for (size_t i = 0; i < count && !status; i++)
        if (is_package_name(names[i])) {
            status = verify_member(run, names[i], err);
            packages++;
        }
    verify_list_free(names, count);
    if (!status && packages == 0)
        verify_tell(run, PST_PROBLEM, "potstill.json", "is there, but no .mlpackage beside it");
    return status;
}

static pst_status verify(struct verifying *run, pst_error *err) {
    int is_package = verify_has(run, "Manifest.json");
    int is_converted = verify_has(run, "potstill.json");
    pst_status status;
    run->summary->kind = "package";
    if (is_package)
        status = check_package(run, run->dir, "", err);
    else if (is_converted)
        status = verify_converted(run, err);
    else
        status = verify_folder(run, err);
    return !status && run->told.failed ? error_memory(err, 0) : status;
}

pst_status pst_verify(const char *dir, const pst_verify_options *options,
                      pst_verify_summary *summary, pst_error *err) {
    pst_verify_options defaults;
    pst_verify_summary counted = {0};
    pst_verify_options_init(&defaults);
    if (!dir || !summary)
        return error_set(err, PST_ERR_ARGUMENT, "pst_verify: dir or summary is NULL");
    if (options && options->struct_size != sizeof *options)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_verify: options are not set up by pst_verify_options_init()");
    if (!path_is_folder(dir)) return error_set(err, PST_ERR_MODEL, "%s: no such folder", dir);
    struct verifying run = {
        .dir = dir, .options = options ? options : &defaults, .summary = &counted};
    pst_status status = verify(&run, err);
    buffer_free(&run.told);
    if (!status) *summary = counted;
    return status;
}
