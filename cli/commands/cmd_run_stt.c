/* cmd_run_stt.c - the reference inference script's job, with its options and its report.
 *
 * A manifest in, a report with the word error rate out. Loudness and search are the script's, so
 * that the numbers can be compared. Where the script gives up the whole run (a silent clip, a file
 * that cannot be read), the sample gets an `error` in the report and the others are finished. */
#include <stdlib.h>
#include <string.h>

#include "command_table.h"
#include "console.h"
#include "decoding.h"
#include "engine.h"
#include "manifest.h"
#include "output.h"
#include "partial.h"
#include "progress.h"
#include "report.h"
#include "watch.h"

static int run(const void *values, char **operands, int operand_count);

struct values {
    struct engine_choice engine;
    const char *audio_list;
    const char *audio;
    const char *output;
    int decode; /* enum decode_method */
    int no_normalize;
};

static const struct values defaults = {.engine = {.read_files = 1}, .decode = DECODE_BEAM};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model-id", 0, OPTION_TEXT, "M", AT(engine.model),
     "model: folder, imported name or hub id (default: the base that the adapter names)"},
    {"adapter-dir", 0, OPTION_TEXT, "DIR", AT(engine.adapter),
     "PEFT LoRA adapter on the model: folder or hub id"},
    {"audio-list", 0, OPTION_TEXT, "F", AT(audio_list),
     "manifest: a JSON object a line with audio and text"},
    {"audio", 0, OPTION_TEXT, "FILE", AT(audio), "one clip in place of a manifest"},
    {"output", 'o', OPTION_TEXT, "F", AT(output),
     "write the report to the file F (default: standard output)"},
    {"decode", 0, OPTION_CHOICE, "greedy|beam", AT(decode),
     "greedy: num_beams 1, all else as above (default: beam)"},
    {"no-normalize", 0, OPTION_FLAG, NULL, AT(no_normalize),
     "leave the loudness of the clips as it is"},
    {0},
};

const struct command command_run_stt = {
    .name = "run-stt",
    .synopsis = "--model-id M --audio-list F",
    .summary = "transcribe a manifest and report the word error rate",
    .details = "Transcribes the clips of a manifest and writes the report that the scripts\n"
               "run_stt.py and transcribe.py of the LoRA training code write: model_id,\n"
               "adapter_dir, processor_dir, device, wer, samples.\n"
               "\n"
               "Each clip is scaled to an RMS of 0.075 and decoded with num_beams 5,\n"
               "repetition_penalty 1.3, no_repeat_ngram_size 2, early_stopping true and\n"
               "max_new_tokens = 5 a second of audio, at least 10 and at most 150.\n"
               "A sample that fails has an error in place of a prediction.",
    .groups =
        {
            {"Options", options, 0},
            ENGINE_OPTIONS(NULL, AT(engine)),
        },
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* What the callbacks of the batch share. */
struct job {
    const struct values *values;
    struct engine engine;
    struct output output;
    struct manifest manifest; /* empty with --audio */
    struct report report;
    struct partial partial;
    struct watch watch;
    size_t taken;    /* entries handed to the batch, or passed over */
    size_t reported; /* entries in the report */
    int failed;      /* a sample did */
    int code;        /* why there is no point in going on; 0: there is */
};

/* The settings of the script; the rest is the model's own. */
static pst_decode_options script_options(const struct job *job) {
    pst_decode_options settings;
    pst_decode_options_init(&settings);
    pst_model_decode_options(job->engine.model, &settings);
    settings.num_beams = job->values->decode == DECODE_GREEDY ? 1 : 5;
    settings.repetition_penalty = 1.3F;
    settings.no_repeat_ngram_size = 2;
    settings.early_stopping = PST_STOP_FIRST;
    return settings;
}

static void limit_tokens(void *user, size_t sample_count, pst_decode_options *settings) {
    (void)user;
    double tokens = (double)sample_count / PST_SAMPLE_RATE_HZ * 5;
    settings->max_new_tokens = tokens < 10 ? 10 : tokens > 150 ? 150 : (uint32_t)tokens;
}

static size_t entry_count(const struct job *job) {
    return job->values->audio ? 1 : job->manifest.count;
}

static struct manifest_entry entry_at(const struct job *job, size_t index) {
    if (!job->values->audio) return job->manifest.entries[index];
    return (struct manifest_entry){.audio_path = (char *)job->values->audio};
}

/* How a sample is called in messages: by its file, or by its line. */
static char *entry_name(const struct job *job, const struct manifest_entry *entry) {
    if (entry->audio_path) return text_format("%s", entry->audio_path);
    return text_format("%s:%u", job->values->audio_list, (unsigned)entry->line);
}

static int next(void *user, pst_clip *clip) {
    struct job *job = user;
    while (job->taken < entry_count(job) &&
           (entry_at(job, job->taken).error || partial_prediction(&job->partial, job->taken)))
        job->taken++;
    if (job->taken == entry_count(job)) return 0;
    struct manifest_entry entry = entry_at(job, job->taken++);
    clip->path = entry.audio_path;
    clip->samples = entry.samples;
    clip->sample_count = entry.sample_count;
    return 1;
}

/* 0, or an exit code with the reason printed. */
static int add_to_report(struct job *job, const struct manifest_entry *entry,
                         const char *prediction, const char *message) {
    pst_error err;
    struct report_sample sample = {
        .prediction = prediction,
        .reference = entry->text,
        .audio_path = entry->audio_path,
        .error = message,
    };
    watch_lock(&job->watch);
    pst_status status = report_add(&job->report, &sample, &err);
    if (!status) job->reported++;
    if (!status) partial_write_now_and_then(&job->partial, &job->report);
    watch_unlock(&job->watch);
    return status ? fail(exit_code_of(&err), "%s", err.message) : 0;
}

/* Lines that cannot be read, and samples that an earlier run has transcribed, have their place in
 * the order too. */
static int add_known(struct job *job) {
    int code = 0;
    while (!code && job->reported < entry_count(job)) {
        struct manifest_entry entry = entry_at(job, job->reported);
        const char *prediction = partial_prediction(&job->partial, job->reported);
        if (!entry.error && !prediction) break;
        if (entry.error) {
            job->failed = 1;
            say("%s", entry.error);
        }
        code = add_to_report(job, &entry, entry.error ? NULL : prediction, entry.error);
    }
    return code;
}

static void show_progress(const struct job *job) {
    size_t count = entry_count(job);
    if (job->reported == count) return;
    struct manifest_entry entry = entry_at(job, job->reported);
    progress_show(job->reported, count,
                  entry.audio_path ? entry.audio_path : job->values->audio_list);
}

static int deliver(void *user, const pst_clip_result *clip) {
    struct job *job = user;
    job->code = add_known(job);
    if (job->code) return job->code;
    struct manifest_entry entry = entry_at(job, job->reported);
    char *message = NULL;
    if (clip->error) {
        char *name = entry_name(job, &entry);
        message = text_error(name, clip->error);
        free(name);
        job->failed = 1;
        say("%s", message);
    }
    for (size_t i = 0; i < clip->warning_count; i++)
        say("%s: %s", entry.audio_path, clip->warnings[i]);
    job->code =
        add_to_report(job, &entry, clip->transcript ? clip->transcript->text : NULL, message);
    free(message);
    show_progress(job);
    return job->code;
}

static int add_samples(struct job *job) {
    pst_error err;
    pst_decode_options settings = script_options(job);
    pst_batch_options batch = engine_batch(&job->engine, &job->values->engine);
    batch.window_seconds = 0; /* the script does not cut */
    batch.normalize = !job->values->no_normalize;
    batch.decode = &settings;
    batch.adjust = limit_tokens;
    batch.next = next;
    batch.deliver = deliver;
    batch.user = job;
    show_progress(job);
    if (pst_batch_run(job->engine.model, &batch, &err) && !job->code)
        return fail(exit_code_of(&err), "%s", err.message);
    return job->code ? job->code : add_known(job);
}

/* Where the report is, and what it comes to: it is not on the screen. */
static void say_rate(const struct job *job) {
    double rate = report_rate(&job->report);
    const char *path = job->values->output;
    if (!path) return;
    if (rate >= 0)
        say("word error rate %.2f%%, report in %s", 100 * rate, path);
    else
        say("no word error rate (no sample has a text to compare with), report in %s", path);
}

static int write_report(struct job *job) {
    report_print(&job->report, job->output.stream);
    /* The script's file has no newline at its end, its standard output has. */
    if (!job->output.path) fputc('\n', job->output.stream);
    return output_flush(&job->output);
}

/* At a signal: what there is stays. */
static void leave_partial(void *user) {
    struct job *job = user;
    size_t kept = job->partial.kept, have = job->reported > kept ? job->reported : kept;
    if (!job->partial.path || job->partial.foreign || !have) return;
    partial_write(&job->partial, &job->report);
    say("%s: has %zu of %zu samples; the same command goes on from there", job->partial.path, have,
        entry_count(job));
}

/* Transcribes and writes the report; what a failure has cost is no more than one sample. */
static int transcribe(struct job *job) {
    job->watch = (struct watch){.act = leave_partial, .user = job};
    if (job->partial.path) watch_start(&job->watch);
    int code = add_samples(job);
    watch_lock(&job->watch);
    if (!code) code = write_report(job);
    int closed = output_close(&job->output, code == EXIT_DONE);
    if (code || closed)
        leave_partial(job);
    else
        partial_remove(&job->partial);
    watch_end(&job->watch);
    watch_unlock(&job->watch);
    watch_stop(&job->watch);
    if (!code && !closed) say_rate(job);
    return code ? code : closed;
}

static int check(const struct values *values) {
    if (!values->engine.model && !values->engine.adapter)
        return usage_error(&command_run_stt, "--model-id M is required");
    if (!values->audio_list == !values->audio)
        return usage_error(&command_run_stt, "expected either --audio-list F or --audio FILE");
    return 0;
}

static int read_manifest(struct job *job) {
    const char *path = job->values->audio_list;
    if (!path) return 0;
    char *why = manifest_read(&job->manifest, path);
    if (why) {
        say("%s", why);
        free(why);
        return EXIT_INPUTS;
    }
    int code = output_spare(&job->output, path);
    for (size_t i = 0; !code && i < job->manifest.count; i++) {
        const char *audio_path = job->manifest.entries[i].audio_path;
        if (audio_path) code = output_spare(&job->output, audio_path);
    }
    return code;
}

/* What a package cannot do is said before the first clip. */
static int check_search(const struct job *job) {
    const pst_model_info *info = &job->engine.info;
    if (info->layout && strcmp(info->layout, "single") == 0)
        return fail(EXIT_MODEL,
                    "run-stt: a package of the layout single does not know the script's rules; use "
                    "the layout split");
    if (info->num_beams_max == 1 && job->values->decode != DECODE_GREEDY)
        return fail(EXIT_USAGE,
                    "run-stt: this converted model decodes greedily: add --decode greedy (the "
                    "scripts' beam search needs the model it was made from: --decoder M)");
    return 0;
}

static int prepare(struct job *job) {
    const struct values *values = job->values;
    int code = check(values);
    if (!code) code = output_open(&job->output, values->output);
    if (!code) code = read_manifest(job);
    if (!code && values->audio) code = output_spare(&job->output, values->audio);
    if (!code) code = engine_open(&job->engine, &values->engine, "run-stt");
    if (!code) code = check_search(job);
    job->report = (struct report){.model_id = job->engine.model_name,
                                  .adapter_dir = values->engine.adapter,
                                  .processor_dir = values->engine.processor,
                                  .device = job->engine.device};
    if (code) return code;
    report_open(&job->report);
    json_t *settings =
        partial_settings(&job->engine, &values->engine, &job->manifest, values->audio);
    json_object_set_new(settings, "decode", json_integer(values->decode));
    json_object_set_new(settings, "no_normalize", json_boolean(values->no_normalize));
    partial_open(&job->partial, values->output, settings, entry_count(job));
    return 0;
}

static int run(const void *values, char **operands, int operand_count) {
    (void)operands, (void)operand_count;
    struct job job = {.values = values};
    int code = prepare(&job);
    if (!code) code = transcribe(&job);
    int closed = output_close(&job.output, 0); /* when it is open still */
    partial_close(&job.partial);
    report_close(&job.report);
    manifest_free(&job.manifest);
    engine_close(&job.engine);
    if (code || closed) return code ? code : closed;
    return job.failed ? EXIT_INPUTS : EXIT_DONE;
}
