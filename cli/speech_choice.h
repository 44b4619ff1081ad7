/* speech_choice.h - the options that say how speech is found, for every command that finds it. */
#ifndef POTSTILL_CLI_SPEECH_CHOICE_H
#define POTSTILL_CLI_SPEECH_CHOICE_H

#include "environment.h"
#include "options.h"
#include "potstill.h"

/* The order of the choices of --vad. */
enum speech_detector { SPEECH_AUTO, SPEECH_SILERO, SPEECH_ENERGY, SPEECH_OFF };

struct speech_choice {
    int detector; /* enum speech_detector */
    const char *weights;
    double threshold, neg_threshold, min_speech_ms, min_silence_ms, pad_ms;
    int no_guard; /* texts in doubt are kept */
};

/* Silero's own, but for the margins. */
#define SPEECH_CHOICE(pad)                                                                         \
    { SPEECH_AUTO, NULL, 0.5, -1, 250, 100, (pad), 0 }

/* About a struct speech_choice: --vad and --no-guard of commands that can do without a detector,
 * others have their own; the detector, and what is made of what it finds. */
extern const struct option speech_guard_options[];
extern const struct option detector_options[];
extern const struct option speech_options[];

/* Opens the detector; `*vad` is NULL when it is off. `model_dir` (may be NULL) is the folder of the
 * model in use: the weights are looked for beside it, then among the imported models. `audio` (may
 * be NULL) lives as long as the detector. 0, or an exit code with the reason printed. */
int speech_open(const struct speech_choice *choice, const struct environment *environment,
                const char *model_dir, double max_speech_seconds, const pst_audio_options *audio,
                pst_vad **vad);

#endif
