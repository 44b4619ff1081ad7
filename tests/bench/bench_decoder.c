/* bench_decoder.c - what a token costs at each precision, one row and five.
 *
 *     bench_decoder MODEL AUDIO [ROUNDS]
 *
 * The clip is transcribed once; then its tokens are fed to the decoder again and again. Of each
 * position the fastest round counts: others may load the machine. Bytes are those that a step has
 * to read: weights and the cached sound. What beam search does with logits is not in it. Not a
 * test: it has no opinion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "network/decoder.h"
#include "network/logits.h"
#include "network/precision.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"

static pst_error err;

static void fail(const char *what) {
    fprintf(stderr, "bench_decoder: %s: %s\n", what, err.message);
    exit(1);
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double layer_bytes(const struct network *network, const struct linear *layer) {
    static const double SIZES[PRECISION_COUNT] = {4, 2, 1};
    const struct packed *packed = &network->pack.packed[layer->slot];
    return (double)layer->out * layer->in * (packed->data ? SIZES[packed->precision] : 4);
}

/* Of one step; `approximate`: the output matrix is searched in two stages. */
static double step_bytes(const pst_session *session, int approximate) {
    const struct pst_model *model = session->model;
    const struct network *network = model->network;
    const struct config *config = &model->config;
    double bytes = 0, values = (double)config->vocab * config->dim;
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        const struct decoder_layer *layer = &model->weights.decoder_layers[i];
        bytes += layer_bytes(network, &layer->self_attn.q_proj) +
                 layer_bytes(network, &layer->self_attn.k_proj) +
                 layer_bytes(network, &layer->self_attn.v_proj) +
                 layer_bytes(network, &layer->self_attn.o_proj) +
                 layer_bytes(network, &layer->encoder_attn.q_proj) +
                 layer_bytes(network, &layer->encoder_attn.o_proj) +
                 layer_bytes(network, &layer->fc1) + layer_bytes(network, &layer->fc2);
    }
    double cached = 2.0 * (double)engine_of(session->backend)->workspace.extent.frames *
                    config->heads * config->head_dim * config->decoder_layers;
    bytes += cached * (network->precision == PST_PRECISION_F32 ? 4 : 2);
    return bytes + values * (approximate || network->precision != PST_PRECISION_F32 ? 1 : 4);
}

enum { ROWS = 5, TOKENS_MAX = 1000 };

/* How a step goes on to logits. */
enum output { BEST_TOKEN, ALL_LOGITS };

static void run_output(struct workspace *ws, size_t rows, enum output output) {
    struct logits_best best;
    if (output == BEST_TOKEN && logits_search(ws, 1, 0, &best)) return;
    logits_compute(ws, rows);
}

static void measure(pst_session *session, const pst_transcript *transcript, size_t rows,
                    enum output output, int rounds) {
    static double step[TOKENS_MAX], logits[TOKENS_MAX];
    struct workspace *ws = &engine_of(session->backend)->workspace;
    size_t steps = transcript->token_count - 1;
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < steps && i < TOKENS_MAX; i++) {
            int32_t tokens[ROWS];
            for (size_t r = 0; r < rows; r++) tokens[r] = transcript->tokens[i];
            double start = now_ms();
            decoder_step(ws, tokens, rows, i);
            double middle = now_ms();
            run_output(ws, rows, output);
            double end = now_ms();
            if (round == 0 || middle - start < step[i]) step[i] = middle - start;
            if (round == 0 || end - middle < logits[i]) logits[i] = end - middle;
        }
    double step_ms = 0, logits_ms = 0, bytes = step_bytes(session, output == BEST_TOKEN);
    for (size_t i = 0; i < steps; i++) step_ms += step[i] / (double)steps;
    for (size_t i = 0; i < steps; i++) logits_ms += logits[i] / (double)steps;
    double each = step_ms + logits_ms;
    printf("  %zu row%s %s %6.3f ms a token (step %6.3f, logits %6.3f)  %5.1f MB  %5.1f GB/s\n",
           rows, rows == 1 ? ", " : "s,", output == BEST_TOKEN ? "best token" : "all logits", each,
           step_ms, logits_ms, bytes / 1e6, bytes / each / 1e6);
}

static void measure_threads(const pst_model *model, const pst_audio *audio, uint32_t threads,
                            int rounds) {
    pst_session_options session_options;
    pst_decode_options options;
    pst_transcript *transcript;
    pst_session *session;
    pst_session_options_init(&session_options);
    session_options.threads = threads;
    if (pst_session_new(model, &session_options, &session, &err)) fail("session");
    pst_model_decode_options(model, &options);
    options.num_beams = ROWS; /* for the capacity */
    if (pst_transcribe(session, audio->samples, audio->count, &options, &transcript, &err))
        fail("transcribe");
    printf("%s, %u thread%s, %zu tokens\n", precision_name(model->network->precision), threads,
           threads == 1 ? "" : "s", transcript->token_count - 1);
    measure(session, transcript, 1, BEST_TOKEN, rounds);
    measure(session, transcript, 1, ALL_LOGITS, rounds);
    measure(session, transcript, ROWS, ALL_LOGITS, rounds);
    pst_transcript_free(transcript);
    pst_session_free(session);
}

int main(int argc, char **argv) {
    static const pst_precision PRECISIONS[] = {PST_PRECISION_F32, PST_PRECISION_BF16,
                                               PST_PRECISION_INT8};
    pst_audio audio;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_decoder MODEL AUDIO [ROUNDS]\n");
        return 2;
    }
    int rounds = argc > 3 ? atoi(argv[3]) : 20;
    if (pst_audio_read(argv[2], &audio, &err)) fail(argv[2]);
    for (size_t p = 0; p < sizeof PRECISIONS / sizeof *PRECISIONS; p++) {
        pst_model_options model_options;
        pst_model *model;
        pst_model_options_init(&model_options);
        model_options.precision = PRECISIONS[p];
        if (pst_model_open(argv[1], &model_options, &model, &err)) fail(argv[1]);
        for (uint32_t threads = 1; threads <= 2; threads++)
            measure_threads(model, &audio, threads, rounds);
        pst_model_free(model);
    }
    pst_audio_free(&audio);
    return 0;
}
