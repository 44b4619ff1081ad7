/* trace_stages.c - what the engine computes on the way, for comparison with the reference stack.
 *
 *   potstill_trace MODEL AUDIO.f32 OUT.safetensors [--adapter DIR [--weight W]]... [--tokens 1,5,9]
 *       the output of each stage, the decoder fed with the tokens given
 *   potstill_trace MODEL --cases CASES.json OUT.json [--adapter DIR [--weight W]]... [--cpu SET]
 *           [--threads N]
 *       decodes a list of {"audio": path of raw float32, "options": {...}} in one process
 *
 * Both take --precision N, a pst_precision, and --inclusive, windows as the vendor has them.
 * Options have the names of transformers' generate(). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors.h"
#include "network/cross_kv.h"
#include "network/decoder.h"
#include "network/encoder.h"
#include "network/logits.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"
#include "support/decode_case.h"

enum { ADAPTERS_MAX = 8 };

static pst_error err;

static void fail(const char *what) {
    fprintf(stderr, "potstill_trace: %s: %s\n", what, err.message);
    exit(1);
}

static float *read_floats(const char *path, size_t *count) {
    struct file_view view;
    if (file_view_open(&view, path, (size_t)1 << 30, &err)) fail("audio");
    float *samples = malloc(view.size + sizeof *samples);
    if (!samples) fail("memory");
    memcpy(samples, view.data, view.size);
    *count = view.size / sizeof *samples;
    file_view_close(&view);
    return samples;
}

/* Stages as they come; those of the decoder come once a step and are stacked. */
struct stages {
    struct tensor_source tensors[512];
    char names[512][32];
    size_t count;
};

static void keep(void *user, const char *stage, const float *data, size_t rows, size_t cols) {
    struct stages *stages = user;
    struct tensor_source *found = NULL;
    for (size_t i = 0; i < stages->count && !found; i++)
        if (strcmp(stages->names[i], stage) == 0) found = &stages->tensors[i];
    if (!found) {
        snprintf(stages->names[stages->count], sizeof stages->names[0], "%s", stage);
        found = &stages->tensors[stages->count];
        *found = (struct tensor_source){.name = stages->names[stages->count],
                                        .dtype = DTYPE_F32,
                                        .dims = 2,
                                        .shape = {0, cols}};
        stages->count++;
    }
    size_t before = found->shape[0] * cols;
    float *all = realloc((void *)found->data, (before + rows * cols) * sizeof *all);
    if (!all) fail("memory");
    memcpy(all + before, data, rows * cols * sizeof *all);
    found->data = all;
    found->shape[0] += rows;
}

static void trace(pst_session *session, const char *audio, const char *tokens, const char *out) {
    static struct stages stages;
    size_t count;
    float *samples = read_floats(audio, &count);
    struct extent extent = {.beams = 1, .tokens = 512};
    extent_of_clip(&extent, &session->model->config, count);
    struct engine *engine = engine_of(session->backend);
    if (engine_fit(engine, &extent, &err)) fail("memory");
    struct workspace *ws = &engine->workspace;
    ws->trace = keep;
    ws->trace_user = &stages;
    encoder_forward(ws, samples, count);
    cross_kv_compute(ws);
    size_t position = 0;
    for (const char *at = tokens; *at && position < extent.tokens; position++) {
        char *end;
        int32_t token = (int32_t)strtol(at, &end, 10);
        decoder_step(ws, &token, 1, position);
        logits_compute(ws, 1);
        at = *end ? end + 1 : end;
    }
    if (safetensors_write(out, stages.tensors, stages.count, &err)) fail(out);
    for (size_t i = 0; i < stages.count; i++) free((void *)stages.tensors[i].data);
    free(samples);
}

static void decode_cases(pst_session *session, const char *path, const char *out) {
    json_error_t error;
    json_t *cases = json_load_file(path, 0, &error), *results = json_array(), *item;
    size_t index;
    json_array_foreach(cases, index, item) {
        size_t count;
        float *samples = read_floats(json_string_value(json_object_get(item, "audio")), &count);
        struct decode_case decode;
        decode_case_read(&decode, session->model, json_object_get(item, "options"));
        pst_transcript *transcript;
        if (pst_transcribe(session, samples, count, &decode.options, &transcript, &err)) fail(path);
        json_t *tokens = json_array();
        for (size_t i = 0; i < transcript->token_count; i++)
            json_array_append_new(tokens, json_integer(transcript->tokens[i]));
        json_array_append_new(
            results, json_pack("{s:o,s:s,s:f,s:f,s:f}", "tokens", tokens, "text", transcript->text,
                               "score", (double)transcript->score, "margin",
                               isfinite(transcript->margin) ? (double)transcript->margin : 1e9,
                               "avg_logprob", transcript->avg_logprob));
        pst_transcript_free(transcript);
        decode_case_free(&decode);
        free(samples);
    }
    if (json_dump_file(results, out, 0)) fail(out);
    json_decref(results);
    json_decref(cases);
}

int main(int argc, char **argv) {
    const char *tokens = "1", *adapter_dirs[ADAPTERS_MAX], *place[3] = {0};
    double weights[ADAPTERS_MAX];
    size_t adapter_count = 0;
    int cases = 0, places = 0;
    pst_model_options model_options;
    pst_session_options session_options;
    pst_model_options_init(&model_options);
    pst_session_options_init(&session_options);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--tokens") && i + 1 < argc)
            tokens = argv[++i];
        else if (!strcmp(argv[i], "--adapter") && i + 1 < argc && adapter_count < ADAPTERS_MAX)
            weights[adapter_count] = 1, adapter_dirs[adapter_count++] = argv[++i];
        else if (!strcmp(argv[i], "--weight") && i + 1 < argc && adapter_count)
            weights[adapter_count - 1] = atof(argv[++i]);
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc)
            session_options.threads = (unsigned)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--cpu") && i + 1 < argc)
            model_options.cpu = (pst_cpu)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--precision") && i + 1 < argc)
            model_options.precision = (pst_precision)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--inclusive"))
            model_options.inclusive_windows = 1;
        else if (!strcmp(argv[i], "--cases"))
            cases = 1;
        else if (places < 3)
            place[places++] = argv[i];
    }
    if (places != 3) {
        fprintf(stderr,
                "usage: potstill_trace MODEL AUDIO.f32 OUT | MODEL --cases CASES.json OUT\n");
        return 2;
    }
    pst_model *model;
    pst_adapter *adapters[ADAPTERS_MAX] = {0};
    pst_session *session;
    if (pst_model_open(place[0], &model_options, &model, &err)) fail(place[0]);
    for (size_t i = 0; i < adapter_count; i++)
        if (pst_adapter_open(model, adapter_dirs[i], NULL, &adapters[i], &err))
            fail(adapter_dirs[i]);
    if (pst_session_new(model, &session_options, &session, &err)) fail("session");
    if (pst_session_use_adapters(session, (const pst_adapter *const *)adapters, weights,
                                 adapter_count, &err))
        fail("adapters");
    if (cases)
        decode_cases(session, place[1], place[2]);
    else
        trace(session, place[1], tokens, place[2]);
    pst_session_free(session);
    for (size_t i = 0; i < adapter_count; i++) pst_adapter_free(adapters[i]);
    pst_model_free(model);
    return 0;
}
