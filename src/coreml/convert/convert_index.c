/* convert_index.c - what is written about a conversion: the metadata of packages, and
 * potstill.json, from which an app learns what to load and how to feed it. */
#include "coreml/convert/convert_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file_view.h"
#include "formats/json_writer.h"
#include "model/family.h"
#include "model/model_folder.h"

static const size_t LICENCE_BYTES_MAX = 1 << 20;

/* Of the index: the lowest whose readers are not misled. Those of 1 know one end token, those of
 * both know one form of a decoder's outputs and an encoder's input. */
enum { INDEX_FORMAT = 1, INDEX_FORMAT_ENDS = 2, INDEX_FORMAT_FORMS = 3 };

/* ------------------------------------------------------------------------------------- metadata */

static void add_pair(struct mil_model *model, const char *key, const char *value) {
    struct mil_pair *list =
        mil_grow(model, model->user_defined, model->user_defined_count, sizeof *list);
    if (!list || !key || !value) return;
    list[model->user_defined_count++] = (struct mil_pair){key, value};
    model->user_defined = list;
}

/* The hashes of one source, under "potstill.<what>.<file>". */
static void add_hashes(struct mil_model *model, const char *what, const json_t *entry) {
    const char *name;
    json_t *hash, *files = json_object_get(entry, "files");
    json_object_foreach(files, name, hash)
        add_pair(model, mil_text(model, "potstill.%s.%s", what, name),
                 mil_text(model, "%s", json_string_value(hash)));
}

/* The first line of the model's licence, which is its name. */
static const char *licence(const struct conversion *conversion, struct mil_model *model) {
    const char *text = "that of the model converted";
    if (model_folder_check_file(conversion->merge.model_dir, "LICENSE", NULL)) return text;
    char *path = path_join(conversion->merge.model_dir, "LICENSE");
    struct file_view view;
    if (path && file_view_open(&view, path, LICENCE_BYTES_MAX, NULL) == PST_OK) {
        const char *line = (const char *)view.data;
        size_t length = 0;
        while (length < view.size && length < 80 && line[length] >= ' ' && line[length] < 127)
            length++;
        if (length) text = mil_text(model, "%.*s", (int)length, line);
        file_view_close(&view);
    }
    free(path);
    return text;
}

/* What ends a text, where that is more than a package's program shows: several tokens. */
static void add_ends(const struct conversion *conversion, struct mil_model *model) {
    const struct config *config = &conversion->merge.model->config;
    const char *text = mil_text(model, "%d", config->eos_token_ids[0]);
    for (uint32_t i = 1; i < config->eos_count && text; i++)
        text = mil_text(model, "%s %d", text, config->eos_token_ids[i]);
    if (config->eos_count > 1) add_pair(model, "potstill.ends", text);
}

void convert_describe(const struct conversion *conversion, struct mil_model *model,
                      const char *what) {
    const json_t *adapters = json_object_get(conversion->sources, "adapters");
    model->short_description = mil_text(model, "%s", what);
    model->author = "converted by Potstill";
    model->version = PST_VERSION;
    model->license = licence(conversion, model);
    add_pair(model, "potstill.version", PST_VERSION);
    add_pair(model, "potstill.model_type", family_name(conversion->merge.model->config.family));
    add_pair(model, "potstill.precision", conversion->precision->name);
    add_pair(model, "potstill.target", conversion->target->name);
    if (conversion->encoder_residual > 0 || conversion->decoder_residual > 0)
        add_pair(model, "potstill.residual_scales",
                 mil_text(model, "%g %g", (double)conversion->encoder_residual,
                          (double)conversion->decoder_residual));
    add_ends(conversion, model);
    add_hashes(model, "model", json_object_get(conversion->sources, "model"));
    for (size_t i = 0; i < json_array_size(adapters); i++) {
        const json_t *entry = json_array_get(adapters, i);
        const char *key = mil_text(model, "adapter.%zu", i);
        add_pair(model, mil_text(model, "potstill.adapter.%zu.weight", i),
                 mil_text(model, "%.17g", json_real_value(json_object_get(entry, "weight"))));
        if (key) add_hashes(model, key, entry);
    }
}

/* -------------------------------------------------------------------------------------- lengths */

static json_t *features(const struct mil_feature *list, size_t count) {
    json_t *entries = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *shape = json_array();
        for (uint32_t d = 0; d < list[i].type.rank; d++)
            json_array_append_new(shape, json_integer(list[i].type.dims[d]));
        const char *dtype = list[i].type.dtype == MIL_F16   ? "float16"
                            : list[i].type.dtype == MIL_F32 ? "float32"
                                                            : "int32";
        json_array_append_new(entries, json_pack("{s:s, s:s, s:o}", "name", list[i].name, "dtype",
                                                 dtype, "shape", shape));
    }
    return entries;
}

static json_t *part_entry(const struct convert_part *part) {
    const struct mil_interface *interface = &part->model->interfaces[part->function];
    json_t *entry = json_pack("{s:s, s:s?, s:o, s:o}", "package", part->package, "function",
                              interface->function, "inputs",
                              features(interface->inputs, interface->input_count), "outputs",
                              features(interface->outputs, interface->output_count));
    if (interface->state_count)
        json_object_set_new(entry, "states", features(interface->states, interface->state_count));
    return entry;
}

pst_status convert_note_length(struct conversion *conversion, size_t index,
                               const struct convert_parts *parts, pst_error *err) {
    struct graph_shape shape = convert_shape(conversion, index);
    json_t *entry =
        json_pack("{s:i, s:i, s:i, s:i, s:i, s:o, s:o}", "seconds", (int)conversion->seconds[index],
                  "samples", (int)shape.extent.samples, "frames1", (int)shape.extent.frames1,
                  "frames", (int)shape.extent.frames, "memory", (int)shape.memory, "encoder",
                  part_entry(&parts->encoder), "decoder", part_entry(&parts->decoder));
    if (entry && parts->verifier.model) {
        json_t *verifier = part_entry(&parts->verifier);
        json_object_set_new(verifier, "tokens", json_integer(conversion->options->ahead));
        json_object_set_new(entry, "verifier", verifier);
    }
    return entry && json_array_append_new(conversion->lengths, entry) == 0 ? PST_OK
                                                                           : error_memory(err, 0);
}

/* ---------------------------------------------------------------------------------------- files */

static pst_status note_hash(struct conversion *conversion, const char *dir, const char *name,
                            pst_error *err) {
    char hash[DIGEST_HEX_SIZE];
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = digest_file(DIGEST_SHA256, path, &conversion->merge.cancel, hash, err);
    free(path);
    if (!status && json_object_set_new(conversion->files, name, json_string(hash)) != 0)
        status = error_memory(err, 0);
    return status;
}

pst_status convert_note_file(struct conversion *conversion, const char *dir, const char *name,
                             pst_error *err) {
    static const char *const PARTS[] = {"Manifest.json", "Data/com.apple.CoreML/model.mlmodel",
                                        "Data/com.apple.CoreML/weights/weight.bin"};
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    int package = path_is_folder(path);
    free(path);
    if (!package) return note_hash(conversion, dir, name, err);
    pst_status status = PST_OK;
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS && !status; i++) {
        char *file = path_join(name, PARTS[i]);
        status = file ? note_hash(conversion, dir, file, err) : error_memory(err, 0);
        free(file);
    }
    return status;
}

/* The same sources give the same bytes wherever they are, so their folders are left out. */
static void drop_folders(json_t *sources) {
    json_t *adapters = json_object_get(sources, "adapters");
    json_object_del(json_object_get(sources, "model"), "dir");
    for (size_t i = 0; i < json_array_size(adapters); i++)
        json_object_del(json_array_get(adapters, i), "dir");
}

static json_t *tokens_of(const struct conversion *conversion) {
    const struct config *config = &conversion->merge.model->config;
    json_t *tokens = json_pack("{s:i, s:i, s:i, s:i}", "start", config->decoder_start_token_id,
                               "end", config->eos_token_ids[0], "pad", config->pad_token_id, "max",
                               (int)conversion->tokens);
    if (config->eos_count == 1) return tokens;
    json_t *ends = json_array();
    for (uint32_t i = 0; i < config->eos_count; i++)
        json_array_append_new(ends, json_integer(config->eos_token_ids[i]));
    json_object_set_new(tokens, "ends", ends);
    return tokens;
}

/* How the encoder is fed piece by piece (graph_piece.c). */
static json_t *piece_entry(const struct conversion *conversion) {
    struct graph_piece piece = graph_piece_of(&conversion->merge.model->config, conversion->piece);
    json_t *carried = json_array();
    const json_t *length = json_array_get(conversion->lengths, 0);
    const json_t *input, *inputs = json_object_get(json_object_get(length, "encoder"), "inputs");
    size_t i;
    json_array_foreach(inputs, i, input) {
        const char *name = json_string_value(json_object_get(input, "name"));
        char output[64];
        if (!name || strncmp(name, "kept_", 5) != 0) continue;
        snprintf(output, sizeof output, "new_%s", name + 5);
        json_array_append_new(carried, json_pack("{s:s, s:s}", "input", name, "output", output));
    }
    return json_pack("{s:i, s:i, s:i, s:o}", "frames", (int)piece.frames, "delay", (int)piece.delay,
                     "reach", (int)piece.reach, "carried", carried);
}

/* What differs from the form that every reader knows. */
static void add_forms(json_t *index, const pst_convert_options *options) {
    if (options->outputs == PST_CONVERT_TOKEN)
        json_object_set_new(index, "outputs", json_string("token"));
    if (options->input == PST_CONVERT_BLOCKS)
        json_object_set_new(index, "input", json_string("blocks"));
    if (options->outputs == PST_CONVERT_TOKEN || options->input == PST_CONVERT_BLOCKS)
        json_object_set_new(index, "format", json_integer(INDEX_FORMAT_FORMS));
}

pst_status convert_write_index(struct conversion *conversion, const char *dir, pst_error *err) {
    const pst_model *model = conversion->merge.model;
    const struct config *config = &model->config;
    drop_folders(conversion->sources);
    int format = config->eos_count > 1 ? INDEX_FORMAT_ENDS : INDEX_FORMAT;
    json_t *index = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:b, s:o, s:i, s:i, s:f, s:O, s:O, s:O}",
        "format", format, "version", PST_VERSION, "model_type", family_name(config->family),
        "layout", conversion->piece ? "stream" : "split", "precision", conversion->precision->name,
        "target", conversion->target->name, "state", conversion->options->state, "sample_rate",
        PST_SAMPLE_RATE_HZ, "do_normalize", model->processor.do_normalize, "tokens",
        tokens_of(conversion), "slots", (int)conversion->slots, "vocab", (int)config->vocab,
        "masked", (double)GRAPH_MASKED, "lengths", conversion->lengths, "files", conversion->files,
        "sources", conversion->sources);
    if (!index) return error_memory(err, 0);
    add_forms(index, conversion->options);
    if (conversion->piece) json_object_set_new(index, "piece", piece_entry(conversion));
    if (conversion->drafts) json_object_set(index, "drafts", conversion->drafts);
    struct buffer text = {0};
    json_write(&text, index);
    buffer_text(&text, "\n");
    json_decref(index);
    return model_folder_put_buffer(dir, "potstill.json", &text, err);
}
