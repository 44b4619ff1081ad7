/* verify_index.c - potstill.json of a converted model, and whether the packages have the functions,
 * inputs and outputs that it tells an app of. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "coreml/package/package.h"
#include "coreml/run/package_index.h"
#include "verify/verify.h"

static const char INDEX[] = "potstill.json";

/* A function of a package as the index has it. */
struct told {
    struct findings *findings;
    const json_t *part;
    const char *package;
    const struct mil_interface *interface; /* that of the package */
};

/* ------------------------------------------------------------------------------------ features */

static int same_shape(const json_t *shape, const struct mil_type *type) {
    if (json_array_size(shape) != type->rank) return 0;
    for (uint32_t i = 0; i < type->rank; i++)
        if (json_integer_value(json_array_get(shape, i)) != type->dims[i]) return 0;
    return 1;
}

static int same_feature(const json_t *told, const struct mil_feature *feature) {
    const char *dtype = json_string_value(json_object_get(told, "dtype"));
    const char *own = feature->type.dtype == MIL_F16   ? "float16"
                      : feature->type.dtype == MIL_F32 ? "float32"
                                                       : "int32";
    return dtype && strcmp(dtype, own) == 0 &&
           same_shape(json_object_get(told, "shape"), &feature->type);
}

static const struct mil_feature *find(const struct mil_feature *list, size_t count,
                                      const char *name) {
    for (size_t i = 0; name && i < count; i++)
        if (strcmp(list[i].name, name) == 0) return &list[i];
    return NULL;
}

/* The list `side` ("inputs") of the index beside that of the package. */
static void compare(const struct told *told, const char *side, const struct mil_feature *list,
                    size_t count) {
    const json_t *entry, *entries = json_object_get(told->part, side);
    size_t i;
    if (json_array_size(entries) != count)
        findings_addf(told->findings, PST_PROBLEM, INDEX, "%s has %zu %s, here are %zu",
                      told->package, count, side, json_array_size(entries));
    json_array_foreach(entries, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        const struct mil_feature *feature = find(list, count, name);
        if (!feature)
            findings_addf(told->findings, PST_PROBLEM, INDEX, "%s has no %s among its %s",
                          told->package, name ? name : "name", side);
        else if (!same_feature(entry, feature))
            findings_addf(told->findings, PST_PROBLEM, INDEX,
                          "%s of %s has another type or shape there", name, told->package);
    }
}

static void need(const struct told *told, const struct mil_feature *list, size_t count,
                 const char *name, const char *what) {
    if (find(list, count, name)) return;
    findings_addf(told->findings, PST_PROBLEM, INDEX, "%s gives no %s, which %s stands for",
                  told->package, name, what);
}

/* What the words `outputs` and `input` promise. */
static void check_forms(const struct told *told, const struct package_index *index,
                        const char *key) {
    const struct mil_interface *face = told->interface;
    if (strcmp(key, "encoder") == 0) {
        const struct mil_feature *input = find(face->inputs, face->input_count, "input_values");
        uint32_t rank = index->blocks ? 4 : 2;
        if (!input || input->type.rank != rank)
            findings_addf(told->findings, PST_PROBLEM, INDEX,
                          "%s takes no input_values of rank %u, which the input %s stands for",
                          told->package, (unsigned)rank, index->blocks ? "blocks" : "samples");
        return;
    }
    int token = index->token && strcmp(key, "decoder") == 0;
    need(told, face->outputs, face->output_count, token ? "token" : "logits",
         token ? "the outputs token" : "the outputs logits");
    if (token) need(told, face->outputs, face->output_count, "score", "the outputs token");
}

/* --------------------------------------------------------------------------------------- parts */

static const struct mil_interface *interface_of(const struct mil_model *model,
                                                const char *function) {
    for (size_t i = 0; i < model->interface_count; i++) {
        const char *own = model->interfaces[i].function;
        if (own == function || (own && function && strcmp(own, function) == 0))
            return &model->interfaces[i];
    }
    return NULL;
}

static void check_part(struct findings *findings, const struct package_index *index,
                       const json_t *length, const char *key, const struct package_part *part,
                       const struct mil_model *model) {
    struct told told = {.findings = findings,
                        .part = json_object_get(length, key),
                        .package = part->package,
                        .interface = interface_of(model, part->function)};
    const struct mil_interface *face = told.interface;
    if (!face) {
        findings_addf(findings, PST_PROBLEM, INDEX, "%s has no function %s", part->package,
                      part->function ? part->function : "of its own description");
        return;
    }
    compare(&told, "inputs", face->inputs, face->input_count);
    compare(&told, "outputs", face->outputs, face->output_count);
    compare(&told, "states", face->states, face->state_count);
    check_forms(&told, index, key);
}

/* A package that does not open has a finding of its own already, unless it is not there. */
static pst_status open_part(struct findings *findings, const struct package_part *part,
                            struct mil_model **model, pst_error *err) {
    char *path = path_join(findings->dir, part->package);
    *model = NULL;
    if (!path) return error_memory(err, 0);
    if (!path_is_folder(path))
        findings_addf(findings, PST_PROBLEM, INDEX, "the package %s is not there", part->package);
    else if (package_read(path, model, NULL) != PST_OK)
        *model = NULL;
    free(path);
    return PST_OK;
}

static pst_status check_length(struct findings *findings, const struct package_index *index,
                               size_t at, pst_error *err) {
    static const char *const KEYS[] = {"encoder", "decoder", "verifier"};
    const struct package_length *length = &index->lengths[at];
    const struct package_part *parts[] = {&length->encoder, &length->decoder, &length->verifier};
    const json_t *told = json_array_get(json_object_get(index->file.root, "lengths"), at);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct mil_model *model;
        if (!parts[i]->package) continue;
        pst_status status = open_part(findings, parts[i], &model, err);
        if (status) return status;
        if (model) check_part(findings, index, told, KEYS[i], parts[i], model);
        mil_model_free(model);
    }
    return PST_OK;
}

pst_status verify_index(struct findings *findings, pst_error *err) {
    struct package_index index;
    pst_error problem;
    pst_status status = package_index_open(&index, findings->dir, &problem);
    if (status == PST_ERR_MEMORY && err) *err = problem;
    if (status && status != PST_ERR_MEMORY) {
        findings_add(findings, PST_PROBLEM, INDEX, problem.message);
        status = PST_OK;
    } else {
        for (size_t i = 0; i < index.length_count && !status; i++)
            status = check_length(findings, &index, i, err);
    }
    package_index_close(&index);
    return status;
}
