/* origin.c - see origin.h. docs/VAD.md has what the numbers were measured on. */
#include "pipeline/speech/origin.h"

#include <math.h>

/* Of hums and tones the model makes "You" or a phrase of thanks, however long they are: who speaks
 * for seconds says more than a token in each. */
static const double SECONDS_MIN = 2, TOKENS_PER_SECOND_MIN = 1;
/* Clear speech has up to four, with the quiet around it. */
static const double TOKENS_PER_SECOND_MOST = 5;
/* Texts that are nearer than this to being dropped are marked: four in five of their words are
 * wrong. */
static const double DOUBT = 0.2;

static double limited(double value, double least, double most) {
    return fmin(fmax(value, least), most);
}

/* The less sure the detector is, the more the model itself must believe in its text; but least
 * where somebody speaks for seconds, for what is taken for speech and is none lasts half of one.
 * Whispers have probabilities of 0.5 to 0.9 and texts of -0.1 to -0.9; animals 0.45 to 0.8 and
 * -0.3 to -1. */
static double logprob_needed(const struct evidence *evidence) {
    double seconds = evidence->speech_seconds;
    double is_long = evidence->by_loudness ? 0 : limited((seconds - 1) / 1.5, 0, 1);
    double is_short = limited((1 - seconds) / 0.7, 0, 1);
    double hurry = evidence->tokens / evidence->seconds - TOKENS_PER_SECOND_MOST;
    double needed = -1.2 + (0.97 - evidence->speech) * (3.5 - 2.5 * is_long);
    needed += 0.2 * is_short + 0.15 * limited(hurry, 0, 4);
    return evidence->endless ? needed + 0.4 : needed;
}

static int says_too_little(const struct evidence *evidence) {
    double seconds = evidence->speech_seconds;
    return !evidence->cut && seconds > SECONDS_MIN &&
           evidence->tokens < TOKENS_PER_SECOND_MIN * seconds;
}

enum origin origin_find(const struct evidence *evidence) {
    if (isnan(evidence->speech)) return ORIGIN_SPEECH;
    double margin = evidence->avg_logprob - logprob_needed(evidence);
    if (margin < 0 || says_too_little(evidence)) return ORIGIN_NO_SPEECH;
    return margin < DOUBT ? ORIGIN_DOUBTFUL : ORIGIN_SPEECH;
}
