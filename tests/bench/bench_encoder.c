/* bench_encoder.c - how long a clip takes to become memory, by precision and threads.
 *
 *   bench_encoder MODEL AUDIO [SECONDS [RUNS [PRECISION]]]
 *       the fastest of RUNS, and the share of each part */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "network/cross_kv.h"
#include "network/decoder.h"
#include "network/encoder.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"

static pst_error err;

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "bench_encoder: %s: %s\n", what, err.message);
    exit(1);
}

/* Multiplications of all products, by the shapes. */
static double products(const struct config *config, const struct extent *extent) {
    double dim = config->dim, width = (double)config->heads * config->head_dim;
    double frames = (double)extent->frames, ffn = config->encoder_ffn;
    double stem = (double)extent->frames1 * STEM_KERNEL1 * dim +
                  (double)extent->frames2 * 14 * dim * dim + frames * 6 * dim * dim;
    double layer = frames * (4 * dim * width + 2 * dim * ffn + 2 * frames * width);
    double cross = frames * 2 * dim * width;
    return stem + layer * config->encoder_layers + cross * config->decoder_layers;
}

static void measure(const pst_model *model, const float *samples, size_t count, unsigned threads,
                    int runs) {
    pst_session_options options;
    pst_session *session;
    pst_session_options_init(&options);
    options.threads = threads;
    if (pst_session_new(model, &options, &session, &err)) fail("session");
    struct extent extent = {.beams = 1, .tokens = 194};
    extent_of_clip(&extent, &model->config, count);
    struct engine *engine = engine_of(session->backend);
    if (engine_fit(engine, &extent, &err)) fail("memory");
    struct workspace *ws = &engine->workspace;
    double best[4] = {1e9, 1e9, 1e9, 1e9};
    for (int run = 0; run < runs; run++) {
        double times[4] = {now_ms()};
        encoder_front_end(ws, samples, count);
        times[1] = now_ms();
        encoder_layers(ws);
        times[2] = now_ms();
        cross_kv_compute(ws);
        times[3] = now_ms();
        for (int part = 0; part < 3; part++)
            if (times[part + 1] - times[part] < best[part])
                best[part] = times[part + 1] - times[part];
        if (times[3] - times[0] < best[3]) best[3] = times[3] - times[0];
    }
    pst_model_info info;
    pst_model_describe(model, &info);
    printf("%-12s %-4s threads %u: stem %7.2f  layers %7.2f  cross %6.2f  all %7.2f ms  %7.1f "
           "GFLOP/s a thread  %5.1f MB\n",
           info.kernels, info.precision, threads, best[0], best[1], best[2], best[3],
           2e-6 * products(&model->config, &extent) / best[3] / threads,
           1e-6 * (double)pst_session_memory(session));
    pst_session_free(session);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: bench_encoder MODEL AUDIO [SECONDS [RUNS [PRECISION]]]\n");
        return 2;
    }
    static const pst_precision PRECISIONS[] = {PST_PRECISION_F32, PST_PRECISION_BF16,
                                               PST_PRECISION_INT8};
    static const char *const NAMES[] = {"f32", "bf16", "int8"};
    pst_audio audio;
    if (pst_audio_read(argv[2], &audio, &err)) fail(argv[2]);
    size_t count = audio.count;
    double seconds = argc > 3 ? atof(argv[3]) : 30;
    int runs = argc > 4 ? atoi(argv[4]) : 30;
    if ((double)count > seconds * PST_SAMPLE_RATE_HZ)
        count = (size_t)(seconds * PST_SAMPLE_RATE_HZ);
    for (int p = 0; p < 3; p++) {
        if (argc > 5 && strcmp(argv[5], NAMES[p])) continue;
        pst_model_options options;
        pst_model *model;
        pst_model_options_init(&options);
        options.precision = PRECISIONS[p];
        if (pst_model_open(argv[1], &options, &model, &err)) fail(argv[1]);
        for (unsigned threads = 1; threads <= 2; threads++)
            measure(model, audio.samples, count, threads, runs);
        pst_model_free(model);
    }
    pst_audio_free(&audio);
    return 0;
}
