/* cmd_live.c - text while somebody speaks: sound from a microphone, a pipe or a file goes through a
 * stream, and what comes out is shown as it comes. */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_table.h"
#include "console.h"
#include "decoding.h"
#include "engine.h"
#include "live/capture.h"
#include "live/event_lines.h"
#include "live/recording.h"
#include "live/screen.h"
#include "seconds.h"
#include "speech_choice.h"

static int run(const void *values, char **operands, int operand_count);

/* The orders of the choices. */
enum { PACE_REAL, PACE_FAST };
enum { FORMAT_TEXT, FORMAT_JSONL };
enum { RAW_S16LE, RAW_F32LE };

struct values {
    struct engine_choice engine;
    struct decoding_choice decoding;
    const char *mic, *record;
    int raw; /* -1: a WAV stream */
    int64_t rate, channels;
    int pace, format;
    double pause, line_max, update; /* seconds */
    struct speech_choice speech;
};

static const struct values defaults = {
    .engine = {.precision = PST_PRECISION_AUTO, .read_files = 1},
    .decoding = {DECODING_NOTHING_CHOSEN},
    .raw = -1,
    .rate = PST_SAMPLE_RATE_HZ,
    .channels = 1,
    .pause = 0.6,
    .update = 0.25,
    .speech = SPEECH_CHOICE(0),
};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"format", 0, OPTION_CHOICE, "text|jsonl", AT(format),
     "text: lines as they are complete, and on a terminal the one at hand; jsonl: every event "
     "(default: text)"},
    {"pace", 0, OPTION_CHOICE, "real|fast", AT(pace),
     "of a FILE: as if it was said now, or as fast as it goes (default: real)"},
    {"record", 0, OPTION_TEXT, "F.wav", AT(record), "keep what was heard, in a new file"},
    {"mic", 0, OPTION_TEXT, "NAME", AT(mic),
     "the microphone whose name has NAME in it (default: the system's choice)"},
    {"raw", 0, OPTION_CHOICE, "s16le|f32le", AT(raw),
     "standard input is samples without a header (default: a WAV stream)"},
    {"rate", 0, OPTION_COUNT, "HZ", AT(rate), "with --raw: samples a second (default: 16000)"},
    {"channels", 0, OPTION_COUNT, "N", AT(channels),
     "with --raw: channels, one sample of each after the other (default: 1)"},
    {0},
};

static const struct option line_options[] = {
    {"pause", 0, OPTION_NUMBER, "SECONDS", AT(pause),
     "silence that ends a line, 0.1 to 10 (default: 0.6)"},
    {"line-max", 0, OPTION_NUMBER, "SECONDS", AT(line_max),
     "a line ends here at the latest (default: 20)"},
    {"update", 0, OPTION_NUMBER, "SECONDS", AT(update),
     "new sound before the text of the line at hand is made again; 0: it is not (default: 0.25)"},
    {"vad", 0, OPTION_CHOICE, "auto|silero|energy", AT(speech.detector),
     "who finds the speech: the network Silero VAD, or loudness and spectrum (default: auto, "
     "silero "
     "where its weights are)"},
    {"no-guard", 0, OPTION_FLAG, NULL, AT(speech.no_guard),
     "keep lines that loop, that the model does not believe in, or that come of no speech"},
    {0},
};

const struct command command_live = {
    .name = "live",
    .synopsis = "[FILE|-]",
    .summary = "turn speech into text while it is spoken",
    .details = "Listens to the microphone, to standard input (-) or to a FILE, and prints lines\n"
               "of text. A line is what is said between two pauses. While it is spoken its text\n"
               "grows: what two decodings in a row agree on stands, the rest is shown dim. When\n"
               "it is complete it is what transcribe gives for its samples: no text, if nobody\n"
               "spoke. Ctrl-C ends the line and the program; a second one ends the program at\n"
               "once.\n"
               "\n"
               "jsonl  line_started (line, start), line_text (committed, tentative) and\n"
               "       line_completed (start, end in seconds, text, tokens, avg_logprob,\n"
               "       latency_ms from the sound that ended the line; \"truncated\": true where\n"
               "       the length limit cut it; no_speech_prob and flags as of transcribe)",
    .groups =
        {
            {"Options", engine_source_options, AT(engine)},
            {NULL, options, 0},
            {"Lines", line_options, 0},
            {NULL, detector_options, AT(speech)},
            ENGINE_OPTIONS(NULL, AT(engine)),
            {"Decoding of completed lines, as in transformers", decoding_options, AT(decoding)},
        },
    .operands_min = 0,
    .operands_max = 1,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

struct live {
    const struct values *values;
    const char *input; /* NULL: the microphone */
    struct engine engine;
    struct decoding decoding;
    pst_vad *vad;
    pst_source *source;
    pst_stream *stream;
    struct capture capture;
    struct recording recording;
    struct screen screen;
    int on_screen;
};

/* ------------------------------------------------------------------------------------- signals */

static pst_source *volatile listening; /* by the handler; NULL: none */

/* The first signal ends the sound; the next ends the program. */
static void stop_listening(int signal) {
    (void)signal;
    if (listening) pst_source_stop(listening);
}

static void catch_signals(pst_source *source) {
    struct sigaction action = {.sa_handler = stop_listening, .sa_flags = (int)SA_RESETHAND};
    listening = source;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ------------------------------------------------------------------------------------- opening */

static int check(const struct values *values, const char *input) {
    if (input && values->mic)
        return usage_error(&command_live, "--mic and %s: expected one source of sound", input);
    if (values->raw >= 0 && (!input || strcmp(input, "-")))
        return usage_error(&command_live, "--raw: is for standard input (-)");
    if (values->raw < 0 && (values->rate != defaults.rate || values->channels != defaults.channels))
        return usage_error(&command_live,
                           "--rate and --channels: are for --raw; a header has them");
    if (!(values->pause >= 0.1 && values->pause <= 10))
        return usage_error(&command_live, "--pause: expected a number of seconds from 0.1 to 10");
    if (!(values->update >= 0 && values->update <= 10))
        return usage_error(&command_live, "--update: expected a number of seconds from 0 to 10");
    return decoding_check(&command_live, &values->decoding);
}

/* ALSA and JACK fill standard error with what they do not find while PortAudio looks around. */
static pst_status open_microphone(const char *name, pst_source **source, pst_error *err) {
    int own = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (own >= 0 && nowhere >= 0) dup2(nowhere, STDERR_FILENO);
    pst_status status = pst_source_open_microphone(name, source, err);
    if (own >= 0 && nowhere >= 0) dup2(own, STDERR_FILENO);
    if (own >= 0) close(own);
    if (nowhere >= 0) close(nowhere);
    return status;
}

static int open_source(struct live *live) {
    const struct values *values = live->values;
    pst_error err;
    pst_status status;
    pst_source_options raw;
    pst_source_options_init(&raw);
    if (values->raw >= 0) {
        raw.format = values->raw == RAW_S16LE ? PST_SOUND_S16LE : PST_SOUND_F32LE;
        raw.rate_hz = (uint32_t)values->rate;
        raw.channels = (uint32_t)values->channels;
    }
    if (!live->input)
        status = open_microphone(values->mic, &live->source, &err);
    else if (strcmp(live->input, "-") == 0)
        status = pst_source_open_fd(STDIN_FILENO, "standard input", &raw, &live->source, &err);
    else
        status = pst_source_open_file(live->input, &live->source, &err);
    if (!status) return EXIT_DONE;
    return fail(err.code == PST_ERR_INPUT ? EXIT_INPUTS : EXIT_ENVIRONMENT, "%s", err.message);
}

static int open_stream(struct live *live) {
    const struct values *values = live->values;
    pst_error err;
    pst_stream_options stream;
    pst_stream_options_init(&stream);
    stream.threads = (uint32_t)values->engine.threads;
    stream.adapters = (const pst_adapter *const *)live->engine.adapters;
    stream.adapter_weights = live->engine.weights;
    stream.adapter_count = live->engine.adapter_count;
    stream.decode = &live->decoding.options;
    stream.vad = live->vad;
    stream.pause_s = values->pause;
    stream.line_max_s = values->line_max;
    stream.guard = !values->speech.no_guard;
    stream.update_s = live->on_screen || values->format == FORMAT_JSONL ? values->update : 0;
    if (!pst_stream_new(live->engine.model, &stream, &live->stream, &err)) return EXIT_DONE;
    if (err.code == PST_ERR_ARGUMENT) return usage_error(&command_live, "%s", err.message);
    return fail(exit_code_of(&err), "%s", err.message);
}

static int prepare(struct live *live) {
    const struct values *values = live->values;
    int code = check(values, live->input);
    live->on_screen = values->format == FORMAT_TEXT && isatty(STDOUT_FILENO);
    live->screen.terminal = stdout;
    if (!code) code = engine_open(&live->engine, &values->engine, "live");
    if (!code) code = decoding_build(&live->decoding, &values->decoding, live->engine.model);
    if (!code)
        code = speech_open(&values->speech, &live->engine.environment, live->engine.model_dir, 0,
                           NULL, &live->vad);
    if (!code) code = open_stream(live);
    if (!code) code = open_source(live);
    if (!code) code = recording_open(&live->recording, values->record);
    return code;
}

/* ------------------------------------------------------------------------------------- running */

static int show_events(struct live *live, double arrived) {
    const pst_stream_event *event;
    while ((event = pst_stream_next_event(live->stream))) {
        double latency_ms = 1000 * (seconds_now() - arrived);
        if (live->values->format == FORMAT_JSONL)
            event_line_print(stdout, event, latency_ms);
        else if (live->on_screen && event->kind == PST_LINE_COMPLETED)
            screen_line(&live->screen, event->text);
        else if (live->on_screen)
            screen_text(&live->screen, event->text, event->committed);
        else if (event->kind == PST_LINE_COMPLETED && *event->text)
            printf("%s\n", event->text);
    }
    if (live->on_screen) screen_draw(&live->screen);
    if (fflush(stdout) || ferror(stdout))
        return fail(EXIT_ENVIRONMENT, "standard output: cannot write");
    return EXIT_DONE;
}

/* Pieces of a tenth of a second: as long as it takes to see that a text has changed. */
enum { PIECE = PST_SAMPLE_RATE_HZ / 10 };

static int hear(struct live *live, const float *samples, size_t count, double arrived) {
    pst_error err;
    if (pst_stream_feed(live->stream, samples, count, &err))
        return fail(exit_code_of(&err), "%s", err.message);
    screen_hear(&live->screen, samples, count);
    int code = recording_add(&live->recording, samples, count);
    return code ? code : show_events(live, arrived);
}

static int listen_to(struct live *live) {
    float samples[PIECE];
    double arrived = seconds_now();
    int paced = live->input && strcmp(live->input, "-") && live->values->pace == PACE_REAL;
    pst_error err;
    catch_signals(live->source);
    int code = capture_start(&live->capture, live->source, paced);
    for (size_t count; !code && (count = capture_take(&live->capture, samples, PIECE, &arrived));)
        code = hear(live, samples, count, arrived);
    if (!code && pst_stream_finish(live->stream, &err))
        code = fail(exit_code_of(&err), "%s", err.message);
    if (!code) code = show_events(live, arrived);
    screen_clear(&live->screen);
    if (!code && live->capture.error.code)
        code = fail(live->capture.error.code == PST_ERR_INPUT ? EXIT_INPUTS : EXIT_ENVIRONMENT,
                    "%s", live->capture.error.message);
    if (pst_source_lost(live->source) > 0)
        say("%.1f s of sound were lost: this machine was busy", pst_source_lost(live->source));
    return code;
}

static int run(const void *values, char **operands, int operand_count) {
    struct live live = {.values = values, .input = operand_count ? operands[0] : NULL};
    int code = prepare(&live);
    if (!code) code = listen_to(&live);
    int closed = recording_close(&live.recording);
    capture_stop(&live.capture);
    listening = NULL;
    pst_source_free(live.source);
    pst_stream_free(live.stream);
    pst_vad_free(live.vad);
    decoding_free(&live.decoding);
    engine_close(&live.engine);
    free(live.screen.text);
    return code ? code : closed;
}
