/* bench_decoder.c - what a token costs at each precision, greedy and with five beams.
 *
 *     bench_decoder MODEL AUDIO [ROUNDS]
 *
 * The clip is transcribed once; then only the search runs, again and again over the same keys and
 * values of the sound, and the fastest run counts: others may load the machine. Bytes are those of the
 * weights and the cached sound that every step has to read. Not a test: it has no opinion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/precision.h"
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

static double map_bytes(const struct linear *map) {
    static const double SIZES[PRECISION_COUNT] = {4, 2, 1};
    double values = (double)map->out * map->in;
    return values * (map->packed.data ? SIZES[map->packed.precision] : 4);
}

/* Of one step; `coarse`: the output matrix is searched in two stages. */
static double step_bytes(const pst_session *session, int coarse) {
    const struct pst_model *model = session->model;
    const struct config *config = &model->config;
    double bytes = 0, values = (double)config->vocab * config->dim;
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        const struct decoder_layer *layer = &model->weights.decoder_layers[i];
        bytes += map_bytes(&layer->self_attn.q_proj) + map_bytes(&layer->self_attn.k_proj) +
                 map_bytes(&layer->self_attn.v_proj) + map_bytes(&layer->self_attn.o_proj) +
                 map_bytes(&layer->encoder_attn.q_proj) + map_bytes(&layer->encoder_attn.o_proj) +
                 map_bytes(&layer->fc1) + map_bytes(&layer->fc2);
    }
    double cached = 2.0 * (double)session->workspace.extent.frames * config->heads *
                    config->head_dim * config->decoder_layers;
    bytes += cached * (model->precision == PRECISION_F32 ? 4 : 2);
    return bytes + values * (coarse || model->precision != PRECISION_F32 ? 1 : 4);
}

static void measure(pst_session *session, const pst_audio *audio, pst_decode_options *options,
                    int rounds) {
    pst_transcript *transcript;
    if (pst_transcribe(session, audio->samples, audio->count, options, &transcript, &err))
        fail("transcribe");
    pst_transcript_free(transcript);
    double best = 1e9;
    session->search.rules.options = options;
    for (int i = 0; i < rounds; i++) {
        double start = now_ms();
        if (options->num_beams == 1 ? greedy_search(&session->search, &err)
                                    : beam_search(&session->search, &err))
            fail("search");
        double taken = now_ms() - start;
        if (taken < best) best = taken;
    }
    double steps = (double)(session->search.winner->count - 1), each = best / steps;
    double bytes = step_bytes(session, options->skip_logprob);
    printf("  %u beam%s%s %3.0f tokens  %6.3f ms a token  %5.1f MB  %5.1f GB/s\n",
           options->num_beams, options->num_beams == 1 ? " " : "s",
           options->skip_logprob ? ", token only " : ", all logits ", steps, each, bytes / 1e6,
           bytes / each / 1e6);
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
        for (uint32_t threads = 1; threads <= 2; threads++) {
            pst_session_options session_options;
            pst_decode_options options;
            pst_session *session;
            pst_session_options_init(&session_options);
            session_options.threads = threads;
            if (pst_session_new(model, &session_options, &session, &err)) fail("session");
            printf("%s, %u thread%s\n", precision_name(model->precision), threads,
                   threads == 1 ? "" : "s");
            pst_model_decode_options(model, &options);
            options.skip_logprob = 1;
            measure(session, &audio, &options, rounds);
            options.skip_logprob = 0;
            measure(session, &audio, &options, rounds);
            options.num_beams = 5;
            measure(session, &audio, &options, rounds);
            pst_session_free(session);
        }
        pst_model_free(model);
    }
    pst_audio_free(&audio);
    return 0;
}
