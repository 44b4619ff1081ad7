/* line.c - see line.h. */
#include "pipeline/stream/line.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/family.h"
#include "model/streaming.h"
#include "network/cross_kv.h"
#include "pipeline/device.h"
#include "pipeline/transcribe.h"

/* ------------------------------------------------------------------------------------- memory */

/* What the positions of the streaming family reach; the first family was trained on 30 s. */
size_t line_samples_max(const struct pst_model *model) {
    size_t most = 30 * (size_t)PST_SAMPLE_RATE_HZ;
    const struct config *config = &model->config;
    if (!model->device && config->family == FAMILY_STREAMING)
        most = (size_t)config->max_position_embeddings * STREAM_SAMPLES_PER_FRAME;
    if (model->device && model->device->samples_max && model->device->samples_max < most)
        most = model->device->samples_max;
    return most;
}

/* An encoder that goes on where it was: of the streaming family, unless the samples are to be
 * standardized, which needs all of them. */
static struct engine *incremental_engine(const struct pst_session *session) {
    const struct pst_model *model = session->model;
    struct engine *engine = engine_of(session->backend);
    if (!engine || engine->encoder || model->processor.do_normalize) return NULL;
    return model->config.family == FAMILY_STREAMING ? engine : NULL;
}

static pst_status fit_engine(struct line *line, size_t samples, pst_error *err) {
    const struct config *config = &line->session->model->config;
    struct extent extent = {.beams = line->options.num_beams,
                            .ahead = line->session->search.rules.ahead,
                            .tokens = line->session->search.rules.max_length,
                            .frames = family_extent_of(config, samples).frames,
                            .encoded = stream_encoder_frames(config)};
    pst_status status = engine_fit(line->engine, &extent, err);
    return status ? status : stream_encoder_init(&line->encoder, &line->engine->workspace, err);
}

/* What the line said when it was shorter is the first draft of what it says. */
static pst_status make_drafts(struct line *line, pst_error *err) {
    pst_decode_options *options = &line->options;
    size_t given = options->drafts_count, count = given + 1;
    line->drafts = calloc(count, sizeof *line->drafts);
    if (!line->drafts) return error_memory(err, count * sizeof *line->drafts);
    if (given) memcpy(line->drafts + 1, options->drafts, given * sizeof *line->drafts);
    options->drafts = line->drafts;
    options->drafts_count = count;
    return PST_OK;
}

/* The text as it stands, before the line is decoded again. */
static void set_draft(struct line *line) {
    line->drafts[0] = (pst_sequence_bias){.tokens = line->text.tokens, .count = line->text.count};
}

pst_status line_init(struct line *line, struct pst_session *session,
                     const pst_decode_options *options, size_t samples, pst_error *err) {
    *line = (struct line){
        .session = session, .options = *options, .engine = incremental_engine(session)};
    line->options.word_timestamps = 0;
    pst_status status = make_drafts(line, err);
    if (!status) status = transcribe_fit_search(session, &session->search, &line->options, err);
    if (!status && line->engine) status = fit_engine(line, samples, err);
    if (!status) status = agreement_init(&line->text, session->search.rules.max_length, err);
    if (!status) line_begin(line);
    return status;
}

void line_free(struct line *line) {
    if (line->engine) stream_encoder_free(&line->encoder);
    sample_list_free(&line->samples);
    agreement_free(&line->text);
    free(line->drafts);
}

size_t line_memory(const struct line *line) {
    size_t encoder = line->engine ? 2 * line->encoder.arena.capacity : 0;
    return encoder + line->samples.capacity * sizeof(float) + line->text.room * sizeof(int32_t);
}

/* ------------------------------------------------------------------------------------- hearing */

void line_begin(struct line *line) {
    line->samples.count = line->count = line->known = 0;
    agreement_begin(&line->text, line->session->backend->start);
    if (!line->engine) return;
    cache_at_hand(&line->engine->workspace)->frames = 0;
    stream_encoder_begin(&line->encoder);
}

static void encode_heard(struct line *line) {
    for (size_t at = 0, count; at < line->samples.count; at += count) {
        count = line->samples.count - at;
        if (count > STREAM_PIECE_SAMPLES) count = STREAM_PIECE_SAMPLES;
        cross_kv_append(&line->engine->workspace,
                        stream_encoder_push(&line->encoder, line->samples.data + at, count));
    }
    line->samples.count = 0;
}

pst_status line_add(struct line *line, const float *samples, size_t count, pst_error *err) {
    if (!sample_list_reserve(&line->samples, count))
        return error_memory(err, count * sizeof *samples);
    memcpy(line->samples.data + line->samples.count, samples, count * sizeof *samples);
    line->samples.count += count;
    line->count += count;
    if (line->engine && line->samples.count >= STREAM_PIECE_SAMPLES) encode_heard(line);
    return PST_OK;
}

/* Without an engine: all that is heard so far. */
static pst_status encode_again(struct line *line, pst_error *err) {
    pst_status status = transcribe_fit(line->session, &line->options, line->count, err);
    if (status) return status;
    return transcribe_encode(line->session, line->samples.data, line->count, err);
}

/* ---------------------------------------------------------------------------------------- text */

/* Tokens, start and end among them, that can be said in so many samples: 16 a second, twice what
 * the published vocabularies need. Half a word makes the model repeat itself without end. */
static size_t plausible_tokens(size_t samples) {
    return 8 + samples / (PST_SAMPLE_RATE_HZ / 16);
}

pst_status line_decode(struct line *line, pst_error *err) {
    struct search *search = &line->session->search;
    struct agreement *text = &line->text;
    if (line->count < family_samples_min(&line->session->model->config)) return PST_OK;
    if (line->engine) {
        encode_heard(line);
        if (!cache_at_hand(&line->engine->workspace)->frames) return PST_OK;
    } else {
        line->known = 0;
        pst_status status = encode_again(line, err);
        if (status) return status;
    }
    search->rules.ends = line->session->backend->ends;
    set_draft(line);
    size_t limit = search->rules.max_length, plausible = plausible_tokens(line->count);
    if (plausible < limit) search->rules.max_length = plausible;
    size_t known = line->known < text->committed ? line->known : text->committed - 1;
    pst_status status = greedy_search_from(search, text->tokens, text->committed, known, err);
    search->rules.max_length = limit;
    line->known = 0;
    if (status) return status;
    size_t count = search->winner->count;
    if (!is_end_token(&search->rules.ends, search->winner->tokens[count - 1])) return PST_OK;
    agreement_add(text, search->winner->tokens, count - 1);
    line->known = text->committed - 1;
    return PST_OK;
}

/* With what the encoder held back, as at the end of a clip. */
static pst_status transcribe_ended(struct line *line, pst_transcript **transcript, pst_error *err) {
    struct workspace *ws = &line->engine->workspace;
    encode_heard(line);
    size_t frames = cache_at_hand(ws)->frames;
    stream_encoder_save(&line->encoder);
    cross_kv_append(ws, stream_encoder_end(&line->encoder));
    pst_status status = transcribe_encoded(line->session, transcript, err);
    stream_encoder_restore(&line->encoder);
    cache_at_hand(ws)->frames = frames;
    return status;
}

static pst_status transcribe_guarded(struct line *line, const struct guarded *heard,
                                     pst_transcript **transcript, pst_error *err) {
    struct guarded guarded = *heard;
    guarded.samples = line->samples.data;
    guarded.count = line->count;
    guarded.decode = &line->options;
    guarded.greedy_only = line->session->model->device != NULL;
    if (!line->engine) return guard_transcribe(line->session, &guarded, transcript, err);
    /* Of a line that is encoded as it comes there are no samples to try again with. */
    pst_status status = transcribe_ended(line, transcript, err);
    return status ? status : guard_judge(&guarded, transcript, err);
}

pst_status line_transcribe(struct line *line, const struct guarded *heard,
                           pst_transcript **transcript, pst_error *err) {
    line->known = 0; /* the search may take another way */
    set_draft(line);
    if (heard) return transcribe_guarded(line, heard, transcript, err);
    if (line->engine) return transcribe_ended(line, transcript, err);
    pst_status status = encode_again(line, err);
    return status ? status : transcribe_encoded(line->session, transcript, err);
}
