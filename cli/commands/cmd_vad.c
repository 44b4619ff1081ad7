/* cmd_vad.c - where someone speaks in audio files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "command_table.h"
#include "console.h"
#include "json_text.h"
#include "output.h"
#include "speech_choice.h"
#include "transcribe/inputs.h"

static int run(const void *values, char **operands, int operand_count);

enum vad_format { VAD_TEXT, VAD_JSON, VAD_RTTM, VAD_AUDACITY };

struct values {
    struct speech_choice speech;
    const char *output;
    double max_speech; /* seconds; 0: any */
    int format;        /* enum vad_format */
};

static const struct values defaults = {.speech = SPEECH_CHOICE(30)};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"format", 0, OPTION_CHOICE, "text|json|rttm|audacity", AT(format),
     "how stretches are written (default: text)"},
    {"output", 'o', OPTION_TEXT, "F", AT(output),
     "write to the file F, whole, when all is done (default: standard output)"},
    {"vad", 0, OPTION_CHOICE, "auto|silero|energy", AT(speech.detector),
     "who listens: the network Silero VAD, or loudness and spectrum; auto is silero where its "
     "weights are (default: auto)"},
    {"max-speech-duration-s", 0, OPTION_NUMBER, "S", AT(max_speech),
     "split longer stretches at their longest pause (default: never)"},
    {0},
};

const struct command command_vad = {
    .name = "vad",
    .synopsis = "FILE|DIR|- ...",
    .summary = "find where someone speaks",
    .details = "Prints the stretches of speech in audio files. Options and their defaults are\n"
               "those of Silero's get_speech_timestamps().\n"
               "\n"
               "text      START END, in seconds, a line each; of several files after \"path: \"\n"
               "json      an array of objects: file, duration, vad (which detector), speech: a\n"
               "          list of start, end, probability; or file, error\n"
               "rttm      as tools of diarisation read it: SPEAKER lines of one speaker\n"
               "audacity  a label track: START, END and \"speech\" with tabs between",
    .groups =
        {
            {"Options", options, 0},
            {"Detection", detector_options, AT(speech)},
            {NULL, speech_options, AT(speech)},
        },
    .operands_min = 1,
    .operands_max = INT32_MAX,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* What was found in a file. */
struct found {
    const char *path;
    pst_speech *speech; /* [count] */
    size_t count;
    double duration;
};

/* The name of the recording in a file of RTTM: no folder, no extension, no space. */
static char *stem_of(const char *path) {
    char *stem = input_stem(path);
    for (char *at = stem; *at; at++)
        if ((unsigned char)*at <= ' ') *at = '_';
    return stem;
}

static void print_lines(FILE *stream, const struct found *found, enum vad_format format,
                        int named) {
    char *stem = stem_of(found->path);
    for (size_t i = 0; i < found->count; i++) {
        double start = found->speech[i].start, end = found->speech[i].end;
        if (format == VAD_RTTM)
            fprintf(stream, "SPEAKER %s 1 %.3f %.3f <NA> <NA> speech <NA> <NA>\n", stem, start,
                    end - start);
        else if (format == VAD_AUDACITY)
            fprintf(stream, "%.6f\t%.6f\tspeech\n", start, end);
        else
            fprintf(stream, "%s%s%.3f %.3f\n", named ? found->path : "", named ? ": " : "", start,
                    end);
    }
    free(stem);
}

/* Milliseconds are finer than the frames are. */
static json_t *rounded(double number) {
    return need(json_real(round(number * 1e3) / 1e3));
}

static json_t *found_object(const struct found *found, const char *detector) {
    json_t *object = need(json_object()), *list = need(json_array());
    for (size_t i = 0; i < found->count; i++) {
        json_t *item = need(json_object());
        json_object_set_new(item, "start", rounded(found->speech[i].start));
        json_object_set_new(item, "end", rounded(found->speech[i].end));
        json_object_set_new(item, "probability", rounded(found->speech[i].probability));
        json_array_append_new(list, item);
    }
    json_object_set_new(object, "file", json_text(found->path));
    json_object_set_new(object, "duration", rounded(found->duration));
    json_object_set_new(object, "vad", json_text(detector));
    json_object_set_new(object, "speech", list);
    return object;
}

static json_t *error_object(const char *path, const char *message) {
    json_t *object = need(json_object());
    json_object_set_new(object, "file", json_text(path));
    json_object_set_new(object, "error", json_text(message));
    return object;
}

struct job {
    const struct values *values;
    pst_vad *vad;
    struct inputs inputs;
    struct output output;
    json_t *all; /* of format json */
    int failed;
};

static void report_error(struct job *job, const char *path, const char *message) {
    job->failed = 1;
    json_array_append_new(job->all, error_object(path, message));
    say("%s", message);
}

static int listen(struct job *job, const struct input *input) {
    pst_error err;
    struct found found = {.path = input->path};
    pst_clip clip = {.path = input->path, .fd = -1};
    if (strcmp(input->path, "-") == 0) clip.fd = STDIN_FILENO;
    if (pst_vad_find(job->vad, &clip, &found.speech, &found.count, &found.duration, &err)) {
        char *message = inputs_error(&job->inputs, input->path, &err);
        report_error(job, input->path, message);
        free(message);
        return 0;
    }
    if (job->values->format == VAD_JSON)
        json_array_append_new(job->all, found_object(&found, pst_vad_name(job->vad)));
    else
        print_lines(job->output.stream, &found, (enum vad_format)job->values->format,
                    job->inputs.several);
    pst_free(found.speech);
    return output_flush(&job->output);
}

static int listen_all(struct job *job) {
    const struct values *values = job->values;
    int code = output_open(&job->output, values->output);
    for (size_t i = 0; !code && i < job->inputs.count; i++) {
        const struct input *input = &job->inputs.list[i];
        code = output_spare(&job->output, input->path);
        if (!code && input->error)
            report_error(job, input->path, input->error);
        else if (!code)
            code = listen(job, input);
    }
    if (!code && values->format == VAD_JSON) {
        json_print(job->output.stream, job->all, JSON_INDENT(2));
        code = output_flush(&job->output);
    }
    int closed = output_close(&job->output, code == EXIT_DONE);
    return code ? code : closed;
}

static int run(const void *chosen, char **operands, int operand_count) {
    const struct values *values = chosen;
    struct environment environment;
    if (values->max_speech != 0 && !(values->max_speech >= 1))
        return usage_error(&command_vad, "--max-speech-duration-s: expected at least 1");
    struct job job = {.values = values, .all = need(json_array())};
    environment_read(&environment, 1);
    inputs_expand(&job.inputs, operands, operand_count);
    int code = speech_open(&values->speech, &environment, NULL, values->max_speech,
                           &job.inputs.audio, &job.vad);
    if (!code) code = listen_all(&job);
    pst_vad_free(job.vad);
    inputs_free(&job.inputs);
    json_decref(job.all);
    environment_free(&environment);
    return code ? code : job.failed ? EXIT_INPUTS : EXIT_DONE;
}
