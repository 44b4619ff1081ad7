/* cmd_transcribe.c - audio files to text.
 *
 * The inputs go through one session, one after the other; each result is out before the next input
 * is read. An input that fails is named and the rest goes on. */
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

static int run(const void *values, char **operands, int operand_count);

struct values {
    struct engine_choice engine;
    struct decoding_choice decoding;
    const char *output;
    int format; /* enum result_format */
    int normalize;
};

static const struct values defaults = {
    .engine = {.precision = PST_PRECISION_AUTO},
    .decoding = {DECODING_NOTHING_CHOSEN},
};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(engine.model),
     "model: folder, imported name or hub id (default: $POTSTILL_MODEL, else moonshine-tiny)"},
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
    {0},
};

const struct command command_transcribe = {
    .name = "transcribe",
    .synopsis = "FILE|DIR|- ...",
    .summary = "turn audio files into text",
    .details = "Turns speech into text. Reads any file libsndfile knows, of any rate and number\n"
               "of channels; DIR stands for the audio files in it, - for standard input.\n"
               "\n"
               "text   one line an input: only the transcript for a single FILE or -, else\n"
               "       \"path: transcript\"\n"
               "json   an array of objects: file, duration, text, tokens, avg_logprob, and\n"
               "       \"truncated\": true where the length limit cut it; or file, error\n"
               "jsonl  the same objects, one a line",
    .groups =
        {
            {"Options", options, 0},
            {NULL, engine_adapter_options, AT(engine)},
            {NULL, engine_model_options, AT(engine)},
            {NULL, engine_compute_options, AT(engine)},
            {"Decoding, as in transformers", decoding_options, AT(decoding)},
        },
    .operands_min = 1,
    .operands_max = INT32_MAX,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* What the loop over the inputs holds. */
struct job {
    const struct values *values;
    struct engine engine;
    struct decoding decoding;
    struct inputs inputs;
    struct results results;
    int failed; /* an input did */
};

static pst_status read_audio(const char *path, pst_audio *audio, pst_error *err) {
    if (strcmp(path, "-") == 0) return pst_audio_read_fd(STDIN_FILENO, "-", audio, err);
    return pst_audio_read(path, audio, err);
}

static pst_status hear(struct job *job, const char *path, double *duration,
                       pst_transcript **transcript, pst_error *err) {
    pst_audio audio;
    pst_status status = read_audio(path, &audio, err);
    if (status) return status;
    *duration = audio.duration;
    if (job->values->normalize) status = pst_audio_normalize_rms(audio.samples, audio.count, err);
    if (!status)
        status = pst_transcribe(job->engine.session, audio.samples, audio.count,
                                &job->decoding.options, transcript, err);
    pst_audio_free(&audio);
    return status;
}

static int report_error(struct job *job, const char *path, const char *message) {
    job->failed = 1;
    say("%s", message);
    return results_add(&job->results, &(struct result){.path = path, .error = message});
}

static int report_transcript(struct job *job, const struct result *result) {
    progress_clear();
    int code = results_add(&job->results, result);
    if (!code && result->transcript->truncated && job->results.format == RESULT_TEXT)
        say("%s: the transcript was cut at %zu tokens, its length limit (see --max-new-tokens)",
            result->path, result->transcript->token_count);
    return code;
}

/* Transcribes one input. 0 also when it failed; an exit code when there is no point in going on. */
static int transcribe_input(struct job *job, const struct input *input) {
    if (input->error) return report_error(job, input->path, input->error);
    pst_error err;
    struct result result = {.path = input->path};
    pst_transcript *transcript = NULL;
    if (hear(job, input->path, &result.duration, &transcript, &err)) {
        /* Not this input is at fault but the settings. */
        if (err.code == PST_ERR_ARGUMENT)
            return usage_error(&command_transcribe, "%s", err.message);
        char *message = text_error(input->path, &err);
        int code = report_error(job, input->path, message);
        free(message);
        return code;
    }
    result.transcript = transcript;
    int code = report_transcript(job, &result);
    pst_transcript_free(transcript);
    return code;
}

static int prepare(struct job *job, char **operands, int operand_count) {
    const struct values *values = job->values;
    int code = decoding_check(&command_transcribe, &values->decoding);
    if (code) return code;
    inputs_expand(&job->inputs, operands, operand_count);
    job->results.format = (enum result_format)values->format;
    job->results.named = job->inputs.several;
    job->results.total = job->inputs.count;
    code = output_open(&job->results.output, values->output);
    for (size_t i = 0; !code && i < job->inputs.count; i++)
        code = output_spare(&job->results.output, job->inputs.list[i].path);
    if (!code) code = engine_open(&job->engine, &values->engine);
    if (!code) code = decoding_build(&job->decoding, &values->decoding, job->engine.model);
    job->decoding.options.skip_logprob = values->format == RESULT_TEXT; /* which does not show it */
    return code;
}

static int run(const void *values, char **operands, int operand_count) {
    struct job job = {.values = values};
    int code = prepare(&job, operands, operand_count);
    for (size_t i = 0; !code && i < job.inputs.count; i++) {
        progress_show(i, job.inputs.count, job.inputs.list[i].path);
        code = transcribe_input(&job, &job.inputs.list[i]);
    }
    if (!code) code = results_end(&job.results);
    int closed = output_close(&job.results.output, code == EXIT_DONE);
    decoding_free(&job.decoding);
    engine_close(&job.engine);
    inputs_free(&job.inputs);
    if (code || closed) return code ? code : closed;
    return job.failed ? EXIT_INPUTS : EXIT_DONE;
}
