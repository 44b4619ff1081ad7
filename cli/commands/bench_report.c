/* bench_report.c - see bench_report.h. */
#include "bench_report.h"

#include <math.h>
#include <stdlib.h>

#include <jansson.h>

#include "console.h"
#include "json_text.h"

static const char *const PRECISIONS[3] = {"f32", "bf16", "int8"};

/* ---------------------------------------------------------------------------------- for people */

static double giga_operations(const pst_work *work) {
    return (work->operations[0] + work->operations[1] + work->operations[2]) * 1e-9;
}

static void print_stages(const struct bench_result *result, FILE *stream) {
    fprintf(stream, "%-12s %9s %6s %9s %9s %9s %8s\n", "stage", "ms", "%", "GOP", "MB", "limit ms",
            "reached");
    double known = 0;
    for (int s = 0; s < PST_STAGE_COUNT; s++) {
        const pst_work *work = &result->work[s];
        double ms = result->stages[s];
        known += ms;
        fprintf(stream, "%-12s %9.2f %5.1f%% ", pst_stage_name((pst_stage)s), ms,
                100 * ms / result->total.median);
        if (result->limit[s] > 0 && ms > 0)
            fprintf(stream, "%9.2f %9.1f %9.2f %7.0f%%\n", giga_operations(work),
                    work->bytes * 1e-6, result->limit[s], 100 * result->limit[s] / ms);
        else
            fprintf(stream, "%9s %9s %9s %8s\n", "-", "-", "-", "-");
    }
    double other = fmax(result->total.median - known, 0);
    fprintf(stream, "%-12s %9.2f %5.1f%%\n", "other", other, 100 * other / result->total.median);
    size_t steps = result->tokens > 1 ? result->tokens - 1 : 1;
    fprintf(stream, "decoder, a token: %.3f ms\n",
            result->stages[PST_STAGE_DECODER] / (double)steps);
}

static void print_lengths(const struct bench_report *report, FILE *stream) {
    fprintf(stream, "\n%9s %7s %9s %9s %9s %9s %9s %9s\n", "audio s", "tokens", "median ms",
            "min ms", "encoder", "decoder", "ms / s", "x real");
    for (size_t i = 1; i < report->count; i++) {
        const struct bench_result *result = &report->results[i];
        double encoder = result->stages[PST_STAGE_STEM] + result->stages[PST_STAGE_ENCODER] +
                         result->stages[PST_STAGE_CROSS];
        fprintf(stream, "%9.2f %7zu %9.2f %9.2f %9.2f %9.2f %9.2f %9.1f\n", result->audio_seconds,
                result->tokens, result->total.median, result->total.min, encoder,
                result->stages[PST_STAGE_DECODER], result->total.median / result->audio_seconds,
                1e3 * result->audio_seconds / result->total.median);
    }
}

static void print_peak(const struct bench_report *report, FILE *stream) {
    fprintf(stream, "\nthis machine at best, %u threads:", report->threads);
    for (int p = 0; p < 3; p++)
        fprintf(stream, " %s %.0f GOP/s,", PRECISIONS[p],
                report->peak.operations_per_second[p] * 1e-9);
    fprintf(stream, " reading %.1f GB/s\n", report->peak.bytes_per_second * 1e-9);
}

void bench_report_print(const struct bench_report *report, FILE *stream) {
    const struct bench_result *first = &report->results[0];
    fprintf(stream, "%s%s%s, %s, %s %s, %u threads\n", report->model, report->adapter ? " + " : "",
            report->adapter ? report->adapter : "", report->info.precision,
            report->info.layout ? "device" : "kernels", report->info.kernels, report->threads);
    fprintf(stream, "%.2f s of audio, %zu tokens, %zu runs\n\n", first->audio_seconds,
            first->tokens, report->runs);
    fprintf(stream, "load      %9.2f ms\n", report->load_ms);
    fprintf(stream, "total     %9.2f ms median; min %.2f, p90 %.2f, p99 %.2f, max %.2f\n",
            first->total.median, first->total.min, first->total.p90, first->total.p99,
            first->total.max);
    fprintf(stream, "real time %9.1f times as fast\n",
            1e3 * first->audio_seconds / first->total.median);
    fprintf(stream, "memory    %9.1f MB at most\n\n", (double)report->peak_rss_bytes * 1e-6);
    print_stages(first, stream);
    if (!report->info.layout) print_peak(report, stream);
    if (report->count > 1) print_lengths(report, stream);
}

/* -------------------------------------------------------------------------------- for programs */

/* Six decimals: a nanosecond, a kilo-operation. */
static json_t *real(double number) {
    return isfinite(number) ? json_real(round(number * 1e6) / 1e6) : json_null();
}

static void set(json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value)) need(NULL);
}

static json_t *times_object(const struct bench_times *times) {
    json_t *object = need(json_object());
    set(object, "min", real(times->min));
    set(object, "median", real(times->median));
    set(object, "max", real(times->max));
    set(object, "p90", real(times->p90));
    set(object, "p99", real(times->p99));
    return object;
}

static json_t *stages_object(const struct bench_result *result) {
    json_t *object = need(json_object());
    for (int s = 0; s < PST_STAGE_COUNT; s++)
        set(object, pst_stage_name((pst_stage)s), real(result->stages[s]));
    size_t steps = result->tokens > 1 ? result->tokens - 1 : 1;
    set(object, "decoder_per_token", real(result->stages[PST_STAGE_DECODER] / (double)steps));
    return object;
}

static json_t *roofline_object(const struct bench_result *result, const pst_peak *peak) {
    json_t *object = need(json_object()), *machine = need(json_object());
    for (int p = 0; p < 3; p++)
        set(machine, PRECISIONS[p], real(peak->operations_per_second[p] * 1e-9));
    set(machine, "read_gb_per_s", real(peak->bytes_per_second * 1e-9));
    set(object, "peak_gop_per_s", machine);
    for (int s = 0; s < PST_STAGE_COUNT; s++) {
        if (!(result->limit[s] > 0)) continue;
        json_t *stage = need(json_object());
        set(stage, "gop", real(giga_operations(&result->work[s])));
        set(stage, "mb", real(result->work[s].bytes * 1e-6));
        set(stage, "limit_ms", real(result->limit[s]));
        set(stage, "share", real(result->limit[s] / result->stages[s]));
        set(object, pst_stage_name((pst_stage)s), stage);
    }
    set(object, "share", real(result->limit_total / result->total.median));
    return object;
}

static json_t *length_object(const struct bench_result *result) {
    json_t *object = need(json_object());
    set(object, "audio_seconds", real(result->audio_seconds));
    set(object, "tokens", json_integer((json_int_t)result->tokens));
    set(object, "first_ms", real(result->first));
    set(object, "total_ms", times_object(&result->total));
    set(object, "real_time_factor", real(result->total.median / 1e3 / result->audio_seconds));
    set(object, "stages", stages_object(result));
    return object;
}

char *bench_report_json(const struct bench_report *report) {
    const struct bench_result *first = &report->results[0];
    json_t *object = length_object(first);
    set(object, "model", json_text(report->model));
    set(object, "adapter", report->adapter ? json_text(report->adapter) : json_null());
    set(object, "precision", json_string(report->info.precision));
    set(object, "kernels", json_string(report->info.kernels));
    set(object, "threads", json_integer(report->threads));
    set(object, "runs", json_integer((json_int_t)report->runs));
    set(object, "text", json_text(first->text));
    set(object, "device", json_string(report->info.device));
    set(object, "load_ms", real(report->load_ms));
    set(object, "peak_rss_bytes", json_integer((json_int_t)report->peak_rss_bytes));
    if (!report->info.layout) set(object, "roofline", roofline_object(first, &report->peak));
    json_t *lengths = need(json_array());
    for (size_t i = 1; i < report->count; i++)
        json_array_append_new(lengths, length_object(&report->results[i]));
    set(object, "lengths", lengths);
    char *text = need(json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(12)));
    json_decref(object);
    return text;
}
