/* timed_words.c - see timed_words.h. */
#include "pipeline/timed_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "decode/token_times.h"
#include "model/family.h"
#include "pipeline/backend_engine.h"
#include "pipeline/word_confidence.h"
#include "pipeline/word_edges.h"
#include "pipeline/word_spans.h"

/* What is found on the way; all of it freed at the end. */
struct finding {
    struct pst_session *session;
    const struct search *search;
    double frame_seconds, duration;
    size_t frames, tokens;   /* tokens: that were chosen, the end token too */
    struct word_span *spans; /* [count] */
    struct word_time *times; /* [count] */
    size_t count;
    struct pause *pauses; /* [pause_count] */
    size_t pause_count;
    unsigned char *silent; /* [frames] */
    uint32_t *starts;      /* [tokens] frames */
};

/* --------------------------------------------------------------------------- before the search */

static pst_status check_heads(const struct config *config, const pst_alignment_head *heads,
                              size_t count, pst_error *err) {
    if (count > ALIGNMENT_HEADS_MAX)
        return error_set(err, PST_ERR_ARGUMENT, "%zu alignment_heads, expected at most %d", count,
                         ALIGNMENT_HEADS_MAX);
    for (size_t i = 0; i < count; i++)
        if (heads[i].layer >= config->decoder_layers || heads[i].head >= config->heads ||
            abs(heads[i].lag) > 1000)
            return error_set(err, PST_ERR_ARGUMENT,
                             "alignment head %u.%u with a lag of %d: expected a layer below %u, a "
                             "head below %u and at most 1000 frames",
                             heads[i].layer, heads[i].head, heads[i].lag, config->decoder_layers,
                             config->heads);
    return PST_OK;
}

int timed_words_are_known(const struct pst_session *session) {
    return engine_of(session->backend) != NULL;
}

pst_status timed_words_prepare(struct pst_session *session, const pst_decode_options *options,
                               pst_alignment_head *heads, pst_error *err) {
    struct engine *engine = engine_of(session->backend);
    const struct config *config = &session->model->config;
    size_t count = options->alignment_heads_count;
    if (engine) engine_follow(engine, NULL, 0);
    if (!options->word_timestamps) return PST_OK;
    if (!engine)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "the packages of a converted model do not show where they look, which "
                         "word times come from (the decoder of the checkpoint does)");
    pst_status status = check_heads(config, options->alignment_heads, count, err);
    if (status) return status;
    if (count)
        memcpy(heads, options->alignment_heads, count * sizeof *heads);
    else
        count = alignment_heads_of(config, heads);
    engine_follow(engine, heads, count);
    return PST_OK;
}

/* --------------------------------------------------------------------------------- the steps */

/* A beam search has looked for several texts at once: the one it has found, step by step again,
 * over the same keys and values of the memory. */
static pst_status repeat_steps(const struct search *search, pst_error *err) {
    struct backend *backend = search->backend;
    const struct hypothesis *text = search->winner;
    for (size_t i = 0; i + 1 < text->count; i++) {
        pst_status status = backend->calls->step(backend, &text->tokens[i], 1, i, err);
        if (status) return status;
    }
    return PST_OK;
}

/* --------------------------------------------------------------------------------- the times */

static void mark_silence(struct finding *f) {
    for (size_t i = 0, p = 0; i < f->frames; i++) {
        double middle = ((double)i + 0.5) * f->frame_seconds;
        while (p < f->pause_count && f->pauses[p].end <= middle) p++;
        f->silent[i] = p < f->pause_count && f->pauses[p].start <= middle;
    }
}

static pst_status time_tokens(struct finding *f, pst_error *err) {
    const struct engine *engine = engine_of(f->session->backend);
    int lags[ALIGNMENT_HEADS_MAX];
    f->silent = malloc(f->frames);
    f->starts = malloc((f->tokens + 1) * sizeof *f->starts);
    if (!f->silent || !f->starts) return error_memory(err, f->frames);
    mark_silence(f);
    for (size_t i = 0; i < engine->followed; i++) lags[i] = engine->workspace.followed[i].lag;
    const struct token_picture picture = {.weights = engine_followed(engine),
                                          .tokens = f->tokens,
                                          .heads = engine->followed,
                                          .frames = f->frames,
                                          .lags = lags,
                                          .silent = f->silent};
    return token_times_find(&picture, f->starts) ? PST_OK : error_memory(err, 0);
}

/* When token i of the transcript, the start token being 0, begins. */
static double token_start(const struct finding *f, size_t i) {
    if (i > f->tokens) return f->duration;
    return ((double)f->starts[i ? i - 1 : 0] + 0.5) * f->frame_seconds;
}

static pst_status time_words(struct finding *f, pst_error *err) {
    f->times = malloc((f->count + 1) * sizeof *f->times);
    if (!f->times) return error_memory(err, f->count * sizeof *f->times);
    for (size_t i = 0; i < f->count; i++) {
        const struct word_span *span = &f->spans[i];
        double start = token_start(f, span->first_token);
        double next = token_start(f, span->first_token + 1);
        f->times[i].start = start + span->into_first * (next - start);
        f->times[i].end = token_start(f, span->first_token + span->tokens);
        if (i) f->times[i - 1].end = f->times[i].start;
    }
    word_edges_refine(f->times, f->count, f->pauses, f->pause_count, f->duration);
    return PST_OK;
}

/* ------------------------------------------------------------------------------- the results */

/* One piece of memory: the words, then their texts. */
static pst_word *take_words(size_t count, size_t text_bytes, char **texts) {
    pst_word *words = malloc((count + 1) * sizeof *words + text_bytes + count);
    if (words) *texts = (char *)(words + count + 1);
    return words;
}

static void put_text(pst_word *word, char **texts, const char *text, size_t length) {
    memcpy(*texts, text, length);
    (*texts)[length] = '\0';
    word->text = *texts;
    *texts += length + 1;
}

static double mean_probability(const float *logprobs, size_t first, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += exp((double)logprobs[first + i]);
    return sum / (double)count;
}

static pst_status fill(const struct finding *f, pst_transcript *transcript, pst_error *err) {
    char *texts;
    pst_word *words = take_words(f->count, strlen(transcript->text), &texts);
    if (!words) return error_memory(err, f->count * sizeof *words);
    const float *logprobs = f->search->winner->logprobs;
    for (size_t i = 0; i < f->count; i++) {
        const struct word_span *span = &f->spans[i];
        size_t first = span->first_token;
        words[i] = (pst_word){
            .offset = span->offset,
            .start = f->times[i].start,
            .end = f->times[i].end,
            .probability = mean_probability(logprobs, first, span->tokens),
            .confidence = word_confidence(f->session->model->tokenizer, transcript->tokens + first,
                                          logprobs + first, span->tokens),
        };
        put_text(&words[i], &texts, transcript->text + span->offset, span->length);
    }
    transcript->words = words;
    transcript->word_count = f->count;
    transcript->confidence = text_confidence(words, f->count);
    return PST_OK;
}

static void release(struct finding *f) {
    free(f->spans);
    free(f->times);
    free(f->pauses);
    free(f->silent);
    free(f->starts);
}

pst_status timed_words_find(struct pst_session *session, const struct search *search,
                            const float *samples, size_t count, pst_transcript *transcript,
                            pst_error *err) {
    const struct config *config = &session->model->config;
    struct finding f = {
        .session = session,
        .search = search,
        .frame_seconds = (double)family_frame_samples(config) / PST_SAMPLE_RATE_HZ,
        .duration = (double)count / PST_SAMPLE_RATE_HZ,
        .frames = family_extent_of(config, count).frames,
        .tokens = transcript->token_count - 1,
    };
    if (!session->model->tokenizer) return PST_OK;
    pst_status status = search->beams > 1 ? repeat_steps(search, err) : PST_OK;
    if (!status)
        status = word_spans_find(session->model->tokenizer, transcript, &f.spans, &f.count, err);
    if (!status && !pauses_find(samples, count, &f.pauses, &f.pause_count))
        status = error_memory(err, 0);
    if (!status) status = time_tokens(&f, err);
    if (!status) status = time_words(&f, err);
    if (!status) status = fill(&f, transcript, err);
    release(&f);
    return status;
}

pst_status untimed_words_find(const struct tokenizer *tokenizer, pst_transcript *transcript,
                              pst_error *err) {
    struct word_span *spans;
    size_t count;
    char *texts;
    if (transcript->words || !*transcript->text) return PST_OK;
    pst_status status = word_spans_find(tokenizer, transcript, &spans, &count, err);
    if (status) return status;
    pst_word *words = take_words(count, strlen(transcript->text), &texts);
    for (size_t i = 0; words && i < count; i++) {
        words[i] = (pst_word){.offset = spans[i].offset,
                              .start = NAN,
                              .end = NAN,
                              .probability = NAN,
                              .confidence = NAN};
        put_text(&words[i], &texts, transcript->text + spans[i].offset, spans[i].length);
    }
    free(spans);
    if (!words) return error_memory(err, count * sizeof *words);
    transcript->words = words;
    transcript->word_count = count;
    return PST_OK;
}

/* -------------------------------------------------------------------------------- joining */

void timed_words_shift(pst_transcript *transcript, double seconds) {
    for (size_t i = 0; i < transcript->word_count; i++) {
        transcript->words[i].start += seconds;
        transcript->words[i].end += seconds;
    }
}

/* Into the memory that the joined words are in. */
static void copy_words(pst_transcript *joined, const pst_transcript *part, size_t offset,
                       char **texts) {
    for (size_t i = 0; i < part->word_count; i++) {
        pst_word *word = &joined->words[joined->word_count++];
        *word = part->words[i];
        word->offset += offset;
        put_text(word, texts, word->text, strlen(word->text));
    }
}

pst_status timed_words_join(pst_transcript *joined, const pst_transcript *const *parts,
                            size_t count, pst_error *err) {
    size_t words = 0, bytes = 0, offset = 0;
    for (size_t i = 0; i < count; i++) {
        words += parts[i]->word_count;
        bytes += strlen(parts[i]->text);
    }
    joined->confidence = NAN;
    if (!words) return PST_OK;
    char *texts;
    joined->words = take_words(words, bytes, &texts);
    if (!joined->words) return error_memory(err, bytes);
    for (size_t i = 0; i < count; i++) {
        const pst_transcript *part = parts[i];
        if (offset && *part->text) offset++; /* the space between texts */
        copy_words(joined, part, offset, &texts);
        offset += strlen(part->text);
    }
    joined->confidence = text_confidence(joined->words, joined->word_count);
    return PST_OK;
}
