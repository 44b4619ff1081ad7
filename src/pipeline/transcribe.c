/* transcribe.c - see transcribe.h. */
#include "pipeline/transcribe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/option_struct.h"
#include "pipeline/device.h"
#include "pipeline/timed_words.h"
#include "pipeline/waveform.h"

pst_status transcribe_encode(struct pst_session *session, const float *samples, size_t count,
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

static pst_status fill_transcript(const struct pst_session *session, const struct search *search,
                                  pst_transcript *transcript, pst_error *err) {
    const struct hypothesis *winner = search->winner;
    transcript->tokens = malloc(winner->count * sizeof *transcript->tokens);
    if (!transcript->tokens) return error_memory(err, winner->count * sizeof *transcript->tokens);
    memcpy(transcript->tokens, winner->tokens, winner->count * sizeof *transcript->tokens);
    if (!search->rules.options->skip_logprob) {
        size_t bytes = winner->count * sizeof *transcript->token_logprobs;
        transcript->token_logprobs = malloc(bytes);
        if (!transcript->token_logprobs) return error_memory(err, bytes);
        memcpy(transcript->token_logprobs, winner->logprobs, bytes);
        transcript->token_logprobs[0] = NAN;
    }
    transcript->token_count = winner->count;
    transcript->avg_logprob = winner->count > 1 ? winner->logprob / (double)(winner->count - 1) : 0;
    transcript->score = winner->score;
    transcript->steps = (uint32_t)search->steps;
    transcript->margin = search->margin;
    transcript->confidence = NAN;
    transcript->no_speech_prob = NAN;
    if (search->looped) transcript->flags = PST_FLAG_LOOP;
    transcript->truncated =
        !search->looped && !is_end_token(&search->rules.ends, winner->tokens[winner->count - 1]);
    if (!session->model->tokenizer) {
        transcript->text = strdup(""); /* a model without a tokenizer still gives its tokens */
        return transcript->text ? PST_OK : error_memory(err, 0);
    }
    return pst_model_decode(session->model, transcript->tokens, transcript->token_count, 1,
                            &transcript->text, err);
}

pst_status transcribe_text(const struct pst_session *session, const struct search *search,
                           pst_transcript **out, pst_error *err) {
    pst_transcript *transcript = calloc(1, sizeof *transcript);
    if (!transcript) return error_memory(err, sizeof *transcript);
    uint64_t start = spans_start(session->spans);
    pst_status status = fill_transcript(session, search, transcript, err);
    spans_end(session->spans, 0, PST_STAGE_SEARCH, "text", start);
    if (status)
        pst_transcript_free(transcript);
    else
        *out = transcript;
    return status;
}

/* With the start token. */
static size_t token_limit(const pst_decode_options *options) {
    return options->max_new_tokens ? (size_t)options->max_new_tokens + 1 : options->max_length;
}

pst_status transcribe_fit_search(const struct pst_session *session, struct search *search,
                                 const pst_decode_options *options, pst_error *err) {
    const struct backend *backend = session->backend;
    struct rules rules = {
        .options = options, .vocab = backend->vocab, .max_length = token_limit(options)};
    if (options->num_beams == 1 && options->drafts_count) rules.ahead = backend->ahead;
    return search_fit(search, &rules, err);
}

pst_status transcribe_fit(struct pst_session *session, const pst_decode_options *options,
                          size_t samples, pst_error *err) {
    struct backend *backend = session->backend;
    pst_status status = transcribe_fit_search(session, &session->search, options, err);
    if (status || !backend->calls->fit) return status;
    const struct text_needs needs = {&session->search.rules, samples};
    return backend->calls->fit(backend, &needs, 1, err);
}

pst_status transcribe_encoded(struct pst_session *session, pst_transcript **out, pst_error *err) {
    struct search *search = &session->search;
    search->looped = 0;
    search->steps = 0;
    search->rules.ends = session->backend->ends; /* known by now: see backend_single.c */
    pst_status status = (search->beams == 1 ? greedy_search : beam_search)(search, err);
    return status ? status : transcribe_text(session, search, out, err);
}

/* What a converted model cannot do. */
static pst_status check_device(const struct device *device, const pst_decode_options *options,
                               pst_error *err) {
    if (!device) return PST_OK;
    if (device->beams_max && options->num_beams > device->beams_max)
        return error_set(err, PST_ERR_ARGUMENT,
                         "num_beams is %u: this converted model decodes greedily, with one%s%s",
                         (unsigned)options->num_beams, device->no_rules ? ": " : "",
                         device->no_rules ? device->no_rules : "");
    if (device->no_rules && !rules_are_plain(options))
        return error_set(err, PST_ERR_ARGUMENT, "%s", device->no_rules);
    if (device->tokens_max && token_limit(options) > device->tokens_max)
        return error_set(
            err, PST_ERR_ARGUMENT,
            "the limit of %zu tokens is more than the %u that the package has room for",
            token_limit(options), (unsigned)device->tokens_max);
    return PST_OK;
}

pst_status transcribe_options(const struct pst_session *session, const pst_decode_options *options,
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
    if (!status) status = rules_check(resolved, session->backend->vocab, err);
    return status ? status : check_device(session->model->device, resolved, err);
}

/* A converted model takes clips as long as its packages are. */
static pst_status check_length(const struct device *device, size_t count, pst_error *err) {
    if (!device || count <= device->samples_max) return PST_OK;
    return error_set(err, PST_ERR_INPUT, "the clip has %.2f s, the package was made for %.2f s",
                     (double)count / PST_SAMPLE_RATE_HZ,
                     (double)device->samples_max / PST_SAMPLE_RATE_HZ);
}

pst_status transcribe_accept(const struct pst_session *session, const float *samples, size_t count,
                             const pst_decode_options *options, pst_decode_options *resolved,
                             pst_error *err) {
    pst_status status = transcribe_options(session, options, resolved, err);
    if (!status) status = waveform_check(&session->model->config, samples, count, err);
    return status ? status : check_length(session->model->device, count, err);
}

pst_status pst_transcribe(pst_session *session, const float *samples, size_t count,
                          const pst_decode_options *options, pst_transcript **out, pst_error *err) {
    pst_decode_options chosen;
    pst_alignment_head heads[ALIGNMENT_HEADS_MAX];
    if (!session || !samples || !out)
        return error_set(err, PST_ERR_ARGUMENT, "session, samples and transcript must not be NULL");
    pst_status status = transcribe_accept(session, samples, count, options, &chosen, err);
    if (!status) status = timed_words_prepare(session, &chosen, heads, err);
    if (!status) status = transcribe_fit(session, &chosen, count, err);
    if (status) return status;
    spans_clear(session->spans);
    pst_transcript *transcript = NULL;
    status = search_check(&session->search, err);
    if (!status) status = transcribe_encode(session, samples, count, err);
    if (!status) status = transcribe_encoded(session, &transcript, err);
    if (!status && chosen.word_timestamps)
        status = timed_words_find(session, &session->search, samples, count, transcript, err);
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
    free(transcript->token_logprobs);
    free(transcript->words);
    free(transcript);
}
