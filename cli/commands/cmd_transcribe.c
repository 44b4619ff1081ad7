/* cmd_transcribe.c - audio files to text.
 *
 * The inputs are transcribed several at once; results come out in the order of the inputs, each as
 * soon as those before it are out. An input that fails is named and the rest goes on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_table.h"
#include "console.h"
#include "decoding.h"
#include "engine.h"
#include "inputs.h"
#include "progress.h"
#include "results.h"
#include "speech_choice.h"

static int run(const void *values, char **operands, int operand_count);

struct values {
    struct engine_choice engine;
    struct decoding_choice decoding;
    const char *output;
    double window; /* seconds */
    int format;    /* enum result_format */
    int normalize;
    struct speech_choice speech;
    int no_guard;
};

static const struct values defaults = {
    .engine = {.precision = PST_PRECISION_AUTO},
    .decoding = {DECODING_NOTHING_CHOSEN},
    .window = 30,                 /* what the model was trained on, and the API's default */
    .speech = SPEECH_CHOICE(400), /* faster-whisper's: the model likes some quiet at both ends */
};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(engine.model),
     "model: folder, imported name or hub id (default: the base that the adapter names, else "
     "$POTSTILL_MODEL, else moonshine-tiny)"},
    {"adapter", 0, OPTION_TEXTS, "DIR[:WEIGHT]", AT(engine.adapters),
     "PEFT adapter on the model: folder or hub id; again for more, which act together, each with "
     "its scale times WEIGHT (default: 1)"},
    {"processor-dir", 0, OPTION_TEXT, "DIR", AT(engine.processor),
     "folder of tokenizer.json, when the model has none"},
    {"format", 0, OPTION_CHOICE, "text|json|jsonl", AT(format),
     "how results are written (default: text)"},
    {"output", 'o', OPTION_TEXT, "F", AT(output),
     "write to the file F, whole, when all is done (default: standard output, as results come)"},
    {"normalize", 0, OPTION_FLAG, NULL, AT(normalize),
     "scale each clip to a loudness (RMS) of 0.075, as run-stt does"},
    {"window", 0, OPTION_NUMBER, "SECONDS", AT(window),
     "cut a longer clip into pieces of at most SECONDS, in its pauses (with --vad off: where it is "
     "quietest in the last fifth of each), and join the texts; 0: never, and all sound is "
     "transcribed (default: 30, what the model was made for)"},
    {"vad", 0, OPTION_CHOICE, "auto|silero|energy|off", AT(speech.detector),
     "who finds the speech: the network Silero VAD, loudness and spectrum, or nobody: then all "
     "sound is transcribed; auto is silero where its weights are, else energy (default: auto)"},
    {"no-guard", 0, OPTION_FLAG, NULL, AT(no_guard),
     "keep texts that loop, that the model does not believe in, or that come of no speech"},
    {0},
};

const struct command command_transcribe = {
    .name = "transcribe",
    .synopsis = "FILE|DIR|- ...",
    .summary = "turn audio files into text",
    .details = "Turns speech into text. Reads any file libsndfile knows, of any rate and number\n"
               "of channels; DIR stands for the audio files in it, - for standard input.\n"
               "\n"
               "text   one line an input: only the transcript for a single FILE or -, as its\n"
               "       windows are done; else \"path: transcript\"\n"
               "json   an array of objects: file, duration, text, tokens, avg_logprob, and\n"
               "       \"truncated\": true where the length limit cut it; or file, error.\n"
               "       Clips of several segments have them as well, each with start, end\n"
               "       (seconds), text, tokens, avg_logprob. With a detector or the guard:\n"
               "       vad (which), and of all and each no_speech_prob, compression_ratio,\n"
               "       flags: what is in doubt, of no_speech, loop, low_confidence, truncated\n"
               "jsonl  the same objects, one a line\n"
               "\n"
               "A converted model decodes as any other, but without beams if it keeps its own\n"
               "cache (convert --state), and as one package (the layout single) with no rule at\n"
               "all. With --decoder its packages only encode.",
    .groups =
        {
            {"Options", options, 0},
            {NULL, engine_device_options, AT(engine)},
            {NULL, engine_adapter_options, AT(engine)},
            {NULL, engine_model_options, AT(engine)},
            {NULL, engine_compute_options, AT(engine)},
            {"Detection of speech", speech_options, AT(speech)},
            {"Decoding, as in transformers", decoding_options, AT(decoding)},
        },
    .operands_min = 1,
    .operands_max = INT32_MAX,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* What the callbacks of the batch share. */
struct job {
    const struct values *values;
    struct engine engine;
    struct decoding decoding;
    pst_vad *vad;
    struct inputs inputs;
    struct results results;
    size_t taken;    /* inputs handed to the batch, or skipped as unusable */
    size_t reported; /* inputs whose result is out */
    int failed;      /* an input did */
    int code;        /* why there is no point in going on; 0: there is */
};

static int report_error(struct job *job, const char *path, const char *message) {
    job->failed = 1;
    /* First, as it may end a line of text on the same terminal. */
    int code = results_add(&job->results, &(struct result){.path = path, .error = message});
    say("%s", message);
    return code;
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
    int code = results_add(&job->results, &result);
    if (clip->warning) say("%s: %s", path, clip->warning);
    if (!code && job->results.format == RESULT_TEXT) say_truncated(path, clip);
    return code;
}

static int report(struct job *job, const char *path, const pst_clip_result *clip) {
    if (!clip->error) return report_transcript(job, path, clip);
    /* The settings are wrong, not this input. */
    if (clip->error->code == PST_ERR_ARGUMENT)
        return usage_error(&command_transcribe, "%s", clip->error->message);
    char *message = text_error(path, clip->error);
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
    if (!job->code) show_progress(job);
    return job->code;
}

/* A long input: its text as it becomes final, and how far it is. */
static int follow(void *user, const pst_clip_progress *progress) {
    struct job *job = user;
    const struct input *input = progress->tag;
    progress_clear();
    job->code = results_add_segments(&job->results, progress->segments, progress->segment_count);
    if (!job->code)
        progress_sound((size_t)(input - job->inputs.list), job->inputs.count, input->path,
                       progress->done, progress->total);
    return job->code;
}

static int transcribe_inputs(struct job *job) {
    pst_error err;
    pst_batch_options batch = engine_batch(&job->engine, &job->values->engine);
    batch.window_seconds = job->values->window;
    batch.normalize = job->values->normalize;
    batch.decode = &job->decoding.options;
    batch.vad = job->vad;
    batch.guard = !job->values->no_guard && job->values->window != 0;
    batch.next = next;
    batch.deliver = deliver;
    batch.progress = follow;
    batch.user = job;
    show_progress(job);
    if (pst_batch_run(job->engine.model, &batch, &err) && !job->code)
        return fail(exit_code_of(&err), "%s", err.message);
    report_unusable(job, job->inputs.list + job->inputs.count);
    return job->code;
}

static int check(const struct values *values) {
    /* False for NAN. The library's limits for a clip and for a file. */
    if (!(values->window == 0 || (values->window >= 1 && values->window <= 6 * 3600)))
        return usage_error(&command_transcribe,
                           "--window: expected 0 or a number of seconds from 1 to 21600");
    return decoding_check(&command_transcribe, &values->decoding);
}

static int prepare(struct job *job, char **operands, int operand_count) {
    const struct values *values = job->values;
    int code = check(values);
    if (code) return code;
    inputs_expand(&job->inputs, operands, operand_count);
    job->results.format = (enum result_format)values->format;
    job->results.named = job->inputs.several;
    job->results.total = job->inputs.count;
    code = output_open(&job->results.output, values->output);
    for (size_t i = 0; !code && i < job->inputs.count; i++)
        code = output_spare(&job->results.output, job->inputs.list[i].path);
    if (!code) code = engine_open(&job->engine, &values->engine, "transcribe");
    if (!code) code = decoding_build(&job->decoding, &values->decoding, job->engine.model);
    if (!code && values->window != 0)
        code = speech_open(&values->speech, &job->engine.environment, job->engine.model_dir, 0,
                           &job->vad);
    job->results.vad = job->vad ? pst_vad_name(job->vad) : NULL;
    job->results.guarded = values->window != 0 && (job->vad || !values->no_guard);
    job->decoding.options.skip_logprob = values->format == RESULT_TEXT; /* which does not show it */
    return code;
}

static int run(const void *values, char **operands, int operand_count) {
    struct job job = {.values = values};
    int code = prepare(&job, operands, operand_count);
    if (!code) code = transcribe_inputs(&job);
    if (!code) code = results_end(&job.results);
    int closed = output_close(&job.results.output, code == EXIT_DONE);
    decoding_free(&job.decoding);
    pst_vad_free(job.vad);
    engine_close(&job.engine);
    inputs_free(&job.inputs);
    if (code || closed) return code ? code : closed;
    return job.failed ? EXIT_INPUTS : EXIT_DONE;
}
