/* transcribe_choice.c - see transcribe_choice.h. */
#include "transcribe/transcribe_choice.h"

#include <math.h>

#include "result_formats.h"

const struct transcribe_choice transcribe_defaults = {
    .engine = {.precision = PST_PRECISION_AUTO},
    .decoding = {DECODING_NOTHING_CHOSEN},
    .language = "en",
    .window = 30, /* what the model was trained on, and the API's default */
    .subtitles = SUBTITLE_CHOICE,
    .speech = SPEECH_CHOICE(400), /* faster-whisper's: the model likes some quiet at both ends */
};

#define AT(field) offsetof(struct transcribe_choice, field)
const struct option transcribe_choice_options[] = {
    {"format", 0, OPTION_CHOICES, RESULT_FORMAT_NAMES, AT(formats),
     "how results are written; several with commas between them, or given again, with --output-dir "
     "(default: text)"},
    {"output", 'o', OPTION_TEXT, "F", AT(output),
     "write to the file F, whole, when all is done (default: standard output, as results come)"},
    {"output-dir", 0, OPTION_TEXT, "DIR", AT(folder),
     "write a file for each input and format into DIR, named as the input"},
    {"resume", 0, OPTION_FLAG, NULL, AT(resume),
     "go on with a run that was stopped, the rest of the command line being the same: until the "
     "output is complete, what is done is kept beside it, in F.partial or DIR/*.partial"},
    {"watch", 0, OPTION_TEXT, "DIR", AT(watch),
     "in place of FILE: transcribe what is in the folder DIR and what arrives there, each when it "
     "is whole, to --output-dir, until the program is ended; what has its results is left out"},
    {"normalize", 0, OPTION_FLAG, NULL, AT(normalize),
     "scale each clip to a loudness (RMS) of 0.075, as run-stt does"},
    {"window", 0, OPTION_NUMBER, "SECONDS", AT(window),
     "cut a longer clip into pieces of at most SECONDS, in its pauses (with --vad off: where it is "
     "quietest in the last fifth of each), and join the texts; 0: never, and all sound is "
     "transcribed (default: 30, what the model was made for)"},
    {"channels", 0, OPTION_TEXT, "mix|split|N", AT(channels),
     "mix: the mean of all channels; split: each by itself, with its number before what is said in "
     "it, in the order of the times; N: channel N alone, from 1 (default: mix)"},
    {0},
};

const struct option subtitle_options[] = {
    {"word-timestamps", 0, OPTION_FLAG, NULL, AT(words),
     "json, jsonl and whisper-json have the words with their times; subtitles always use them"},
    {"alignment-heads", 0, OPTION_TEXTS, "L.H[:LAG]", AT(heads),
     "take the times from head H of layer L of the decoder's cross-attention, which looks LAG "
     "frames "
     "behind the start of a token; again for more (default: those measured for the model's size)"},
    {"highlight-words", 0, OPTION_FLAG, NULL, AT(highlight),
     "underline each word while it is said"},
    {"language", 0, OPTION_TEXT, "L", AT(language),
     "what whisper-json says the language is (default: en)"},
    {0},
};

int transcribe_check(const struct command *command, const struct transcribe_choice *choice,
                     int operand_count) {
    /* False for NAN. The library's limits for a clip and for a file. */
    if (!(choice->window == 0 || (choice->window >= 1 && choice->window <= 6 * 3600)))
        return usage_error(command, "--window: expected 0 or a number of seconds from 1 to 21600");
    int code = subtitle_choice_check(command, &choice->subtitles);
    if (code) return code;
    if (choice->resume && !choice->output && !choice->folder)
        return usage_error(command, "--resume: expected --output or --output-dir");
    if (choice->watch && (!choice->folder || choice->resume))
        return usage_error(command,
                           "--watch: expected --output-dir, and no --resume: what is not done is "
                           "begun again");
    if (choice->watch ? operand_count > 0 : operand_count == 0)
        return usage_error(command,
                           choice->watch ? "--watch: expected no %s beside it" : "expected %s",
                           command->synopsis);
    return decoding_check(command, &choice->decoding);
}

struct result_style transcribe_style(const struct transcribe_choice *choice) {
    struct result_style style = {.subtitles = subtitle_choice_style(&choice->subtitles),
                                 .language = choice->language};
    style.subtitles.highlight = choice->highlight;
    return style;
}
