/* cmd_transcribe.c - audio files to text.
 *
 * The inputs are transcribed several at once; results come out in the order of the inputs, each as
 * soon as those before it are out. An input that fails is named and the rest goes on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "json_text.h"
#include "progress.h"
#include "resume/option_digest.h"
#include "resume/run_identity.h"
#include "transcribe/arrivals.h"
#include "transcribe/channel_choice.h"
#include "transcribe/head_choice.h"
#include "transcribe/inputs.h"
#include "transcribe/result_folder.h"
#include "transcribe/results.h"
#include "transcribe/segment_log.h"
#include "transcribe/transcribe_choice.h"

static int run(const void *values, char **operands, int operand_count);

#define AT(field) offsetof(struct transcribe_choice, field)

const struct command command_transcribe = {
    .name = "transcribe",
    .synopsis = "FILE|DIR|- ...",
    .summary = "turn audio files into text",
    .details = "Turns speech into text. Reads any file libsndfile knows, of any rate and number\n"
               "of channels, and what else ffmpeg knows (m4a, mp4, webm ...) where that is on\n"
               "the PATH; DIR stands for the audio files in it, - for standard input.\n"
               "\n"
               "text   one line an input: only the transcript for a single FILE or -, as its\n"
               "       windows are done; else \"path: transcript\"; with --channels split one\n"
               "       line a segment: \"[1] transcript\"\n"
               "json   an array of objects: file, duration, text, tokens, avg_logprob, and\n"
               "       \"truncated\": true where the length limit cut it; or file, error.\n"
               "       Clips of several segments have them as well, each with start, end\n"
               "       (seconds), text, tokens, avg_logprob; channel with --channels split.\n"
               "       What is odd in the sound is in warnings. With a detector or the guard:\n"
               "       vad (which), and of all and each no_speech_prob, compression_ratio,\n"
               "       flags: what is in doubt, of no_speech, loop, low_confidence, truncated.\n"
               "       With --word-timestamps what has no segments, and each segment, has\n"
               "       confidence and words: word, start, end, probability, confidence\n"
               "jsonl  the same objects, one a line\n"
               "srt    subtitles, SubRip: cues that are cut at sentences, phrases and pauses;\n"
               "       with --channels split they begin with [1]\n"
               "vtt    the same as WebVTT; channels are voices: <v Channel 1>\n"
               "tsv    a line a segment: start, end (milliseconds), channel with --channels\n"
               "       split, text, with tabs\n"
               "csv    the same with commas, the text in quotes\n"
               "whisper-json  what openai-whisper writes\n"
               "\n"
               "From srt on a format holds one input; for several there is --output-dir, where\n"
               "text is a line a segment and json one object. Names of files are those of the\n"
               "inputs with .txt, .json, .jsonl, .srt, .vtt, .tsv, .csv, .json.\n"
               "\n"
               "A converted model decodes as any other, but without beams if it keeps its own\n"
               "cache (convert --state), and as one package (the layout single) with no rule at\n"
               "all. With --decoder its packages only encode.",
    .groups =
        {
            {"Options", engine_source_options, AT(engine)},
            {NULL, transcribe_choice_options, 0},
            {NULL, speech_guard_options, AT(speech)},
            ENGINE_OPTIONS(NULL, AT(engine)),
            {"Detection of speech", detector_options, AT(speech)},
            {NULL, speech_options, AT(speech)},
            {"Words, subtitles and other formats", subtitle_options, 0},
            {NULL, subtitle_layout_options, AT(subtitles)},
            {"Decoding, as in transformers", decoding_options, AT(decoding)},
        },
    .operands_max = INT32_MAX,
    .defaults = &transcribe_defaults,
    .values_size = sizeof transcribe_defaults,
    .run = run,
};

/* What the callbacks of the batch share. */
struct job {
    const struct transcribe_choice *values;
    struct engine engine;
    struct decoding decoding;
    pst_vad *vad;
    struct inputs inputs;
    struct results results;
    struct segment_log log;
    pst_alignment_head *heads; /* [values->heads.count] */
    size_t taken;              /* inputs handed to the batch, or skipped as unusable */
    size_t reported;           /* inputs whose result is out */
    size_t logged;             /* segments of the next that are in the log */
    int failed;                /* an input did */
    int code;                  /* why there is no point in going on; 0: there is */
};

static int report_error(struct job *job, const char *path, const char *message) {
    job->failed = 1;
    /* First, as it may end a line of text on the same terminal. */
    int code = results_add(&job->results, &(struct result){.path = path, .error = message});
    say("%s", message);
    return code;
}

/* Are there formats of which something is true? */
static int any_format(unsigned formats, int (*is_true)(const struct format *format)) {
    for (enum result_format f = 0; f < RESULT_FORMATS; f++)
        if (formats_have(formats, f) && is_true(&result_formats[f])) return 1;
    return 0;
}

static int says_limit(const struct format *format) {
    return !format->marks_limit;
}

static int shows_score(const struct format *format) {
    return format->scored;
}

static int uses_words(const struct format *format) {
    return format->words;
}

static int holds_one(const struct format *format) {
    return !format->lines;
}

static void say_truncated(const char *path, const pst_clip_result *clip) {
    for (size_t i = 0; i < clip->segment_count; i++) {
        const pst_segment *segment = &clip->segments[i];
        char *part = clip->segment_count == 1 ? text_format("the transcript")
                                              : text_format("the transcript of %.2f to %.2f s",
                                                            segment->start, segment->end);
        if (segment->transcript->truncated)
            say("%s: %s was cut at %zu tokens, its length limit (see --max-new-tokens)", path, part,
                segment->transcript->token_count - 1); /* the start token was there before */
        free(part);
    }
}

static int report_transcript(struct job *job, const char *path, const pst_clip_result *clip) {
    progress_clear();
    struct result result = {.path = path, .clip = clip};
    /* Of one input alone the output follows at once. Channels came in another order. */
    size_t logged = job->results.style.channels ? 0 : job->logged;
    if (job->inputs.count > 1)
        segment_log_add(&job->log, job->reported, clip->segments + logged,
                        clip->segment_count - logged);
    int code = results_add(&job->results, &result);
    for (size_t i = 0; i < clip->warning_count; i++) say("%s: %s", path, clip->warnings[i]);
    if (!code && any_format(job->results.formats, says_limit)) say_truncated(path, clip);
    return code;
}

static int report(struct job *job, const char *path, const pst_clip_result *clip) {
    if (!clip->error) return report_transcript(job, path, clip);
    /* The settings are wrong, not this input. */
    if (clip->error->code == PST_ERR_ARGUMENT)
        return usage_error(&command_transcribe, "%s", clip->error->message);
    char *message = inputs_error(&job->inputs, path, clip->error);
    int code = report_error(job, path, message);
    free(message);
    return code;
}

/* Inputs that were not worth trying have their place in the order too. */
static void report_unusable(struct job *job, const struct input *end) {
    for (const struct input *input; !job->code; job->reported++) {
        input = &job->inputs.list[job->reported];
        if (input == end) break;
        job->code = report_error(job, input->path, input->error);
    }
}

static int next(void *user, pst_clip *clip) {
    struct job *job = user;
    while (job->taken < job->inputs.count) {
        struct input *input = &job->inputs.list[job->taken++];
        if (input->error) continue;
        clip->path = input->path;
        clip->fd = strcmp(input->path, "-") == 0 ? STDIN_FILENO : -1;
        clip->tag = input;
        return 1;
    }
    return 0;
}

static void show_progress(const struct job *job) {
    size_t at = job->reported, count = job->inputs.count;
    if (at < count) progress_show(at, count, job->inputs.list[at].path);
}

static int deliver(void *user, const pst_clip_result *clip) {
    struct job *job = user;
    const struct input *input = clip->tag;
    report_unusable(job, input);
    if (!job->code) job->code = report(job, input->path, clip);
    job->reported++;
    job->logged = 0;
    if (!job->code) show_progress(job);
    return job->code;
}

/* A long input: its text as it becomes final, and how far it is. */
static int follow(void *user, const pst_clip_progress *progress) {
    struct job *job = user;
    const struct input *input = progress->tag;
    progress_clear();
    segment_log_add(&job->log, (size_t)(input - job->inputs.list), progress->segments,
                    progress->segment_count);
    job->logged += progress->segment_count;
    job->code = results_add_segments(&job->results, progress->segments, progress->segment_count);
    if (!job->code)
        progress_sound((size_t)(input - job->inputs.list), job->inputs.count, input->path,
                       progress->done, progress->total);
    return job->code;
}

static const pst_transcript *recall(void *user, const pst_segment_place *place) {
    const struct job *job = user;
    const struct input *input = place->tag;
    return segment_log_find(&job->log, (size_t)(input - job->inputs.list), place);
}

static int transcribe_inputs(struct job *job) {
    pst_error err;
    pst_batch_options batch = engine_batch(&job->engine, &job->values->engine);
    batch.window_seconds = job->values->window;
    batch.normalize = job->values->normalize;
    batch.decode = &job->decoding.options;
    batch.audio = &job->inputs.audio;
    batch.vad = job->vad;
    batch.guard = !job->values->speech.no_guard && job->values->window != 0;
    batch.next = next;
    batch.deliver = deliver;
    batch.progress = follow;
    batch.recall = job->log.known_count ? recall : NULL;
    batch.user = job;
    show_progress(job);
    if (pst_batch_run(job->engine.model, &batch, &err) && !job->code)
        return fail(exit_code_of(&err), "%s", err.message);
    report_unusable(job, job->inputs.list + job->inputs.count);
    return job->code;
}

/* Who chooses a search knows that nothing is drawn; others may expect another text. */
static void say_sampling(const struct job *job) {
    const struct decoding_choice *choice = &job->values->decoding;
    if (job->engine.info.do_sample && choice->method == DECODE_MODEL && choice->num_beams < 0)
        say("generation_config.json asks for do_sample: nothing is drawn at random here, the best "
            "token is taken, as with do_sample=False");
}

/* Where the results go, and whether they can. */
static int check_output(const struct job *job) {
    const struct transcribe_choice *values = job->values;
    unsigned formats = job->results.formats;
    if (values->folder && values->output)
        return usage_error(&command_transcribe, "--output and --output-dir: expected one of them");
    if (values->folder) return result_folder_open(values->folder, formats, &job->inputs);
    if (formats & (formats - 1))
        return usage_error(&command_transcribe, "--format: several formats need --output-dir");
    if (job->inputs.count > 1 && any_format(formats, holds_one))
        return usage_error(&command_transcribe,
                           "--format: of text, json and jsonl alone one file holds several "
                           "inputs; the others need --output-dir");
    return 0;
}

/* Word times, where they are asked for or used, and where there can be any. */
static int choose_words(struct job *job) {
    const struct transcribe_choice *values = job->values;
    pst_decode_options *decode = &job->decoding.options;
    unsigned formats = job->results.formats;
    pst_model_info info;
    job->heads = need(calloc(values->heads.count + 1, sizeof *job->heads));
    int code = heads_choose(&command_transcribe, &values->heads, job->heads);
    if (code) return code;
    pst_model_describe(job->engine.model, &info);
    decode->alignment_heads = job->heads;
    decode->alignment_heads_count = values->heads.count;
    decode->word_timestamps = values->words;
    if (any_format(formats, uses_words) && strcmp(info.device, "cpu") == 0)
        decode->word_timestamps = 1;
    return 0;
}

/* What is done is kept until the output is complete. */
static void open_log(struct job *job) {
    static const char *const same_results[] = {
        "output",         "output-dir", "resume",          "threads",  "no-cache", "offline",
        "max-line-width", "max-cps",    "highlight-words", "language", NULL};
    const struct transcribe_choice *values = job->values;
    json_t *settings = run_identity(&job->engine, &values->engine);
    json_object_set_new(
        settings, "options",
        run_identity_hash(digest_options(DIGEST_FIRST, &command_transcribe, values, same_results)));
    json_object_set_new(settings, "vad", json_text(job->vad ? pst_vad_name(job->vad) : ""));
    char *path =
        values->watch ? NULL : segment_log_path(values->output, values->folder, &job->inputs);
    segment_log_open(&job->log, path, settings, &job->inputs, values->resume);
}

static int prepare(struct job *job, char **operands, int operand_count) {
    const struct transcribe_choice *values = job->values;
    int code = transcribe_check(&command_transcribe, values, operand_count);
    if (code) return code;
    inputs_expand(&job->inputs, operands, operand_count);
    job->results.folder = values->folder;
    job->results.formats = values->formats ? values->formats : 1u << RESULT_TEXT;
    job->results.style = transcribe_style(values);
    job->results.named = job->inputs.several;
    job->results.total = job->inputs.count;
    code = channel_choose(&command_transcribe, values->channels, &job->inputs.audio.channel);
    job->results.style.channels = job->inputs.audio.channel == PST_CHANNEL_EACH;
    if (!code) code = check_output(job);
    if (!code) code = output_open(&job->results.output, values->output);
    for (size_t i = 0; !code && i < job->inputs.count; i++)
        code = output_spare(&job->results.output, job->inputs.list[i].path);
    struct engine_choice choice = values->engine;
    choice.read_files = job->inputs.count > 1; /* reading takes longer than mapping */
    if (!code) code = engine_open(&job->engine, &choice, "transcribe");
    if (!code) code = decoding_build(&job->decoding, &values->decoding, job->engine.model);
    if (!code && values->window != 0)
        code = speech_open(&values->speech, &job->engine.environment, job->engine.model_dir, 0,
                           NULL, &job->vad);
    job->results.style.vad = job->vad ? pst_vad_name(job->vad) : NULL;
    job->results.style.guarded = values->window != 0 && (job->vad || !values->speech.no_guard);
    if (!code) say_sampling(job);
    if (!code) code = choose_words(job);
    job->decoding.options.skip_logprob = !any_format(job->results.formats, shows_score);
    if (!code) open_log(job);
    return code;
}

static int has_results(void *user, const char *path, const struct stat *st) {
    const struct job *job = user;
    return result_folder_has(job->values->folder, job->results.formats, path, st);
}

/* Until a signal ends the program; files are written whole or not at all. */
static int watch(struct job *job) {
    struct arrivals arrivals;
    int code = arrivals_open(&arrivals, job->values->watch);
    if (!code) say("%s: waiting for recordings", job->values->watch);
    while (!code) {
        code = arrivals_wait(&arrivals, &job->inputs, has_results, job);
        job->taken = job->reported = 0;
        if (!code) code = transcribe_inputs(job);
    }
    arrivals_close(&arrivals);
    return code;
}

static int run(const void *values, char **operands, int operand_count) {
    struct job job = {.values = values, .log = {.fd = -1}};
    int code = prepare(&job, operands, operand_count);
    if (!code) code = job.values->watch ? watch(&job) : transcribe_inputs(&job);
    if (!code) code = results_end(&job.results);
    int closed = output_close(&job.results.output, code == EXIT_DONE);
    segment_log_close(&job.log, !code && !closed);
    decoding_free(&job.decoding);
    pst_vad_free(job.vad);
    free(job.heads);
    engine_close(&job.engine);
    inputs_free(&job.inputs);
    if (code || closed) return code ? code : closed;
    return job.failed ? EXIT_INPUTS : EXIT_DONE;
}
