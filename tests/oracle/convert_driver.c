/* convert_driver.c - what a conversion gives in the interpreter, beside the engine.
 *
 *   convert_driver FOLDER SECONDS f32|f16 MODEL AUDIO.f32...
 *       a line a clip: its token ids, and the largest difference of the encoder's output and of any
 *       score from the engine, which is given the same tokens
 *   convert_driver X.mlpackage 0 f32|f16 MODEL AUDIO.f32...
 *       the same for the layout `single`: only the ids */
#include <math.h>

#include "base/file_view.h"
#include "network/cross_kv.h"
#include "network/decoder.h"
#include "network/encoder.h"
#include "network/logits.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"
#include "support/mil_clip.h"

enum { TOKENS_MAX = 512 };

static pst_error err;

static void must(pst_status status) {
    if (!status) return;
    fprintf(stderr, "convert_driver: %s\n", err.message);
    exit(1);
}

static float *read_floats(const char *path, size_t *count) {
    struct file_view view;
    must(file_view_open(&view, path, (size_t)1 << 30, &err));
    float *samples = malloc(view.size + sizeof *samples);
    if (!samples) exit(1);
    memcpy(samples, view.data, view.size);
    *count = view.size / sizeof *samples;
    file_view_close(&view);
    return samples;
}

static double largest_difference(const float *a, const float *b, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) { /* not fmax(): it passes over NaN */
        double apart = fabs((double)a[i] - (double)b[i]);
        if (!(apart <= largest)) largest = apart;
    }
    return largest;
}

static int32_t best(const float *logits, size_t count) {
    size_t at = 0;
    for (size_t i = 1; i < count; i++)
        if (logits[i] > logits[at]) at = i;
    return (int32_t)at;
}

static void compare_clip(pst_session *session, struct part *encoder, struct part *decoder,
                         const float *samples, size_t count) {
    const pst_model *model = session->model;
    struct extent extent = {.beams = 1, .tokens = TOKENS_MAX};
    extent_of_clip(&extent, &model->config, count);
    struct engine *engine = engine_of(session->backend);
    must(engine_fit(engine, &extent, &err));
    struct workspace *ws = &engine->workspace;
    encoder_forward(ws, samples, count);
    size_t frames = part_encode(encoder, samples, count);
    double memory = largest_difference(part_output(encoder, "encoder_hidden_states")->f, ws->memory,
                                       frames * model->config.encoder_dim);
    double scores = 0;
    cross_kv_compute(ws); /* adds positions to the memory, in the streaming family */
    part_set_memory(decoder, encoder, frames);
    int32_t token = model->config.decoder_start_token_id;
    int32_t limit = (int32_t)model->generation.decode.max_length;
    for (int32_t position = 0; position < limit - 1; position++) {
        const float *logits = part_step(decoder, token, position);
        decoder_step(ws, &token, 1, (size_t)position);
        logits_compute(ws, 1);
        scores = fmax(scores, largest_difference(logits, ws->logits.all, model->config.vocab));
        token = best(logits, model->config.vocab);
        printf("%d ", token);
        if (token == model->config.eos_token_id) break;
    }
    printf("memory %.3g scores %.3g\n", memory, scores);
}

static void print_ids(const pst_model *model, struct part *part, const float *samples,
                      size_t count) {
    struct mil_tensor *input = part_input(part, "input_values");
    size_t room = mil_elements(&input->type);
    memcpy(input->f, samples, (count < room ? count : room) * sizeof *samples);
    part_run(part);
    const struct mil_tensor *ids = part_output(part, "token_ids");
    for (size_t i = 0; i < mil_elements(&ids->type); i++) {
        printf("%d ", ids->i[i]);
        if (ids->i[i] == model->config.eos_token_id) break;
    }
    printf("\n");
}

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    int seconds = atoi(argv[2]);
    enum mil_rounding rounding = strcmp(argv[3], "f16") == 0 ? MIL_ROUND_F16 : MIL_ROUND_NONE;
    pst_model *model;
    pst_session *session;
    struct part encoder, decoder;
    must(pst_model_open(argv[4], NULL, &model, &err));
    must(pst_session_new(model, NULL, &session, &err));
    if (seconds)
        part_open_length(argv[1], seconds, rounding, &encoder, &decoder);
    else
        part_open(&encoder, argv[1], NULL, rounding);
    for (int i = 5; i < argc; i++) {
        size_t count;
        float *samples = read_floats(argv[i], &count);
        if (seconds)
            compare_clip(session, &encoder, &decoder, samples, count);
        else
            print_ids(model, &encoder, samples, count);
        free(samples);
    }
    if (seconds) part_close(&decoder);
    part_close(&encoder);
    pst_session_free(session);
    pst_model_free(model);
    return 0;
}
