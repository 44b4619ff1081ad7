/* transcribe.c - samples to text: the stages in their order. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/option_struct.h"
#include "pipeline/device.h"
#include "pipeline/session.h"
#include "pipeline/timed_words.h"
#include "pipeline/waveform.h"

static pst_status encode(struct pst_session *session, const float *samples, size_t count,
                         pst_error *err) {
    struct backend *backend = session->backend;
    float *scaled = NULL;
    if (session->model->processor.do_normalize) {
        scaled = malloc(count * sizeof *scaled);
        if (!scaled) return error_memory(err, count * sizeof *scaled);
        waveform_standardize(samples, count, scaled);
    }
    pst_status status = backend->calls->encode(backend, scaled ? scaled : samples, count, err);
    free(scaled);
    return status;
}

static pst_status fill_transcript(const struct pst_session *session, pst_transcript *transcript,
                                  pst_error *err) {
    const struct search *search = &session->search;
    const struct hypothesis *winner = search->winner;
    transcript->tokens = malloc(winner->count * sizeof *transcript->tokens);
    if (!transcript->tokens) return error_memory(err, winner->count * sizeof *transcript->tokens);
    memcpy(transcript->tokens, winner->tokens, winner->count * sizeof *transcript->tokens);
    transcript->token_count = winner->count;
    transcript->avg_logprob = winner->count > 1 ? winner->logprob / (double)(winner->count - 1) : 0;
    transcript->score = winner->score;
    transcript->margin = search->margin;
    transcript->confidence = NAN;
    transcript->truncated = !is_end_token(&search->rules.ends, winner->tokens[winner->count - 1]);
    if (!session->model->tokenizer) {
        transcript->text = strdup(""); /* a model without a tokenizer still gives its tokens */
        return transcript->text ? PST_OK : error_memory(err, 0);
    }
    return pst_model_decode(session->model, transcript->tokens, transcript->token_count, 1,
                            &transcript->text, err);
}

/* With the start token. */
static size_t token_limit(const pst_decode_options *options) {
    return options->max_new_tokens ? (size_t)options->max_new_tokens + 1 : options->max_length;
}

static pst_status run(struct pst_session *session, const float *samples, size_t count,
                      const pst_decode_options *options, pst_transcript *transcript,
                      pst_error *err) {
    struct backend *backend = session->backend;
    pst_alignment_head heads[ALIGNMENT_HEADS_MAX];
    struct rules rules = {
        .options = options, .vocab = backend->vocab, .max_length = token_limit(options)};
    pst_status status = timed_words_prepare(session, options, heads, err);
    if (!status) status = search_fit(&session->search, &rules, err);
    if (!status && backend->calls->fit) status = backend->calls->fit(backend, &rules, count, err);
    if (status) return status;
    spans_clear(session->spans);
    status = encode(session, samples, count, err);
    session->search.rules.ends = backend->ends; /* known by now: see backend_single.c */
    if (!status)
        status = (options->num_beams == 1 ? greedy_search : beam_search)(&session->search, err);
    uint64_t start = spans_start(session->spans);
    if (!status) status = fill_transcript(session, transcript, err);
    spans_end(session->spans, 0, PST_STAGE_SEARCH, "text", start);
    if (!status && options->word_timestamps)
        status = timed_words_find(session, samples, count, transcript, err);
    return status;
}

/* `options` (NULL: the model's), with the model's limit where they have none. */
static pst_status resolve(const struct pst_session *session, const pst_decode_options *options,
                          pst_decode_options *resolved, pst_error *err) {
    *resolved = session->model->generation.decode;
    if (options) pst_decode_options_init(resolved);
    pst_status status =
        option_struct_copy(resolved, sizeof *resolved, options, "pst_decode_options", err);
    if (status) return status;
    if (!resolved->max_length && !resolved->max_new_tokens) {
        resolved->max_length = session->model->generation.decode.max_length;
        resolved->max_new_tokens = session->model->generation.decode.max_new_tokens;
    }
    status = generation_check(&session->model->generation, resolved->num_beams, err);
    return status ? status : rules_check(resolved, session->backend->vocab, err);
}

/* What a converted model cannot do. */
static pst_status check_device(const struct device *device, size_t count,
                               const pst_decode_options *options, pst_error *err) {
    if (count > device->samples_max)
        return error_set(err, PST_ERR_INPUT, "the clip has %.2f s, the package was made for %.2f s",
                         (double)count / PST_SAMPLE_RATE_HZ,
                         (double)device->samples_max / PST_SAMPLE_RATE_HZ);
    if (device->beams_max && options->num_beams > device->beams_max)
        return error_set(err, PST_ERR_ARGUMENT,
                         "num_beams is %u: this converted model decodes greedily, with one",
                         (unsigned)options->num_beams);
    if (device->no_rules && !rules_are_plain(options))
        return error_set(err, PST_ERR_ARGUMENT,
                         "a package of the layout single decodes by itself and knows no rules");
    if (device->tokens_max && token_limit(options) > device->tokens_max)
        return error_set(
            err, PST_ERR_ARGUMENT,
            "the limit of %zu tokens is more than the %u that the package has room for",
            token_limit(options), (unsigned)device->tokens_max);
    return PST_OK;
}

pst_status pst_transcribe(pst_session *session, const float *samples, size_t count,
                          const pst_decode_options *options, pst_transcript **out, pst_error *err) {
    pst_decode_options chosen;
    if (!session || !samples || !out)
        return error_set(err, PST_ERR_ARGUMENT, "session, samples and transcript must not be NULL");
    pst_status status = resolve(session, options, &chosen, err);
    if (!status) status = waveform_check(&session->model->config, samples, count, err);
    if (!status && session->model->device)
        status = check_device(session->model->device, count, &chosen, err);
    if (status) return status;
    pst_transcript *transcript = calloc(1, sizeof *transcript);
    if (!transcript) return error_memory(err, sizeof *transcript);
    status = run(session, samples, count, &chosen, transcript, err);
    if (status) {
        pst_transcript_free(transcript);
        return status;
    }
    *out = transcript;
    return PST_OK;
}

void pst_transcript_free(pst_transcript *transcript) {
    if (!transcript) return;
    free(transcript->text);
    free(transcript->tokens);
    free(transcript->words);
    free(transcript);
}
