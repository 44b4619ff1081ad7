/* cmd_eval.c - is my fine-tune better? Systems over a set, with intervals, and what differs.
 *
 * A system is a model with adapters, or ready transcripts. What an evaluation is, and how it is
 * scored and written, is in eval/; here are the options and the order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command_table.h"
#include "console.h"
#include "decoding.h"
#include "engine.h"
#include "eval/eval_folder.h"
#include "eval/eval_gate.h"
#include "eval/eval_run.h"
#include "eval/eval_score.h"
#include "eval/eval_screen.h"
#include "eval/eval_sound.h"
#include "eval/eval_systems.h"
#include "eval/eval_terms.h"
#include "eval/hypotheses.h"
#include "output.h"
#include "resume/option_digest.h"
#include "whole_file.h"

static int run(const void *values, char **operands, int operand_count);

struct values {
    const char *manifest, *output, *canary, *group, *title;
    struct option_texts adapters, hypotheses, baselines;
    int normalizer; /* pst_normalization */
    const char *map, *terms;
    int64_t samples, seed;
    struct eval_gate gate;
    int show_errors, no_timing, normalize_volume, words;
    int64_t embed_audio; /* megabytes */
    struct engine_choice engine;
    struct decoding_choice decoding;
};

static const struct values defaults = {
    .samples = 1000,
    .seed = 1,
    .normalizer = PST_NORMALIZE_SCRIPT,
    .gate = EVAL_GATE_OPEN,
    .decoding = {DECODING_NOTHING_CHOSEN},
};

#define AT(field) offsetof(struct values, field)
static const struct option set_options[] = {
    {"manifest", 0, OPTION_REQUIRED, "F", AT(manifest),
     "what was said: JSON lines, {\"utterances\": [...]}, a table with tabs or commas, or a folder "
     "of audio with a .txt beside each file"},
    {"canary", 0, OPTION_TEXT, "F", AT(canary),
     "another set, on which nothing should get worse: shows what was forgotten"},
    {"group", 0, OPTION_TEXT, "COLUMN", AT(group),
     "draw whole groups for the intervals, as speakers, by this field of the rows (default: "
     "utterances)"},
    {0},
};
static const struct option system_options[] = {
    {"adapter", 0, OPTION_TEXTS, "DIR[:WEIGHT]", AT(adapters),
     "a system: the model with this adapter, with two as A+B, or without any as none; again for "
     "more systems"},
    {"hyp", 0, OPTION_TEXTS, "NAME=F", AT(hypotheses),
     "a system: ready transcripts, as JSON lines with id or audio and pred_text or text, run-stt's "
     "report, or a .txt of lines; again for more"},
    {"baseline", 0, OPTION_TEXTS, "F", AT(baselines),
     "a system: what the last system of an earlier results.json has heard; again for more"},
    {"model", 0, OPTION_TEXT, "M", AT(engine.model),
     "model: folder, imported name or hub id (default: the base that the adapter names, else "
     "$POTSTILL_MODEL, else moonshine-tiny)"},
    {"normalize-volume", 0, OPTION_FLAG, NULL, AT(normalize_volume),
     "scale each clip to an RMS of 0.075 first, as run-stt does"},
    {"word-timestamps", 0, OPTION_FLAG, NULL, AT(words),
     "find out when each word was said: the report plays it by a click, and ctm files have it"},
    {0},
};
static const struct option score_options[] = {
    {"normalizer", 0, OPTION_CHOICE, "none|script|whisper-basic|whisper-english", AT(normalizer),
     "what is made equal before words are compared (default: script, which drops punctuation and "
     "case)"},
    {"map", 0, OPTION_TEXT, "F", AT(map),
     "words that count as equal: lines of FROM = TO, applied after the normalizer"},
    {"terms", 0, OPTION_TEXT, "F", AT(terms),
     "names and phrases, one a line: how many are found, and how many of those found were said"},
    {"samples", 0, OPTION_COUNT, "N", AT(samples),
     "draws of the bootstrap behind the intervals (default: 1000)"},
    {"seed", 0, OPTION_COUNT, "N", AT(seed), "of these draws (default: 1)"},
    {0},
};
static const struct option gate_options[] = {
    {"max-wer", 0, OPTION_NUMBER, "X", AT(gate.max_wer),
     "exit code 5 when the word error rate of the last system is above X, as 0.08"},
    {"no-worse-than", 0, OPTION_TEXT, "F", AT(gate.no_worse_than),
     "exit code 5 when it is above that of the last system in an earlier results.json"},
    {"margin", 0, OPTION_NUMBER, "P", AT(gate.margin),
     "by more than P points, as 0.2 (default: 0)"},
    {0},
};
static const struct option output_options[] = {
    {"output", 'o', OPTION_REQUIRED, "DIR", AT(output),
     "folder for report.html, results.json, utterances.jsonl, utterances.csv and trn files"},
    {"embed-audio", 0, OPTION_COUNT, "MB", AT(embed_audio),
     "put as much sound into report.html, of the utterances with the most errors (default: 0, it "
     "plays the files, which must stay where they are)"},
    {"title", 0, OPTION_TEXT, "TEXT", AT(title), "what the results are called"},
    {"show-errors", 0, OPTION_FLAG, NULL, AT(show_errors),
     "print the utterances with errors, both texts under each other"},
    {"no-timing", 0, OPTION_FLAG, NULL, AT(no_timing),
     "leave out speed, so that the same input gives the same bytes"},
    {0},
};

const struct command command_eval = {
    .name = "eval",
    .synopsis = "--manifest F -o DIR",
    .summary = "is my fine-tune better: error rates of systems, with intervals",
    .details = "Lets each system hear the utterances of a set, or takes transcripts that are\n"
               "there already (--hyp, --baseline, pred_text in the rows), and says how often\n"
               "each is wrong and which is better, with intervals of 95 %. A run that was\n"
               "interrupted goes on where it was.\n"
               "\n"
               "Exit code 5: a threshold was missed, all else is as with 0.",
    .groups =
        {
            {"The set", set_options, 0},
            {"Systems", system_options, 0},
            {"Scoring", score_options, 0},
            {"Thresholds", gate_options, 0},
            {"Output", output_options, 0},
            {"Decoding", decoding_options, AT(decoding)},
            ENGINE_OPTIONS("Computing", AT(engine)),
        },
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

struct job {
    const struct values *values;
    struct eval_systems systems;
    struct evaluation main, canary;
    pst_normalizer *normalizer;
    struct eval_terms terms;
    struct eval_settings settings;
    struct eval_partial partial;
    char **columns; /* [column_count] of the set with ready transcripts */
    size_t column_count;
    char precision[16];
};

/* ------------------------------------------------------------------------------------ the input */

static int read_set(struct evaluation *evaluation, const char *path, const char *by_group) {
    char *why = eval_set_read(&evaluation->set, path, by_group);
    if (why) {
        say("%s", why);
        free(why);
        return EXIT_INPUTS;
    }
    for (size_t i = 0; i < evaluation->set.count; i++)
        if (evaluation->set.items[i].error) say("%s", evaluation->set.items[i].error);
    return 0;
}

static int open_normalizer(struct job *job) {
    const struct values *values = job->values;
    char *map = NULL, *why = NULL;
    size_t size;
    pst_error err;
    if (values->map) why = whole_file_read(values->map, EVAL_SET_BYTES_MAX, &map, &size);
    int code = why ? fail(EXIT_INPUTS, "%s", why) : 0;
    if (!code && pst_normalizer_open((pst_normalization)values->normalizer, map, values->map,
                                     &job->normalizer, &err))
        code = fail(exit_code_of(&err), "%s", err.message);
    free(why);
    free(map);
    if (!code && values->terms) code = eval_terms_read(&job->terms, values->terms, job->normalizer);
    return code;
}

/* In the order of the command line, earlier ones first: what is old is compared with what is new.
 * With nothing named there are the columns of the set, or else the model alone. */
static int list_systems(struct job *job) {
    const struct values *values = job->values;
    int code = 0;
    const char *path;
    for (size_t i = 0; i < values->baselines.count && !code; i++) {
        char *name = i ? text_format("baseline-%zu", i + 1) : text_format("baseline");
        code = eval_systems_add(&job->systems, name, values->baselines.items[i]);
        free(name);
    }
    hypotheses_columns(&job->main.set, &job->columns, &job->column_count);
    for (size_t i = 0; i < job->column_count && !code; i++)
        code = eval_systems_add(&job->systems,
                                job->columns[i][9] ? job->columns[i] + 10 : job->columns[i],
                                job->columns[i]);
    for (size_t i = 0; i < values->hypotheses.count && !code; i++)
        code = eval_systems_add_file(&job->systems, values->hypotheses.items[i], &path);
    for (size_t i = 0; i < values->adapters.count && !code; i++)
        code = eval_systems_add_adapters(&job->systems, values->adapters.items[i],
                                         values->engine.model);
    int alone = !values->adapters.count &&
                (values->engine.model || !(values->hypotheses.count + job->column_count));
    if (alone && !code)
        code = eval_systems_add_adapters(&job->systems, "none", values->engine.model);
    return code;
}

enum { EMBED_MB_MAX = 400 }; /* a browser's texts end at 512 MB */

static int check(const struct values *values) {
    int code = decoding_check(&command_eval, &values->decoding);
    if (!code && values->samples < 1)
        code = usage_error(&command_eval, "--samples 0: expected at least 1");
    if (!code && values->samples > 1000000)
        code = usage_error(&command_eval, "--samples: expected at most 1000000");
    if (!code && values->embed_audio > EMBED_MB_MAX)
        code = usage_error(&command_eval, "--embed-audio: expected at most %d", EMBED_MB_MAX);
    return code ? code : eval_gate_check(&values->gate);
}

static int prepare(struct job *job) {
    const struct values *values = job->values;
    int code = check(values);
    if (!code) code = eval_gate_read(&values->gate, NULL);
    if (!code) code = open_normalizer(job);
    if (!code) code = read_set(&job->main, values->manifest, values->group);
    if (!code && values->canary) code = read_set(&job->canary, values->canary, NULL);
    if (!code) code = list_systems(job);
    if (!code) code = eval_folder_make(values->output);
    if (code) return code;
    evaluation_open(&job->main, job->systems.list, job->systems.count);
    if (values->canary) evaluation_open(&job->canary, job->systems.list, job->systems.count);
    job->settings = (struct eval_settings){.normalizer = job->normalizer,
                                           .by_group = values->group,
                                           .samples = (uint32_t)values->samples,
                                           .seed = (uint64_t)values->seed};
    return 0;
}

/* ------------------------------------------------------------------------------------- the work */

static int is_column(const struct job *job, const char *name) {
    for (size_t i = 0; i < job->column_count; i++)
        if (strcmp(job->columns[i], name) == 0) return 1;
    return 0;
}

static void without_texts(struct evaluation *evaluation, size_t system) {
    for (size_t i = 0; i < evaluation->set.count; i++)
        if (!evaluation->set.items[i].error)
            evaluation->heard[system].errors[i] =
                text_format("ready transcripts are of the other set");
}

static int read_texts(struct job *job, size_t index) {
    const char *path = job->systems.list[index].hypotheses;
    if (job->values->canary) without_texts(&job->canary, index);
    if (index >= job->values->baselines.count && is_column(job, path)) {
        hypotheses_take(&job->main, index, path);
        return 0;
    }
    return hypotheses_read(&job->main, index, path, NULL);
}

/* All systems, one after the other: each takes all cores. */
static int hear(struct job *job) {
    static const char *const same_texts[] = {
        "manifest",      "canary",  "group",    "adapter",     "hyp",   "baseline",
        "normalizer",    "map",     "terms",    "samples",     "seed",  "max-wer",
        "no-worse-than", "margin",  "output",   "embed-audio", "title", "show-errors",
        "no-timing",     "threads", "no-cache", "offline",     NULL};
    struct evaluation *sets[] = {&job->main, &job->canary};
    struct eval_run settings = {
        .choice = &job->values->engine,
        .decoding = &job->values->decoding,
        .normalize = job->values->normalize_volume,
        .words = job->values->words,
        .options = digest_options(DIGEST_FIRST, &command_eval, job->values, same_texts),
        .partial = &job->partial};
    int code = 0, opened = 0;
    eval_sound_measure(&job->main.set);
    if (job->values->canary) eval_sound_measure(&job->canary.set);
    for (size_t i = 0; i < job->systems.count && !code; i++) {
        struct eval_system *system = &job->systems.list[i];
        if (!system->model) {
            code = read_texts(job, i);
            continue;
        }
        if (!opened++) code = eval_partial_open(&job->partial, job->values->output);
        if (!code) code = eval_run_system(&settings, system, i, sets, job->values->canary ? 2 : 1);
    }
    memcpy(job->precision, settings.precision, sizeof job->precision);
    return code;
}

static int score(struct job *job) {
    int code = evaluation_score(&job->main, &job->settings);
    struct eval_settings canary = job->settings;
    canary.by_group = NULL;
    if (!code && job->values->canary) code = evaluation_score(&job->canary, &canary);
    if (!code && job->values->terms) eval_terms_count(&job->terms, &job->main);
    return code;
}

static int write_folder(struct job *job) {
    const struct values *values = job->values;
    int method = values->decoding.method;
    char *normalizer = option_word(score_options, "normalizer", values->normalizer);
    char *decode = method >= 0 ? option_word(decoding_options, "decode", method) : NULL;
    const struct results_about about = {.title = values->title,
                                        .normalizer = normalizer,
                                        .map = values->map,
                                        .precision = job->precision[0] ? job->precision : NULL,
                                        .decode = decode,
                                        .by_group = values->group,
                                        .seed = job->settings.seed,
                                        .samples = job->settings.samples,
                                        .no_timing = values->no_timing,
                                        .embed_bytes = (size_t)values->embed_audio * 1000000};
    int code = eval_folder_write(values->output, &job->main, values->canary ? &job->canary : NULL,
                                 values->terms ? &job->terms : NULL, &about);
    free(normalizer);
    free(decode);
    return code;
}

/* As wide as the terminal is; 100 columns where there is none. */
static unsigned screen_width(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 100;
}

static int print(struct job *job) {
    const struct values *values = job->values;
    struct output output;
    int code = output_open(&output, NULL);
    if (code) return code;
    if (values->show_errors)
        eval_print_errors(output.stream, &job->main, screen_width(), isatty(STDOUT_FILENO));
    eval_print_summary(output.stream, &job->main, values->no_timing);
    if (values->canary) {
        fprintf(output.stream, "\ncanary: %s\n", job->canary.set.path);
        eval_print_summary(output.stream, &job->canary, values->no_timing);
    }
    fprintf(output.stream, "\nresults in %s/results.json\nreport in %s/report.html\n",
            values->output, values->output);
    return output_close(&output, 1);
}

/* Whether something failed that others did not. */
static int is_complete(const struct evaluation *evaluation) {
    if (evaluation->set.usable < evaluation->set.count) return 0;
    for (size_t s = 0; s < evaluation->count; s++)
        for (size_t i = 0; i < evaluation->set.count && evaluation->systems[s].model; i++)
            if (!eval_has(evaluation, s, i)) return 0;
    return 1;
}

static int run(const void *values, char **operands, int operand_count) {
    (void)operands, (void)operand_count;
    struct job job = {.values = values};
    int code = prepare(&job), done = 0;
    if (!code) code = hear(&job);
    if (!code) code = score(&job);
    if (!code) code = write_folder(&job);
    if (!code) done = is_complete(&job.main) && is_complete(&job.canary);
    if (!code) code = print(&job);
    if (!code) code = eval_gate_judge(&job.values->gate, &job.main);
    if (!code && !done) code = EXIT_INPUTS;
    eval_partial_close(&job.partial, done);
    for (size_t i = 0; i < job.column_count; i++) free(job.columns[i]);
    free(job.columns);
    eval_terms_free(&job.terms);
    evaluation_free(&job.main);
    evaluation_free(&job.canary);
    eval_systems_free(&job.systems);
    pst_normalizer_free(job.normalizer);
    return code;
}
