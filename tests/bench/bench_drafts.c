/* bench_drafts.c - what drafts save where a growing clip is transcribed again and again.
 *
 *     bench_drafts MODEL AUDIO [STEP_S [ROUNDS [LONGEST_S [mil]]]]
 *
 * The clip as it is after each STEP_S (0.5) is transcribed twice: as ever, and with the transcript
 * before as a draft. Clips over LONGEST_S (20, as long as a line of live sound gets) begin anew.
 * Tokens are compared. The decoder's time is processor time of its one thread from the first step
 * on, the least of ROUNDS (3). With `mil` MODEL is a converted one, run by the interpreter. Not a
 * test: it has no opinion but that the tokens are the same. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "potstill.h"

static pst_error err;

static void fail(const char *what) {
    fprintf(stderr, "bench_drafts: %s: %s\n", what, err.message);
    exit(1);
}

/* Of one transcription. */
struct cost {
    double decoder_ms; /* with the search for tokens */
    size_t tokens, steps;
};

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Asked before the encoder and before each step. */
struct steps {
    int asked;
    double first_ms;
};

static int count_step(void *user) {
    struct steps *steps = user;
    if (steps->asked++ == 1) steps->first_ms = now_ms();
    return 0;
}

static pst_transcript *transcribe(pst_session *session, const pst_audio *audio, size_t first,
                                  size_t count, pst_decode_options options, int rounds,
                                  struct cost *cost) {
    pst_transcript *transcript = NULL;
    double best = 0;
    for (int round = 0; round < rounds; round++) {
        struct steps steps = {0};
        pst_transcript_free(transcript);
        options.cancelled = count_step;
        options.cancelled_user = &steps;
        if (pst_transcribe(session, audio->samples + first, count, &options, &transcript, &err))
            fail("transcribe");
        double ms = now_ms() - steps.first_ms;
        if (round == 0 || ms < best) best = ms;
    }
    cost->decoder_ms += best;
    cost->tokens += transcript->token_count - 1;
    cost->steps += transcript->steps;
    return transcript;
}

static double largest; /* difference of margins */

static void compare(const pst_transcript *plain, const pst_transcript *drafted, size_t count) {
    double difference = fabs((double)plain->margin - (double)drafted->margin);
    if (difference > largest) largest = difference;
    if (plain->token_count == drafted->token_count &&
        memcmp(plain->tokens, drafted->tokens, plain->token_count * sizeof *plain->tokens) == 0)
        return;
    snprintf(err.message, sizeof err.message, "drafts change %zu samples", count);
    fail("tokens");
}

/* The part that begins at `first`, growing to `most` samples. */
static void grow(pst_session *session, const pst_model *model, const pst_audio *audio, size_t first,
                 size_t most, size_t step, int rounds, struct cost costs[2]) {
    pst_transcript *last = NULL;
    for (size_t count = step; count <= most; count += step) {
        pst_decode_options options;
        pst_model_decode_options(model, &options);
        options.skip_logprob = 1;
        pst_transcript *plain =
            transcribe(session, audio, first, count, options, rounds, &costs[0]);
        /* At first nothing but the start token is known, as of a line of live sound. */
        pst_sequence_bias draft = {plain->tokens, 1, 0};
        if (last) draft = (pst_sequence_bias){last->tokens, last->token_count, 0};
        options.drafts = &draft;
        options.drafts_count = 1;
        pst_transcript *drafted =
            transcribe(session, audio, first, count, options, rounds, &costs[1]);
        compare(plain, drafted, count);
        pst_transcript_free(plain);
        pst_transcript_free(last);
        last = drafted;
    }
    pst_transcript_free(last);
}

static void measure(const pst_model *model, const char *name, const pst_audio *audio, double step_s,
                    int rounds, double longest_s) {
    pst_session_options options;
    pst_session *session;
    struct cost costs[2] = {{0}};
    size_t step = (size_t)(step_s * PST_SAMPLE_RATE_HZ);
    size_t longest = (size_t)(longest_s * PST_SAMPLE_RATE_HZ);
    pst_session_options_init(&options);
    options.threads = 1;
    if (pst_session_new(model, &options, &session, &err)) fail("session");
    for (size_t first = 0; first < audio->count; first += longest) {
        size_t most = audio->count - first < longest ? audio->count - first : longest;
        grow(session, model, audio, first, most, step, rounds, costs);
    }
    printf("%-5s largest difference of margins %g; %5zu tokens: %5zu steps %8.1f ms; drafted %5zu "
           "steps %8.1f ms: %.2f of the steps, "
           "%.2f tokens a step, %.2f of the time\n",
           name, largest, costs[0].tokens, costs[0].steps, costs[0].decoder_ms, costs[1].steps,
           costs[1].decoder_ms, (double)costs[1].steps / (double)costs[0].steps,
           (double)costs[1].tokens / (double)costs[1].steps,
           costs[1].decoder_ms / costs[0].decoder_ms);
    pst_session_free(session);
}

int main(int argc, char **argv) {
    static const char *const NAMES[] = {"f32", "bf16", "int8"};
    pst_audio audio;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_drafts MODEL AUDIO [STEP_S [ROUNDS [LONGEST_S [mil]]]]\n");
        return 2;
    }
    double step_s = argc > 3 ? atof(argv[3]) : 0.5, longest_s = argc > 5 ? atof(argv[5]) : 20;
    int rounds = argc > 4 ? atoi(argv[4]) : 3, mil = argc > 6 && strcmp(argv[6], "mil") == 0;
    if (pst_audio_read(argv[2], &audio, &err)) fail(argv[2]);
    for (int p = PST_PRECISION_F32; p <= (mil ? PST_PRECISION_F32 : PST_PRECISION_INT8); p++) {
        pst_model_options options;
        pst_model *model;
        pst_model_options_init(&options);
        options.precision = (pst_precision)p;
        if (mil) options.device = PST_DEVICE_MIL;
        if (pst_model_open(argv[1], &options, &model, &err)) fail(argv[1]);
        measure(model, mil ? "mil" : NAMES[p], &audio, step_s, rounds, longest_s);
        pst_model_free(model);
    }
    pst_audio_free(&audio);
    return 0;
}
