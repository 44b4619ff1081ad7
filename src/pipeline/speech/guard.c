/* guard.c - see guard.h.
 *
 * First as ever. Where the model is not sure of its text, it hears the phrases one by one: what
 * stands beside a phrase may help it or mislead it, and it believes the better text more. What is
 * in doubt then is tried again: in two pieces, cut where it is quietest, because a decoder that has
 * lost its way finds it at a new start; and with beams that say no three tokens twice. The best is
 * taken. Then the question is whether anybody spoke at all. */
#include "pipeline/speech/guard.h"

#include <string.h>

#include "audio/quiet.h"
#include "pipeline/speech/origin.h"
#include "pipeline/speech/transcript_join.h"
#include "pipeline/timed_words.h"
#include "pipeline/together.h"

/* Moonshine's own limit: nobody says more tokens in a second. Short clips have a few more. */
static const double TOKENS_PER_SECOND = 6.5;
enum { TOKENS_MORE = 12 };
/* A piece of less than 3 s has no context to be better with. */
enum { SPLIT_MIN = 6 * PST_SAMPLE_RATE_HZ };
/* The model gives its tokens six chances in seven; texts of clear speech have -0.04. */
static const double SURE = -0.15;
/* As in generate() where loops are feared. */
enum { BEAMS = 5, NGRAM = 3 };

static void judge(const struct guarded *guarded, pst_transcript *transcript) {
    transcript_judge(transcript);
    transcript->no_speech_prob = guarded->no_speech_prob;
}

/* The options with the limit that suits `count` samples, unless theirs is lower. */
static pst_decode_options limited(size_t count, const pst_decode_options *options) {
    pst_decode_options own = *options;
    double seconds = (double)count / PST_SAMPLE_RATE_HZ;
    uint32_t limit = (uint32_t)(seconds * TOKENS_PER_SECOND) + TOKENS_MORE;
    if (!own.max_new_tokens && (!own.max_length || limit < own.max_length))
        own.max_new_tokens = limit;
    return own;
}

/* What is wrong with it. Where the caller has set the limit, that it is reached is no wonder. */
static uint32_t faults(const struct guarded *guarded, const pst_transcript *transcript) {
    uint32_t expected = PST_FLAG_NO_SPEECH;
    if (guarded->decode->max_new_tokens) expected |= PST_FLAG_TRUNCATED;
    return transcript->flags & ~expected;
}

/* How much it is in doubt. Without an end it is worse than without belief. */
static double doubt(const pst_transcript *transcript) {
    double sum = transcript->avg_logprob < 0 ? -transcript->avg_logprob : 0;
    if (transcript->flags & PST_FLAG_LOOP) sum += 4;
    if (transcript->flags & PST_FLAG_TRUNCATED) sum += 2;
    if (!*transcript->text) sum += 1; /* of something that was a text before */
    return sum;
}

/* Keeps the better of the two. */
static void keep_better(pst_transcript **kept, pst_transcript *other) {
    pst_transcript *worse = other;
    if (doubt(other) < doubt(*kept)) {
        worse = *kept;
        *kept = other;
    }
    pst_transcript_free(worse);
}

/* The pieces one after the other, as one. */
static pst_status in_pieces(pst_session *session, const struct guarded *guarded,
                            const struct phrase *pieces, size_t count, pst_transcript **transcript,
                            pst_error *err) {
    pst_decode_options options[PHRASES_MAX];
    struct utterance utterances[PHRASES_MAX];
    const pst_transcript *parts[PHRASES_MAX];
    pst_status status = PST_OK;
    for (size_t i = 0; i < count; i++) {
        size_t samples = pieces[i].end - pieces[i].start;
        options[i] = limited(samples, guarded->decode);
        utterances[i] = (struct utterance){.samples = guarded->samples + pieces[i].start,
                                           .count = samples,
                                           .options = &options[i]};
    }
    transcribe_together(session, utterances, count);
    for (size_t i = 0; i < count; i++) {
        const struct utterance *u = &utterances[i];
        parts[i] = u->transcript;
        if (!status && u->error.code) {
            status = u->error.code;
            if (err) *err = u->error;
        }
        if (!u->transcript) continue;
        judge(guarded, u->transcript);
        timed_words_shift(u->transcript, (double)pieces[i].start / PST_SAMPLE_RATE_HZ);
    }
    if (!status) status = transcript_join(parts, count, transcript, err);
    for (size_t i = 0; i < count; i++) pst_transcript_free(utterances[i].transcript);
    return status;
}

/* The phrases one by one, where the model is not sure of the whole. A limit of the caller's is for
 * all of them. */
static pst_status try_phrases(pst_session *session, const struct guarded *guarded,
                              pst_transcript **transcript, pst_error *err) {
    const struct phrases *phrases = guarded->phrases;
    pst_transcript *other = NULL;
    if (!phrases || phrases->count < 2 || guarded->decode->max_new_tokens ||
        (*transcript)->avg_logprob >= SURE)
        return PST_OK;
    pst_status status = in_pieces(session, guarded, phrases->list, phrases->count, &other, err);
    if (!status) keep_better(transcript, other);
    return status;
}

static pst_status with_beams(pst_session *session, const struct guarded *guarded,
                             pst_transcript **transcript, pst_error *err) {
    pst_decode_options options = limited(guarded->count, guarded->decode);
    options.stop_loops = 0;
    if (options.num_beams < BEAMS) options.num_beams = BEAMS;
    if (!options.no_repeat_ngram_size) options.no_repeat_ngram_size = NGRAM;
    pst_status status =
        pst_transcribe(session, guarded->samples, guarded->count, &options, transcript, err);
    if (!status) judge(guarded, *transcript);
    return status;
}

static pst_status try_again(pst_session *session, const struct guarded *guarded,
                            pst_transcript **transcript, pst_error *err) {
    pst_transcript *other = NULL;
    pst_status status = PST_OK;
    if (guarded->count >= SPLIT_MIN) {
        size_t third = guarded->count / 3, cut = quiet_find(guarded->samples, third, 2 * third);
        const struct phrase halves[] = {{0, cut}, {cut, guarded->count}};
        status = in_pieces(session, guarded, halves, 2, &other, err);
        if (status) return status;
        keep_better(transcript, other);
    }
    if (!faults(guarded, *transcript) || guarded->greedy_only) return PST_OK;
    status = with_beams(session, guarded, &other, err);
    if (!status) keep_better(transcript, other);
    return status;
}

static enum origin find_origin(const struct guarded *guarded, const pst_transcript *transcript) {
    uint32_t wrong = faults(guarded, transcript) & (PST_FLAG_LOOP | PST_FLAG_TRUNCATED);
    struct evidence evidence = {.speech = 1 - guarded->no_speech_prob,
                                .speech_seconds = guarded->speech_seconds,
                                .seconds = (double)guarded->count / PST_SAMPLE_RATE_HZ,
                                .avg_logprob = transcript->avg_logprob,
                                .tokens = (double)transcript->token_count - 2,
                                .endless = wrong != 0,
                                .cut = transcript->truncated,
                                .by_loudness = guarded->by_loudness};
    return origin_find(&evidence);
}

/* Marks a text that may come of no speech, and drops one that does. */
static pst_status settle(const struct guarded *guarded, pst_transcript **transcript,
                         pst_error *err) {
    enum origin origin = find_origin(guarded, *transcript);
    if (origin == ORIGIN_DOUBTFUL) (*transcript)->flags |= PST_FLAG_NO_SPEECH;
    if (origin != ORIGIN_NO_SPEECH) return PST_OK;
    pst_transcript_free(*transcript);
    *transcript = NULL;
    return transcript_of_silence(guarded->no_speech_prob, transcript, err);
}

pst_status guard_judge(const struct guarded *guarded, pst_transcript **transcript, pst_error *err) {
    judge(guarded, *transcript);
    return settle(guarded, transcript, err);
}

/* What tells whether a text is to be believed. */
static pst_decode_options watchful(const struct guarded *guarded) {
    pst_decode_options options = *guarded->decode;
    options.stop_loops = options.num_beams == 1;
    options.skip_logprob = 0;
    return options;
}

pst_decode_options guard_first(const struct guarded *guarded) {
    const pst_decode_options options = watchful(guarded);
    return limited(guarded->count, &options);
}

pst_status guard_complete(pst_session *session, const struct guarded *guarded,
                          pst_transcript **transcript, pst_error *err) {
    const pst_decode_options options = watchful(guarded);
    struct guarded own = *guarded;
    own.decode = &options;
    judge(&own, *transcript);
    pst_status status = try_phrases(session, &own, transcript, err);
    if (!status && faults(&own, *transcript)) status = try_again(session, &own, transcript, err);
    return status ? status : settle(&own, transcript, err);
}

pst_status guard_transcribe(pst_session *session, const struct guarded *guarded,
                            pst_transcript **transcript, pst_error *err) {
    const pst_decode_options first = guard_first(guarded);
    pst_transcript *made = NULL;
    pst_status status =
        pst_transcribe(session, guarded->samples, guarded->count, &first, &made, err);
    if (!status) status = guard_complete(session, guarded, &made, err);
    if (status)
        pst_transcript_free(made);
    else
        *transcript = made;
    return status;
}
