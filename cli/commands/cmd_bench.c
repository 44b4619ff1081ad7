/* cmd_bench.c - how fast this model is on this machine, where the time goes, and how much faster it
 * could be. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench_report.h"
#include "bench_run.h"
#include "command_table.h"
#include "console.h"
#include "decoding.h"
#include "engine.h"
#include "output.h"
#include "potstill_tools.h"
#include "trace_file.h"

static int run(const void *values, char **operands, int operand_count);

struct values {
    struct engine_choice engine;
    struct decoding_choice decoding;
    const char *audio, *lengths, *json, *trace;
    int64_t runs;
};

static const struct values defaults = {.decoding = {DECODING_NOTHING_CHOSEN}, .runs = 10};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(engine.model),
     "model: folder, imported name or hub id (default: as for transcribe)"},
    {"adapter", 0, OPTION_TEXTS, "DIR[:WEIGHT]", AT(engine.adapters),
     "PEFT adapter on the model, as for transcribe"},
    {"audio", 0, OPTION_TEXT, "F", AT(audio),
     "what is transcribed (default: 10 s of generated sound, 3 tokens a second)"},
    {"lengths", 0, OPTION_TEXT, "S,S,...", AT(lengths),
     "also measure the first S seconds of it, repeated where it is shorter: \"1,5,10,20,30\""},
    {"runs", 0, OPTION_COUNT, "N", AT(runs), "times each is transcribed, after once (default: 10)"},
    {"json", 0, OPTION_TEXT, "F", AT(json), "write the results to the file F as JSON"},
    {"trace", 0, OPTION_TEXT, "F", AT(trace),
     "write what each thread did in the last run to F, for chrome://tracing or Perfetto"},
    {0},
};

const struct command command_bench = {
    .name = "bench",
    .synopsis = "",
    .summary = "how fast a model is here, and how fast it could be",
    .details = "Transcribes one clip several times and prints the times of all stages, beside\n"
               "what their operations and bytes would take at the best this machine can do,\n"
               "which is measured first. Of a converted model, what its encoder and its decoder\n"
               "take; what the device could do is not known.",
    .groups =
        {
            {"Options", options, 0},
            {NULL, engine_adapter_options, AT(engine)},
            {NULL, engine_processor_options, AT(engine)},
            {NULL, engine_model_options, AT(engine)},
            {NULL, engine_device_options, AT(engine)},
            {NULL, engine_compute_options, AT(engine)},
            {"Decoding, as in transformers", decoding_options, AT(decoding)},
        },
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* The model's own positions end soon after a minute. */
enum { LENGTHS_MAX = 32, SECONDS_MAX = 60 };

struct job {
    const struct values *values;
    double lengths[LENGTHS_MAX];
    size_t length_count;
    struct engine engine;
    struct decoding decoding;
    struct bench_clip clip;
    struct bench_result results[1 + LENGTHS_MAX];
    struct bench_report report;
};

static int parse_lengths(struct job *job, const char *text) {
    for (const char *at = text; at;) {
        char number[32];
        const char *end = strchr(at, ',');
        size_t length = end ? (size_t)(end - at) : strlen(at);
        double seconds = 0;
        if (length < sizeof number) {
            memcpy(number, at, length);
            number[length] = 0;
        }
        if (length >= sizeof number || !parse_number(number, &seconds) || seconds < 0.1 ||
            seconds > SECONDS_MAX)
            return usage_error(&command_bench,
                               "--lengths %s: expected seconds from 0.1 to %d, as in 1,5,10", text,
                               SECONDS_MAX);
        if (job->length_count == LENGTHS_MAX)
            return usage_error(&command_bench, "--lengths: at most %d", LENGTHS_MAX);
        job->lengths[job->length_count++] = seconds;
        at = end ? end + 1 : NULL;
    }
    return 0;
}

static uint64_t peak_memory(void) {
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
    return (uint64_t)usage.ru_maxrss; /* bytes there, kilobytes elsewhere */
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

static int prepare(struct job *job) {
    const struct values *values = job->values;
    int code = decoding_check(&command_bench, &values->decoding);
    if (!code && values->runs < 1) code = usage_error(&command_bench, "--runs must be 1 or more");
    if (!code) code = parse_lengths(job, values->lengths);
    if (!code) code = bench_clip_read(&job->clip, values->audio);
    double start = bench_now_ms();
    if (!code) code = engine_open(&job->engine, &values->engine, "bench");
    if (!code) code = engine_open_session(&job->engine, &values->engine);
    job->report.load_ms = bench_now_ms() - start;
    if (!code) code = decoding_build(&job->decoding, &values->decoding, job->engine.model);
    job->decoding.options.skip_logprob = 1; /* as for plain text */
    pst_error err;
    if (!code && pst_session_record(job->engine.session, 1, &err))
        code = fail(exit_code_of(&err), "%s", err.message);
    return code;
}

static int measure(struct job *job) {
    struct bench_report *report = &job->report;
    const pst_model *model = job->engine.model;
    pst_error err;
    report->threads = pst_session_threads(job->engine.session);
    const pst_peak *peak = report->info.layout ? NULL : &report->peak;
    if (peak && pst_measure_peak(model, report->threads, &report->peak, &err))
        return fail(exit_code_of(&err), "%s", err.message);
    int code = 0;
    for (size_t i = 0; i <= job->length_count && !code; i++) {
        struct bench_clip cut = {0};
        if (i > 0) code = bench_clip_cut(&cut, &job->clip, job->lengths[i - 1]);
        if (!code)
            code =
                bench_run(&job->results[i], model, job->engine.session, i > 0 ? &cut : &job->clip,
                          &job->decoding.options, (size_t)job->values->runs, peak);
        if (i == 0) report->peak_rss_bytes = peak_memory();
        bench_clip_free(&cut);
        report->count += !code;
    }
    return code;
}

static int write_files(const struct job *job) {
    int code = 0;
    if (job->values->trace) {
        size_t count;
        const pst_span *spans = pst_session_spans(job->engine.session, &count, NULL);
        code = trace_file_write(job->values->trace, spans, count);
    }
    if (!code && job->values->json) {
        struct output output;
        char *text = bench_report_json(&job->report);
        code = output_open(&output, job->values->json);
        if (!code) {
            fprintf(output.stream, "%s\n", text);
            code = output_flush(&output);
            int closed = output_close(&output, !code);
            if (!code) code = closed;
        }
        free(text);
    }
    return code;
}

static int run(const void *values, char **operands, int operand_count) {
    (void)operands;
    (void)operand_count;
    struct job job = {.values = values};
    const struct engine_choice *choice = &job.values->engine;
    int code = prepare(&job);
    if (!code) {
        job.report.model = job.engine.model_name;
        job.report.adapter = choice->adapters.count ? choice->adapters.items[0] : NULL;
        job.report.runs = (size_t)job.values->runs;
        job.report.results = job.results;
        pst_model_describe(job.engine.model, &job.report.info);
        code = measure(&job);
    }
    if (!code) code = write_files(&job);
    if (!code) {
        struct output output;
        code = output_open(&output, NULL);
        bench_report_print(&job.report, output.stream);
        if (!code) code = output_flush(&output);
        int closed = output_close(&output, 1);
        if (!code) code = closed;
    }
    for (size_t i = 0; i <= job.length_count; i++) bench_result_free(&job.results[i]);
    bench_clip_free(&job.clip);
    decoding_free(&job.decoding);
    engine_close(&job.engine);
    return code;
}
