/* bench_adapters.c - what adapters cost: time beside the base, and memory when many are open.
 *
 *     bench_adapters MODEL AUDIO THREADS ADAPTER...
 *
 * Time: every adapter in turn with the base between, so that a busy machine is unfair to all
 * alike; the same number of tokens is written for each. Processor time, medians. Memory: each
 * adapter is opened a hundred times, as a hundred different ones of that size would be. Not a
 * test: it has no opinion. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "potstill.h"

enum { ROUNDS = 41, ADAPTERS_MAX = 16, COPIES = 100, TOKENS = 40 };

static pst_error err;

static void fail(const char *what) {
    fprintf(stderr, "bench_adapters: %s: %s\n", what, err.message);
    exit(1);
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Megabytes of memory that this process alone has, and with the files it has mapped. */
static void read_memory(double *own, double *with_files) {
    unsigned long pages = 0, resident = 0, shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%lu %lu %lu", &pages, &resident, &shared) != 3) resident = 0;
    if (file) fclose(file);
    *own = (double)(resident - shared) * 4096 / 1e6;
    *with_files = (double)resident * 4096 / 1e6;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double transcribe(pst_session *session, const pst_audio *audio,
                         const pst_decode_options *options) {
    pst_transcript *transcript;
    double start = now_ms();
    if (pst_transcribe(session, audio->samples, audio->count, options, &transcript, &err))
        fail("transcribe");
    double taken = now_ms() - start;
    pst_transcript_free(transcript);
    return taken;
}

static void compare_times(const pst_model *model, const char *audio_path, uint32_t threads,
                          char **names, pst_adapter **adapters, int count) {
    static double times[ADAPTERS_MAX + 1][ROUNDS];
    pst_session_options options;
    pst_decode_options decode;
    pst_session *session;
    pst_audio audio;
    pst_session_options_init(&options);
    options.threads = threads;
    pst_model_decode_options(model, &decode);
    decode.max_new_tokens = decode.min_new_tokens = TOKENS;
    if (pst_session_new(model, &options, &session, &err)) fail("session");
    if (pst_audio_read(audio_path, &audio, &err)) fail(audio_path);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i <= count; i++) {
            if (pst_session_use_adapter(session, i ? adapters[i - 1] : NULL, &err)) fail("use");
            times[i][round] = transcribe(session, &audio, &decode);
        }
    for (int i = 0; i <= count; i++) {
        qsort(times[i], ROUNDS, sizeof **times, compare);
        double median = times[i][ROUNDS / 2], base = times[0][ROUNDS / 2];
        printf("%-32s %8.1f ms %+6.1f %%\n", i ? names[i - 1] : "the base", median,
               (median / base - 1) * 100);
    }
    pst_audio_free(&audio);
    pst_session_free(session);
}

static void open_many(const pst_model *model, const char *name) {
    static pst_adapter *copies[COPIES];
    pst_adapter_info info;
    double own, with_files, own_before, before, start;
    read_memory(&own_before, &before);
    start = now_ms();
    for (int i = 0; i < COPIES; i++)
        if (pst_adapter_open(model, name, NULL, &copies[i], &err)) fail(name);
    double taken = now_ms() - start;
    read_memory(&own, &with_files);
    pst_adapter_describe(copies[0], &info);
    printf("%-32s %d open: %.2f MB each, %.2f of them not in its file of %.2f MB; %.1f ms each\n",
           name, COPIES, (with_files - before) / COPIES, (own - own_before) / COPIES,
           (double)info.file_bytes / 1e6, taken / COPIES);
    for (int i = 0; i < COPIES; i++) pst_adapter_free(copies[i]);
}

int main(int argc, char **argv) {
    pst_model *model;
    pst_adapter *adapters[ADAPTERS_MAX] = {0};
    double own, with_files;
    int count = argc - 4;
    if (count < 1 || count > ADAPTERS_MAX) {
        fprintf(stderr, "usage: bench_adapters MODEL AUDIO THREADS ADAPTER...\n");
        return 2;
    }
    if (pst_model_open(argv[1], NULL, &model, &err)) fail(argv[1]);
    for (int i = 0; i < count; i++)
        if (pst_adapter_open(model, argv[4 + i], NULL, &adapters[i], &err)) fail(argv[4 + i]);
    compare_times(model, argv[2], (uint32_t)atoi(argv[3]), argv + 4, adapters, count);
    read_memory(&own, &with_files);
    printf("model and session: %.1f MB, %.1f of them not in files\n", with_files, own);
    for (int i = 0; i < count; i++) open_many(model, argv[4 + i]);
    for (int i = 0; i < count; i++) pst_adapter_free(adapters[i]);
    pst_model_free(model);
    return 0;
}
