/* transcript_join.c - see transcript_join.h. */
#include "pipeline/speech/transcript_join.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "pipeline/speech/repeats.h"
#include "pipeline/timed_words.h"

/* Numbers that belong to tokens are averaged over those the model chose: all but the first. */
static void average(const pst_transcript *const *parts, size_t count, pst_transcript *joined) {
    double logprob = 0, score = 0, chosen = 0, silence = 0;
    uint32_t silent = PST_FLAG_NO_SPEECH;
    joined->margin = INFINITY;
    for (size_t i = 0; i < count; i++) {
        const pst_transcript *part = parts[i];
        joined->truncated |= part->truncated;
        joined->flags |= part->flags & ~(part->token_count ? 0U : (uint32_t)PST_FLAG_NO_SPEECH);
        silent &= part->flags;
        silence += part->no_speech_prob;
        if (part->token_count == 0) continue; /* nothing was said */
        double weight = (double)part->token_count - 1;
        logprob += weight * part->avg_logprob;
        score += weight * part->score;
        chosen += weight;
        joined->margin = fminf(joined->margin, part->margin);
    }
    joined->flags |= silent;
    joined->no_speech_prob = silence / (double)count;
    joined->avg_logprob = chosen > 0 ? logprob / chosen : 0;
    joined->score = chosen > 0 ? (float)(score / chosen) : 0;
}

static pst_status join_tokens(const pst_transcript *const *parts, size_t count,
                              pst_transcript *joined, pst_error *err) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) total += parts[i]->token_count;
    joined->tokens = malloc((total + 1) * sizeof *joined->tokens);
    if (!joined->tokens) return error_memory(err, total * sizeof *joined->tokens);
    for (size_t i = 0; i < count; i++) {
        const pst_transcript *part = parts[i];
        memcpy(joined->tokens + joined->token_count, part->tokens,
               part->token_count * sizeof *part->tokens);
        joined->token_count += part->token_count;
    }
    return PST_OK;
}

/* Known where they are of each part that has tokens. */
static pst_status join_logprobs(const pst_transcript *const *parts, size_t count,
                                pst_transcript *joined, pst_error *err) {
    size_t bytes = joined->token_count * sizeof *joined->token_logprobs, at = 0;
    int known = joined->token_count > 0;
    for (size_t i = 0; i < count; i++)
        known = known && (parts[i]->token_logprobs || !parts[i]->token_count);
    if (!known) return PST_OK;
    joined->token_logprobs = malloc(bytes);
    if (!joined->token_logprobs) return error_memory(err, bytes);
    for (size_t i = 0; i < count; at += parts[i++]->token_count)
        if (parts[i]->token_count)
            memcpy(joined->token_logprobs + at, parts[i]->token_logprobs,
                   parts[i]->token_count * sizeof *joined->token_logprobs);
    return PST_OK;
}

/* Segments without text add no space. */
static pst_status join_texts(const pst_transcript *const *parts, size_t count,
                             pst_transcript *joined, pst_error *err) {
    struct buffer text = {0};
    buffer_text(&text, "");
    for (size_t i = 0; i < count; i++) {
        const char *part = parts[i]->text;
        if (*part && text.length) buffer_text(&text, " ");
        buffer_text(&text, part);
    }
    joined->text = text.data;
    return text.failed ? error_memory(err, text.length) : PST_OK;
}

pst_status transcript_join(const pst_transcript *const *parts, size_t count,
                           pst_transcript **joined, pst_error *err) {
    pst_transcript *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    average(parts, count, made);
    pst_status status = join_tokens(parts, count, made, err);
    if (!status) status = join_logprobs(parts, count, made, err);
    if (!status) status = join_texts(parts, count, made, err);
    if (!status) status = timed_words_join(made, parts, count, err);
    if (status) {
        pst_transcript_free(made);
        return status;
    }
    made->compression_ratio = repeats_ratio(made->text);
    *joined = made;
    return PST_OK;
}

/* What is joined of one alone, with the numbers as they are. */
pst_status transcript_copy(const pst_transcript *transcript, pst_transcript **copy,
                           pst_error *err) {
    pst_transcript *made;
    size_t bytes = 0;
    for (size_t i = 0; i < transcript->word_count; i++) bytes += strlen(transcript->words[i].text);
    if (bytes > strlen(transcript->text))
        return error_set(err, PST_ERR_ARGUMENT, "a transcript has more words than text");
    pst_status status = transcript_join(&transcript, 1, &made, err);
    if (status) return status;
    pst_transcript numbers = *transcript;
    numbers.text = made->text;
    numbers.tokens = made->tokens;
    numbers.token_logprobs = made->token_logprobs;
    numbers.words = made->words;
    *made = numbers;
    *copy = made;
    return PST_OK;
}

pst_status transcript_of_silence(double no_speech_prob, pst_transcript **transcript,
                                 pst_error *err) {
    pst_transcript *made = calloc(1, sizeof *made);
    if (made) made->tokens = malloc(sizeof *made->tokens);
    if (made) made->text = strdup("");
    if (!made || !made->tokens || !made->text) {
        pst_transcript_free(made);
        return error_memory(err, sizeof *made);
    }
    made->avg_logprob = made->confidence = NAN;
    made->margin = INFINITY;
    made->flags = PST_FLAG_NO_SPEECH;
    made->no_speech_prob = no_speech_prob;
    *transcript = made;
    return PST_OK;
}

/* The thresholds of openai-whisper. A text that loops was not cut off by chance. */
static const double RATIO_MAX = 2.4, LOGPROB_MIN = -1.0;

void transcript_judge(pst_transcript *transcript) {
    transcript->compression_ratio = repeats_ratio(transcript->text);
    if (transcript->compression_ratio > RATIO_MAX) transcript->flags |= PST_FLAG_LOOP;
    if (transcript->avg_logprob < LOGPROB_MIN) transcript->flags |= PST_FLAG_LOW_CONFIDENCE;
    if (transcript->truncated) transcript->flags |= PST_FLAG_TRUNCATED;
}
