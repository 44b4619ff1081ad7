/* transcribe.c - samples to text: the stages in their order. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/option_struct.h"
#include "network/decoder.h"
#include "network/encoder.h"
#include "network/stem.h"
#include "pipeline/session.h"
#include "pipeline/waveform.h"

static pst_status listen(struct pst_session *session, const float *samples, size_t count,
                         pst_error *err) {
    float *scaled = NULL;
    if (session->model->processor.do_normalize) {
        scaled = malloc(count * sizeof *scaled);
        if (!scaled) return error_memory(err, count * sizeof *scaled);
        waveform_standardize(samples, count, scaled);
    }
    stem_forward(&session->workspace, scaled ? scaled : samples);
    encoder_forward(&session->workspace);
    decoder_listen(&session->workspace);
    free(scaled);
    return PST_OK;
}

/* The memory of a clip that something else has encoded. */
static void take_over(struct workspace *ws, const float *memory) {
    size_t count = ws->extent.frames * ws->model->config.dim;
    memcpy(ws->hidden, memory, count * sizeof *memory);
    decoder_listen(ws);
}

static pst_status write_down(const struct pst_session *session, pst_transcript *transcript,
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
    transcript->truncated = winner->tokens[winner->count - 1] != search->rules.eos_token_id;
    if (!session->model->tokenizer) {
        transcript->text = strdup(""); /* a model without a tokenizer still gives its tokens */
        return transcript->text ? PST_OK : error_memory(err, 0);
    }
    return pst_model_decode(session->model, transcript->tokens, transcript->token_count, 1,
                            &transcript->text, err);
}

/* samples [count], or in their place memory [frames, dim] of as many. */
static pst_status run(struct pst_session *session, const float *samples, const float *memory,
                      size_t count, const pst_decode_options *options, pst_transcript *transcript,
                      pst_error *err) {
    const struct config *config = &session->model->config;
    size_t max_length =
        options->max_new_tokens ? (size_t)options->max_new_tokens + 1 : options->max_length;
    struct extent extent = {.beams = options->num_beams, .tokens = max_length};
    extent_of_clip(&extent, count);
    pst_status status = session_fit(session, &extent, err);
    if (status) return status;
    spans_clear(session->spans);
    session->search.rules =
        (struct rules){options, config->vocab, max_length, config->eos_token_id};
    session->search.start_token_id = config->decoder_start_token_id;
    if (memory)
        take_over(&session->workspace, memory);
    else
        status = listen(session, samples, count, err);
    if (!status && options->num_beams == 1)
        status = greedy_search(&session->search, err);
    else if (!status)
        status = beam_search(&session->search, err);
    uint64_t start = spans_start(session->spans);
    if (!status) status = write_down(session, transcript, err);
    spans_end(session->spans, 0, PST_STAGE_SEARCH, "text", start);
    return status;
}

/* `options`, NULL: the model's, with its limit where they have none. */
static pst_status settle(const struct pst_session *session, const pst_decode_options *options,
                         pst_decode_options *settled, pst_error *err) {
    *settled = session->model->decode;
    if (options) pst_decode_options_init(settled);
    pst_status status =
        option_struct_copy(settled, sizeof *settled, options, "pst_decode_options", err);
    if (status) return status;
    if (!settled->max_length && !settled->max_new_tokens) {
        settled->max_length = session->model->decode.max_length;
        settled->max_new_tokens = session->model->decode.max_new_tokens;
    }
    return rules_check(settled, session->model->config.vocab, err);
}

pst_status session_decode(struct pst_session *session, const float *memory, size_t samples,
                          const pst_decode_options *options, pst_transcript *transcript,
                          pst_error *err) {
    pst_decode_options chosen;
    pst_status status = settle(session, options, &chosen, err);
    return status ? status : run(session, NULL, memory, samples, &chosen, transcript, err);
}

pst_status pst_transcribe(pst_session *session, const float *samples, size_t count,
                          const pst_decode_options *options, pst_transcript **out, pst_error *err) {
    pst_decode_options chosen;
    if (!session || !samples || !out)
        return error_set(err, PST_ERR_ARGUMENT, "session, samples and transcript must not be NULL");
    pst_status status = settle(session, options, &chosen, err);
    if (!status) status = waveform_check(samples, count, err);
    if (status) return status;
    pst_transcript *transcript = calloc(1, sizeof *transcript);
    if (!transcript) return error_memory(err, sizeof *transcript);
    status = run(session, samples, NULL, count, &chosen, transcript, err);
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
    free(transcript);
}
