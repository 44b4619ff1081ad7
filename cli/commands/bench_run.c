/* bench_run.c - see bench_run.h. */
#include "bench_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "seconds.h"

/* Audio that is not speech: hum and noise in bursts as long as a syllable. Its text would mean
 * nothing, so as many tokens are decoded as speech of that length has. */
static const double GENERATED_SECONDS = 10, TOKENS_PER_SECOND = 3, PI = 3.14159265358979323846;

int bench_clip_read(struct bench_clip *clip, const char *path) {
    if (path) {
        pst_error err;
        pst_audio audio;
        if (pst_audio_read(path, &audio, &err)) {
            char *message = text_error(path, &err);
            int code = fail(EXIT_INPUTS, "%s", message);
            free(message);
            return code;
        }
        *clip = (struct bench_clip){.samples = audio.samples, .count = audio.count};
        return 0;
    }
    size_t count = (size_t)(GENERATED_SECONDS * PST_SAMPLE_RATE_HZ);
    float *samples = need(malloc(count * sizeof *samples));
    unsigned noise = 1;
    for (size_t i = 0; i < count; i++) {
        double t = (double)i / PST_SAMPLE_RATE_HZ, burst = fabs(sin(2 * PI * 2 * t));
        noise = noise * 1664525u + 1013904223u; /* Knuth's and Lewis' constants */
        double hiss = (double)noise / 4294967296.0 - 0.5;
        samples[i] = (float)(0.1 * burst * (sin(2 * PI * 140 * t) + 0.3 * hiss));
    }
    *clip = (struct bench_clip){samples, count, (uint32_t)(GENERATED_SECONDS * TOKENS_PER_SECOND)};
    return 0;
}

int bench_clip_cut(struct bench_clip *clip, const struct bench_clip *from, double seconds) {
    size_t count = (size_t)(seconds * PST_SAMPLE_RATE_HZ);
    float *samples = need(malloc((count + 1) * sizeof *samples));
    for (size_t i = 0; i < count; i++) samples[i] = from->samples[i % from->count];
    *clip = (struct bench_clip){.samples = samples, .count = count};
    if (from->tokens) clip->tokens = (uint32_t)fmax(1, seconds * TOKENS_PER_SECOND);
    return 0;
}

void bench_clip_free(struct bench_clip *clip) {
    free(clip->samples);
    *clip = (struct bench_clip){0};
}

double bench_now_ms(void) {
    return 1e3 * seconds_now();
}

static int by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* The smallest time that `share` of the runs did not exceed. */
static double percentile(const double *sorted, size_t count, double share) {
    size_t rank = (size_t)ceil(share * (double)count);
    return sorted[rank > 0 ? rank - 1 : 0];
}

static struct bench_times summarize(const double *times, size_t count) {
    double *sorted = need(malloc(count * sizeof *sorted));
    memcpy(sorted, times, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size);
    struct bench_times summary = {
        .min = sorted[0],
        .median = percentile(sorted, count, 0.5),
        .p90 = percentile(sorted, count, 0.9),
        .p99 = percentile(sorted, count, 0.99),
        .max = sorted[count - 1],
    };
    free(sorted);
    return summary;
}

/* A stage cannot be faster than its operations at the peak of each precision, or its bytes. */
static void find_limits(struct bench_result *result, const pst_peak *peak) {
    for (int s = 0; s < PST_STAGE_COUNT; s++) {
        double arithmetic = 0, traffic = result->work[s].bytes / peak->bytes_per_second;
        for (int p = 0; p < 3; p++)
            arithmetic += result->work[s].operations[p] / peak->operations_per_second[p];
        result->limit[s] = 1e3 * fmax(arithmetic, traffic);
        result->limit_total += result->limit[s];
    }
}

static int transcribe(struct bench_result *result, pst_session *session,
                      const struct bench_clip *clip, const pst_decode_options *options,
                      double *ms) {
    pst_error err;
    pst_transcript *transcript;
    double start = bench_now_ms();
    if (pst_transcribe(session, clip->samples, clip->count, options, &transcript, &err))
        return fail(err.code == PST_ERR_INPUT ? EXIT_INPUTS : exit_code_of(&err), "%s",
                    err.message);
    *ms = bench_now_ms() - start;
    free(result->text);
    result->text = transcript->text;
    result->tokens = transcript->token_count;
    transcript->text = NULL;
    pst_transcript_free(transcript);
    return 0;
}

int bench_run(struct bench_result *result, const pst_model *model, pst_session *session,
              const struct bench_clip *clip, const pst_decode_options *options, size_t runs,
              const pst_peak *peak) {
    pst_decode_options chosen = *options;
    if (clip->tokens) chosen.max_new_tokens = chosen.min_new_tokens = clip->tokens;
    *result = (struct bench_result){
        .audio_seconds = (double)clip->count / PST_SAMPLE_RATE_HZ,
        .beams = chosen.num_beams,
    };
    double *times = need(malloc(runs * sizeof *times));
    double(*stages)[PST_STAGE_COUNT] = need(malloc(runs * sizeof *stages));
    int code = transcribe(result, session, clip, &chosen, &result->first);
    for (size_t i = 0; i < runs && !code; i++) {
        size_t count;
        pst_error err;
        code = transcribe(result, session, clip, &chosen, &times[i]);
        const pst_span *spans = pst_session_spans(session, &count, NULL);
        if (!code && pst_spans_by_stage(spans, count, stages[i], &err))
            code = fail(exit_code_of(&err), "%s", err.message);
    }
    if (!code) {
        result->total = summarize(times, runs);
        size_t typical = 0;
        while (times[typical] != result->total.median) typical++;
        memcpy(result->stages, stages[typical], sizeof result->stages);
        pst_model_work(model, clip->count, result->tokens, result->beams, result->work);
        if (peak) find_limits(result, peak);
    }
    free(times);
    free(stages);
    return code;
}

void bench_result_free(struct bench_result *result) {
    free(result->text);
    *result = (struct bench_result){0};
}
