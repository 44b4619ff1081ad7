/* speech_choice.c - see speech_choice.h. */
#include "speech_choice.h"

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

int speech_open(const struct speech_choice *choice, const struct environment *environment,
                const char *model_dir, double max_speech_seconds, const pst_audio_options *audio,
                pst_vad **vad) {
    pst_error err;
    pst_vad_options options;
    *vad = NULL;
    if (choice->detector == SPEECH_OFF) return 0;
    char *found = NULL;
    if (choice->detector != SPEECH_ENERGY && !choice->weights &&
        pst_finder_vad(environment->finder, model_dir, &found, &err))
        return fail(exit_code_of(&err), "%s", err.message);
    if (choice->detector == SPEECH_SILERO && !choice->weights && !found)
        return fail(EXIT_MODEL,
                    "no silero-vad/silero_vad_16k.safetensors beside the model or in %s "
                    "(scripts/get-model.sh fetches it; or name it with --vad-weights)",
                    environment->places.models_dir);
    pst_vad_options_init(&options);
    options.weights = choice->detector == SPEECH_ENERGY ? NULL
                      : choice->weights                 ? choice->weights
                                                        : found;
    options.audio = audio;
    options.threshold = choice->threshold;
    options.neg_threshold = choice->neg_threshold;
    options.min_speech_duration_ms = choice->min_speech_ms;
    options.min_silence_duration_ms = choice->min_silence_ms;
    options.speech_pad_ms = choice->pad_ms;
    if (max_speech_seconds > 0) options.max_speech_duration_s = max_speech_seconds;
    pst_status status = pst_vad_open(&options, vad, &err);
    pst_free(found);
    if (!status) return 0;
    return fail(status == PST_ERR_ARGUMENT ? EXIT_USAGE : exit_code_of(&err), "%s", err.message);
}
