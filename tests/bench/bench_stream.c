/* bench_stream.c - what live sound costs: a piece of it to encode, a stream at the pace of speech,
 * and a line once it has ended.
 *
 *     bench_stream MODEL AUDIO VAD|- [PRECISION [PIECE_MS [THREADS [STREAMS [SECONDS]]]]]
 *
 * VAD is silero_vad_16k.safetensors. The clip is fed again and again, without a pace, until SECONDS
 * have gone in (default 60); with several streams they take turns. Printed are the wall time of a
 * piece in the encoder alone (of a streaming model) and in the whole stream, the share of one core
 * that a stream would take at the pace of speech, the time from the piece that completes a line to
 * its text, and what a stream holds after a tenth and after all. Not a test: it has no opinion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "network/stream_encoder.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"
#include "potstill.h"

enum { RATE_HZ = 16000, STREAMS_MAX = 64 };

static pst_error err;

struct times {
    double *ms; /* [count] */
    size_t count;
};

struct setting {
    const pst_model *model;
    const pst_audio *audio;
    const pst_vad *vad;
    size_t piece, pieces;
    uint32_t threads;
    int streams;
};

static void fail(const char *what) {
    fprintf(stderr, "bench_stream: %s: %s\n", what, err.message);
    exit(1);
}

static double clock_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double part(struct times *times, double share) {
    if (!times->count) return 0;
    qsort(times->ms, times->count, sizeof *times->ms, compare);
    return times->ms[(size_t)((double)(times->count - 1) * share)];
}

static void add(struct times *times, double ms) {
    times->ms[times->count++] = ms;
}

static int completed(pst_stream *stream) {
    int lines = 0;
    const pst_stream_event *event;
    while ((event = pst_stream_next_event(stream))) lines += event->kind == PST_LINE_COMPLETED;
    return lines;
}

/* The next `count` samples of the clip, which begins again at its end. */
static void take(const pst_audio *audio, size_t first, float *samples, size_t count) {
    for (size_t i = 0; i < count; i++) samples[i] = audio->samples[(first + i) % audio->count];
}

static void encode(const struct setting *set) {
    pst_session_options options;
    pst_session *session;
    struct stream_encoder encoder;
    struct times pieces = {.ms = malloc(set->pieces * sizeof *pieces.ms)};
    float *samples = malloc(set->piece * sizeof *samples);
    pst_session_options_init(&options);
    options.threads = set->threads;
    if (!pieces.ms || !samples) exit(1);
    if (pst_session_new(set->model, &options, &session, &err)) fail("session");
    struct extent extent = {
        .beams = 1, .tokens = 8, .encoded = stream_encoder_frames(&set->model->config)};
    extent.frames = extent.encoded;
    struct engine *engine = engine_of(session->backend);
    if (engine_fit(engine, &extent, &err)) fail("memory");
    if (stream_encoder_init(&encoder, &engine->workspace, &err)) fail("encoder");
    stream_encoder_begin(&encoder);
    for (size_t p = 0; p < set->pieces; p++) {
        take(set->audio, p * set->piece, samples, set->piece);
        double start = clock_ms(CLOCK_MONOTONIC);
        stream_encoder_push(&encoder, samples, set->piece);
        add(&pieces, clock_ms(CLOCK_MONOTONIC) - start);
    }
    printf("%-22s a piece %.2f ms median, %.2f 90 %%, %.2f 99 %%\n",
           "encoder alone:", part(&pieces, 0.5), part(&pieces, 0.9), part(&pieces, 0.99));
    stream_encoder_free(&encoder);
    pst_session_free(session);
    free(samples);
    free(pieces.ms);
}

static void run(const struct setting *set, double update_s, const char *title) {
    pst_stream *streams[STREAMS_MAX] = {0};
    pst_stream_options options;
    struct times pieces = {0}, lines = {0};
    float *samples = malloc(set->piece * sizeof *samples);
    size_t early = 0;
    pieces.ms = malloc(set->pieces * (size_t)set->streams * sizeof *pieces.ms);
    lines.ms = malloc(set->pieces * (size_t)set->streams * sizeof *lines.ms);
    if (!samples || !pieces.ms || !lines.ms) exit(1);
    pst_stream_options_init(&options);
    options.threads = set->threads;
    options.vad = set->vad;
    options.update_s = update_s;
    for (int i = 0; i < set->streams; i++)
        if (pst_stream_new(set->model, &options, &streams[i], &err)) fail("stream");
    double cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t p = 0; p < set->pieces; p++) {
        take(set->audio, p * set->piece, samples, set->piece);
        for (int i = 0; i < set->streams; i++) {
            double start = clock_ms(CLOCK_MONOTONIC);
            if (pst_stream_feed(streams[i], samples, set->piece, &err)) fail("feed");
            double taken = clock_ms(CLOCK_MONOTONIC) - start;
            add(&pieces, taken);
            if (completed(streams[i])) add(&lines, taken);
        }
        if (p == set->pieces / 10) early = pst_stream_memory(streams[0]);
    }
    cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    double fed_ms = (double)(set->pieces * set->piece) * 1e3 / RATE_HZ * set->streams;
    printf("%-22s a piece %.2f ms median, %.2f 90 %%, %.2f 99 %%; %.1f %% of one core\n", title,
           part(&pieces, 0.5), part(&pieces, 0.9), part(&pieces, 0.99), cpu / fed_ms * 100);
    printf("%-22s %zu lines, the last piece of one %.2f ms median, %.2f 99 %%\n", "", lines.count,
           part(&lines, 0.5), part(&lines, 0.99));
    printf("%-22s a stream holds %zu bytes after a tenth, %zu after all\n", "", early,
           pst_stream_memory(streams[0]));
    for (int i = 0; i < set->streams; i++) pst_stream_free(streams[i]);
    free(samples);
    free(pieces.ms);
    free(lines.ms);
}

static pst_precision precision_of(const char *name) {
    static const char *const NAMES[] = {"f32", "bf16", "int8", "auto"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, NAMES[i])) return (pst_precision)i;
    fprintf(stderr, "bench_stream: %s: f32, bf16, int8 or auto was expected\n", name);
    exit(2);
}

static double number(int argc, char **argv, int place, double otherwise) {
    return argc > place ? atof(argv[place]) : otherwise;
}

static pst_vad *open_vad(const char *path) {
    pst_vad_options options;
    pst_vad *vad;
    pst_vad_options_init(&options);
    if (strcmp(path, "-")) options.weights = path;
    if (pst_vad_open(&options, &vad, &err)) fail(path);
    return vad;
}

int main(int argc, char **argv) {
    pst_model_options options;
    pst_model_info info;
    pst_model *model;
    pst_audio audio;
    if (argc < 4) {
        fprintf(stderr, "usage: bench_stream MODEL AUDIO VAD|- "
                        "[PRECISION [PIECE_MS [THREADS [STREAMS [SECONDS]]]]]\n");
        return 2;
    }
    pst_model_options_init(&options);
    if (argc > 4) options.precision = precision_of(argv[4]);
    if (pst_model_open(argv[1], &options, &model, &err)) fail(argv[1]);
    if (pst_audio_read(argv[2], &audio, &err)) fail(argv[2]);
    pst_vad *vad = open_vad(argv[3]);
    struct setting set = {.model = model, .audio = &audio, .vad = vad};
    set.piece = (size_t)(number(argc, argv, 5, 100) * RATE_HZ / 1000);
    set.threads = (uint32_t)number(argc, argv, 6, 2);
    set.streams = (int)number(argc, argv, 7, 1);
    if (!set.piece || set.streams < 1 || set.streams > STREAMS_MAX) return 2;
    set.pieces = (size_t)(number(argc, argv, 8, 60) * RATE_HZ) / set.piece;
    pst_model_describe(model, &info);
    printf("%s, %s, %u threads, pieces of %zu samples, %d streams\n", info.kernels, info.precision,
           set.threads, set.piece, set.streams);
    if (model->config.family == FAMILY_STREAMING && set.piece <= STREAM_PIECE_SAMPLES) encode(&set);
    run(&set, 0, "no growing text:");
    run(&set, 0.25, "with growing text:");
    pst_vad_free(vad);
    pst_audio_free(&audio);
    pst_model_free(model);
    return 0;
}
