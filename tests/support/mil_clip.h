/* mil_clip.h - transcribes a clip by converted packages, by the interpreter: what an app does. */
#ifndef POTSTILL_TESTS_MIL_CLIP_H
#define POTSTILL_TESTS_MIL_CLIP_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coreml/graph/graph.h"
#include "coreml/interpret/interpret.h"
#include "coreml/package/package.h"
#include "model/family.h"
#include "model/streaming.h"

/* A function of a package, loaded, with its inputs by name. */
struct part {
    struct mil_model *model;
    const struct mil_function *function;
    struct mil_machine *machine;
    struct mil_tensor inputs[8], outputs[8];
    size_t input_count;
};

static pst_error part_error;

static inline void part_must(pst_status status) {
    if (!status) return;
    fprintf(stderr, "%s\n", part_error.message);
    abort();
}

static inline void part_open(struct part *part, const char *path, const char *name,
                             enum mil_rounding rounding) {
    *part = (struct part){0};
    part_must(package_read(path, &part->model, &part_error));
    for (size_t i = 0; i < part->model->function_count; i++)
        if (!name || strcmp(part->model->functions[i]->name, name) == 0)
            part->function = part->model->functions[i];
    part_must(mil_machine_new(&part->machine, part->model, part->function->name, rounding, 2,
                              &part_error));
    for (size_t i = 0; i < part->function->input_count; i++) {
        const struct mil_value *value = part->function->inputs[i];
        if (value->type.state) continue;
        struct mil_tensor *input = &part->inputs[part->input_count++];
        size_t count = mil_elements(&value->type);
        *input = (struct mil_tensor){.name = value->name, .type = value->type};
        if (value->type.dtype == MIL_I32)
            input->i = calloc(count, sizeof *input->i);
        else
            input->f = calloc(count, sizeof *input->f);
    }
}

static inline void part_close(struct part *part) {
    for (size_t i = 0; i < part->input_count; i++) {
        free(part->inputs[i].f);
        free(part->inputs[i].i);
    }
    mil_machine_free(part->machine);
    mil_model_free(part->model);
}

static inline struct mil_tensor *part_find(struct mil_tensor *list, size_t count,
                                           const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0) return &list[i];
    return NULL;
}

static inline struct mil_tensor *part_input(struct part *part, const char *name) {
    return part_find(part->inputs, part->input_count, name);
}

static inline struct mil_tensor *part_output(struct part *part, const char *name) {
    return part_find(part->outputs, part->function->block->output_count, name);
}

static inline void part_run(struct part *part) {
    part_must(mil_machine_run(part->machine, part->inputs, part->input_count, part->outputs,
                              part->function->block->output_count, &part_error));
}

/* Opens what <folder>/potstill.json says of the length of `seconds`. */
static inline void part_open_length(const char *folder, int seconds, enum mil_rounding rounding,
                                    struct part *encoder, struct part *decoder) {
    static const char *const NAMES[] = {"encoder", "decoder"};
    struct part *const parts[] = {encoder, decoder};
    char path[1200];
    size_t at;
    json_t *entry;
    snprintf(path, sizeof path, "%s/potstill.json", folder);
    json_t *index = json_load_file(path, 0, NULL);
    if (!index) abort();
    json_array_foreach(json_object_get(index, "lengths"), at, entry) {
        if (json_integer_value(json_object_get(entry, "seconds")) != seconds) continue;
        for (int i = 0; i < 2; i++) {
            const json_t *part = json_object_get(entry, NAMES[i]);
            snprintf(path, sizeof path, "%s/%s", folder,
                     json_string_value(json_object_get(part, "package")));
            part_open(parts[i], path, json_string_value(json_object_get(part, "function")),
                      rounding);
        }
    }
    json_decref(index);
}

/* 0 at the first `count` of a mask, GRAPH_MASKED behind. */
static inline void part_mask(struct mil_tensor *mask, size_t count) {
    for (size_t i = 0, all = mil_elements(&mask->type); i < all; i++)
        mask->f[i] = i < count ? 0 : GRAPH_MASKED;
}

/* Runs an encoder on a clip; returns how many frames it has. */
static inline size_t part_encode(struct part *encoder, const float *samples, size_t count) {
    struct mil_tensor *weights = part_input(encoder, "frame_weights");
    struct mil_tensor *input = part_input(encoder, "input_values");
    struct clip_extent extent = family_extent(weights ? FAMILY_MOONSHINE : FAMILY_STREAMING, count);
    size_t frames1 = weights ? mil_elements(&weights->type) : 0;
    if (!weights) count -= count % STREAM_FRAME_SAMPLES;
    memset(input->f, 0, mil_elements(&input->type) * sizeof *samples);
    memcpy(input->f, samples, count * sizeof *samples);
    for (size_t i = 0; i < frames1; i++)
        weights->f[i] = i < extent.frames1 ? (float)frames1 / (float)extent.frames1 : 0;
    part_mask(part_input(encoder, "key_mask"), extent.frames);
    part_run(encoder);
    return extent.frames;
}

/* Gives a decoder the encoder's outputs. */
static inline void part_set_memory(struct part *decoder, struct part *encoder, size_t frames) {
    static const char *const NAMES[] = {"cross_k", "cross_v"};
    for (int i = 0; i < 2; i++) {
        struct mil_tensor *to = part_input(decoder, NAMES[i]);
        memcpy(to->f, part_output(encoder, NAMES[i])->f, mil_elements(&to->type) * sizeof *to->f);
    }
    part_mask(part_input(decoder, "cross_mask"), frames);
}

/* One step; returns the scores [vocab]. A decoder without a state has its cache filled in. */
static inline const float *part_step(struct part *decoder, int32_t token, int32_t position) {
    static const char *const NAMES[][2] = {{"self_k", "new_k"}, {"self_v", "new_v"}};
    part_input(decoder, "input_ids")->i[0] = token;
    part_input(decoder, "position")->i[0] = position;
    part_run(decoder);
    for (int i = 0; i < 2; i++) {
        struct mil_tensor *cache = part_input(decoder, NAMES[i][0]);
        if (!cache) continue;
        const struct mil_tensor *column = part_output(decoder, NAMES[i][1]);
        size_t rows = (size_t)cache->type.dims[1], slots = (size_t)cache->type.dims[3];
        for (size_t row = 0; row < rows; row++)
            cache->f[row * slots + (size_t)position] = column->f[row];
    }
    return part_output(decoder, "logits")->f;
}

#endif
