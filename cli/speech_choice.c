/* speech_choice.c - see speech_choice.h. */
#include "speech_choice.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

#define AT(field) offsetof(struct speech_choice, field)
const struct option speech_guard_options[] = {
    {"vad", 0, OPTION_CHOICE, "auto|silero|energy|off", AT(detector),
     "who finds the speech: the network Silero VAD, loudness and spectrum, or nobody: then all "
     "sound is transcribed; auto is silero where its weights are, else energy (default: auto)"},
    {"no-guard", 0, OPTION_FLAG, NULL, AT(no_guard),
     "keep texts that loop, that the model does not believe in, or that come of no speech"},
    {0},
};
const struct option detector_options[] = {
    {"vad-weights", 0, OPTION_TEXT, "F", AT(weights),
     "silero_vad_16k.safetensors (default: silero-vad/ beside the model or among the imported "
     "ones)"},
    {"threshold", 0, OPTION_NUMBER, "P", AT(threshold),
     "speech begins at this probability (default: 0.5)"},
    {0},
};
const struct option speech_options[] = {
    {"neg-threshold", 0, OPTION_NUMBER, "P", AT(neg_threshold),
     "and ends below this one (default: 0.15 less)"},
    {"min-speech-duration-ms", 0, OPTION_NUMBER, "MS", AT(min_speech_ms),
     "what is shorter is no speech (default: 250)"},
    {"min-silence-duration-ms", 0, OPTION_NUMBER, "MS", AT(min_silence_ms),
     "a shorter pause does not end it (default: 100)"},
    {"speech-pad-ms", 0, OPTION_NUMBER, "MS", AT(pad_ms),
     "margin at both ends of it, at most half of the pause (default: 400 for transcribe, else 30)"},
    {0},
};

static const char FILE_NAME[] = "silero-vad/silero_vad_16k.safetensors";

/* `folder`/silero-vad/...; NULL when it is not there. */
static char *in_folder(const char *folder) {
    char *path = text_format("%s/%s", folder, FILE_NAME);
    if (access(path, R_OK) == 0) return path;
    free(path);
    return NULL;
}

/* Beside `dir` by its name, which may be a link to elsewhere. */
static char *beside(const char *dir) {
    size_t length = strlen(dir);
    while (length > 1 && dir[length - 1] == '/') length--;
    size_t name = length;
    while (name > 0 && dir[name - 1] != '/') name--;
    int dots = length - name <= 2 && strncmp(dir + name, "..", length - name) == 0;
    char *parent = dots   ? text_format("%.*s/..", (int)length, dir)
                   : name ? text_format("%.*s", (int)name, dir)
                          : text_format(".");
    char *path = in_folder(parent);
    free(parent);
    return path;
}

static char *find_weights(const struct speech_choice *choice, const struct environment *environment,
                          const char *model_dir) {
    char *path = choice->weights ? text_format("%s", choice->weights) : NULL;
    if (!path && model_dir) path = beside(model_dir);
    if (!path && environment->model_is_chosen) path = beside(environment->model);
    return path ? path : in_folder(environment->models_dir);
}

int speech_open(const struct speech_choice *choice, const struct environment *environment,
                const char *model_dir, double max_speech_seconds, const pst_audio_options *audio,
                pst_vad **vad) {
    pst_error err;
    pst_vad_options options;
    *vad = NULL;
    if (choice->detector == SPEECH_OFF) return 0;
    int energy = choice->detector == SPEECH_ENERGY;
    char *weights = energy ? NULL : find_weights(choice, environment, model_dir);
    if (choice->detector == SPEECH_SILERO && !weights)
        return fail(EXIT_MODEL,
                    "no %s beside the model or in %s (scripts/get-model.sh fetches it; or name it "
                    "with --vad-weights)",
                    FILE_NAME, environment->models_dir);
    pst_vad_options_init(&options);
    options.weights = weights;
    options.audio = audio;
    options.threshold = choice->threshold;
    options.neg_threshold = choice->neg_threshold;
    options.min_speech_duration_ms = choice->min_speech_ms;
    options.min_silence_duration_ms = choice->min_silence_ms;
    options.speech_pad_ms = choice->pad_ms;
    if (max_speech_seconds > 0) options.max_speech_duration_s = max_speech_seconds;
    pst_status status = pst_vad_open(&options, vad, &err);
    free(weights);
    if (!status) return 0;
    return fail(status == PST_ERR_ARGUMENT ? EXIT_USAGE : exit_code_of(&err), "%s", err.message);
}
