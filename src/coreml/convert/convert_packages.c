/* convert_packages.c - see convert_packages.h. A package lives only while it is written. */
#include "coreml/convert/convert_packages.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file_view.h"
#include "coreml/convert/convert_index.h"
#include "coreml/package/package.h"

/* What a function does. The verifier is the decoder for several tokens of a text at once. */
enum role { ENCODER, DECODER, VERIFIER, ROLES };

enum { NAME_SIZE = 64 };

static int has_role(const struct conversion *conversion, enum role role) {
    return role != VERIFIER || conversion->options->ahead;
}

static struct convert_part *part_of(struct convert_parts *parts, enum role role) {
    struct convert_part *all[ROLES] = {&parts->encoder, &parts->decoder, &parts->verifier};
    return all[role];
}

static pst_status new_model(struct mil_model **model, pst_error *err) {
    *model = mil_model_new();
    return *model ? PST_OK : error_memory(err, 0);
}

static void build(const struct conversion *conversion, enum role role, size_t index,
                  struct mil_model *model, const char *name, int named) {
    struct graph_shape shape = convert_shape(conversion, index);
    struct graph g = convert_graph(conversion, model);
    if (role == VERIFIER) shape.ahead = (int32_t)conversion->options->ahead;
    if (role != ENCODER)
        graph_decoder(&g, name, &shape, named);
    else if (conversion->piece)
        graph_piece(&g, name, &shape);
    else
        graph_encoder(&g, name, &shape, named);
}

static pst_status write_package(struct conversion *conversion, struct mil_model *model,
                                const char *dir, const char *name, pst_error *err) {
    char *path = path_join(dir, name);
    const struct cancel *cancel = &conversion->merge.cancel;
    pst_status status = path ? cancel_check(cancel, err) : error_memory(err, 0);
    if (!status) status = package_write(model, path, 0, cancel, err);
    free(path);
    return status ? status : convert_note_file(conversion, dir, name, err);
}

/* ------------------------------------------------------------------------------------- separate */

static void name_package(const struct conversion *conversion, enum role role, size_t index,
                         char name[NAME_SIZE]) {
    char length[16] = "";
    if ((role == ENCODER && !conversion->piece) || conversion->count > 1)
        snprintf(length, sizeof length, "-%us", conversion->seconds[index]);
    if (role == VERIFIER)
        snprintf(name, NAME_SIZE, "verify-%u%s.mlpackage", conversion->options->ahead, length);
    else
        snprintf(name, NAME_SIZE, "%s%s.mlpackage", role == ENCODER ? "encoder" : "decoder",
                 length);
}

static void describe(const struct conversion *conversion, enum role role, size_t index,
                     struct mil_model *model) {
    char what[80];
    if (role == DECODER)
        snprintf(what, sizeof what, "Moonshine speech decoder, one token a call");
    else if (role == VERIFIER)
        snprintf(what, sizeof what, "Moonshine speech decoder, %u tokens of a text a call",
                 conversion->options->ahead);
    else if (conversion->piece)
        snprintf(what, sizeof what, "Moonshine speech encoder, a piece of audio a call");
    else
        snprintf(what, sizeof what, "Moonshine speech encoder for clips of up to %u seconds",
                 conversion->seconds[index]);
    convert_describe(conversion, model, what);
}

/* A package for each role of a length: before iOS 18 a package has one function. A decoder that
 * served all lengths would attend to the frames of the longest at every token of a short clip. */
static pst_status write_length(struct conversion *conversion, size_t index, const char *dir,
                               pst_error *err) {
    struct mil_model *models[ROLES] = {0};
    char names[ROLES][NAME_SIZE];
    struct convert_parts parts = {0};
    pst_status status = PST_OK;
    for (enum role role = ENCODER; role < ROLES && !status; role++) {
        if (!has_role(conversion, role)) continue;
        name_package(conversion, role, index, names[role]);
        status = new_model(&models[role], err);
        if (status) break;
        build(conversion, role, index, models[role], "main", 0);
        describe(conversion, role, index, models[role]);
        *part_of(&parts, role) = (struct convert_part){models[role], names[role], 0};
        status = write_package(conversion, models[role], dir, names[role], err);
    }
    if (!status) status = convert_note_length(conversion, index, &parts, err);
    for (int i = 0; i < ROLES; i++) mil_model_free(models[i]);
    return status;
}

/* ------------------------------------------------------------------------------------ functions */

static void add_functions(const struct conversion *conversion, enum role role,
                          struct mil_model *model) {
    for (size_t i = 0; i < conversion->count; i++) {
        char name[NAME_SIZE];
        if (role == VERIFIER)
            snprintf(name, sizeof name, "verify_%u_%us", conversion->options->ahead,
                     conversion->seconds[i]);
        else
            snprintf(name, sizeof name, role == ENCODER ? "encode_%us" : "decode_%us",
                     conversion->seconds[i]);
        if (role == ENCODER && conversion->piece)
            build(conversion, role, i, model, "main", 0);
        else
            build(conversion, role, i, model, name, 1);
    }
}

/* From iOS 18 on: two packages whose functions share their weights. */
static pst_status write_functions(struct conversion *conversion, const char *dir, pst_error *err) {
    static const char ENCODERS[] = "encoder.mlpackage", DECODERS[] = "decoder.mlpackage";
    struct mil_model *encoder = NULL, *decoder = NULL;
    pst_status status = new_model(&encoder, err);
    if (!status) status = new_model(&decoder, err);
    if (!status) {
        add_functions(conversion, ENCODER, encoder);
        add_functions(conversion, DECODER, decoder);
        if (has_role(conversion, VERIFIER)) add_functions(conversion, VERIFIER, decoder);
        convert_describe(conversion, encoder,
                         conversion->piece
                             ? "Moonshine speech encoder, a piece of audio a call"
                             : "Moonshine speech encoder, a function for each length");
        convert_describe(conversion, decoder,
                         "Moonshine speech decoder, a function for each length");
        status = write_package(conversion, encoder, dir, ENCODERS, err);
    }
    if (!status) status = write_package(conversion, decoder, dir, DECODERS, err);
    for (size_t i = 0; i < conversion->count && !status; i++) {
        struct convert_parts parts = {{encoder, ENCODERS, i}, {decoder, DECODERS, i}, {0}};
        if (has_role(conversion, VERIFIER))
            parts.verifier = (struct convert_part){decoder, DECODERS, conversion->count + i};
        status = convert_note_length(conversion, i, &parts, err);
    }
    mil_model_free(encoder);
    mil_model_free(decoder);
    return status;
}

pst_status convert_write_packages(struct conversion *conversion, const char *dir, pst_error *err) {
    pst_status status = PST_OK;
    if (conversion->options->target == PST_CONVERT_IOS18 &&
        (conversion->count > 1 || has_role(conversion, VERIFIER)))
        return write_functions(conversion, dir, err);
    for (size_t i = 0; i < conversion->count && !status; i++)
        status = write_length(conversion, i, dir, err);
    return status;
}
