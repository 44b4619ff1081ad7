/* package_transcribe.c - samples to text through the functions of a converted model.
 *
 * The host does what packages leave to it: it fills the clip up to a length and says in masks where it
 * ends, keeps the decoder's cache, and chooses the tokens, by the rules that sessions follow too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/option_struct.h"
#include "decode/rules.h"
#include "network/workspace.h"
#include "pipeline/package_session.h"
#include "pipeline/session.h"
#include "pipeline/waveform.h"

/* What the decoder listens to; lives until the encoder runs again. */
struct memory {
    struct mil_tensor cross_k, cross_v;
};

static struct mil_tensor floats(const char *name, float *data, uint32_t rank, const int64_t *dims) {
    return (struct mil_tensor){.name = name, .type = mil_type_of(MIL_F32, rank, dims), .f = data};
}

static struct mil_tensor integers(const char *name, int32_t *data, uint32_t rank) {
    const int64_t one[] = {1, 1};
    return (struct mil_tensor){.name = name, .type = mil_type_of(MIL_I32, rank, one), .i = data};
}

/* A row of positions, [1, 1, 1, count]. */
static struct mil_tensor row(const char *name, float *data, uint32_t count) {
    return floats(name, data, 4, (const int64_t[]){1, 1, 1, count});
}

static void fill(float *data, size_t count, float first, size_t first_count, float rest) {
    for (size_t i = 0; i < count; i++) data[i] = i < first_count ? first : rest;
}

static pst_status check_result(const struct mil_tensor *tensor, enum mil_dtype dtype, size_t count,
                               pst_error *err) {
    int is_float = dtype == MIL_F32;
    if (mil_elements(&tensor->type) == count && (is_float ? (void *)tensor->f : tensor->i))
        return PST_OK;
    return error_set(err, PST_ERR_MODEL, "the package gives '%s' in another shape than its index",
                     tensor->name);
}

/* The samples, as the model wants them, with silence behind. */
static void load_samples(struct pst_converted *package, const struct package_length *length,
                         const float *samples, size_t count) {
    if (package->index.do_normalize)
        waveform_standardize(samples, count, package->samples);
    else
        memcpy(package->samples, samples, count * sizeof *samples);
    fill(package->samples + count, length->samples - count, 0, 0, 0);
}

/* Runs the encoder; outputs [output_count] are named. */
static pst_status hear(struct pst_converted *package, const struct package_length *length,
                       const float *samples, size_t count, struct mil_tensor *outputs,
                       size_t output_count, pst_error *err) {
    struct extent extent;
    void *encoder;
    pst_status status = package_load(package, &length->encoder, &encoder, err);
    if (status) return status;
    extent_of_clip(&extent, count);
    float masked = package->index.masked;
    load_samples(package, length, samples, count);
    fill(package->frame_weights, length->frames1, (float)length->frames1 / (float)extent.frames1,
         extent.frames1, 0);
    fill(package->key_mask, length->frames, 0, extent.frames, masked);
    fill(package->cross_mask, length->memory, 0, extent.frames, masked);
    const struct mil_tensor inputs[] = {
        floats("input_values", package->samples, 2, (const int64_t[]){1, length->samples}),
        row("frame_weights", package->frame_weights, length->frames1),
        row("key_mask", package->key_mask, length->frames),
    };
    return package->runner->run(encoder, inputs, 3, outputs, output_count, err);
}

static pst_status encode(struct pst_converted *package, const struct package_length *length,
                         const float *samples, size_t count, struct memory *memory,
                         pst_error *err) {
    struct mil_tensor outputs[] = {{.name = "cross_k"}, {.name = "cross_v"}};
    pst_status status = hear(package, length, samples, count, outputs, 2, err);
    size_t elements = (size_t)package->index.cache_dim * length->memory;
    for (size_t i = 0; !status && i < 2; i++)
        status = check_result(&outputs[i], MIL_F32, elements, err);
    *memory = (struct memory){outputs[0], outputs[1]};
    return status;
}

/* Puts a column of the cache where `position` is. */
static void keep(const struct package_index *index, float *cache, const float *column,
                 size_t position) {
    for (size_t i = 0; i < index->cache_dim; i++) cache[i * index->slots + position] = column[i];
}

/* One token in, logits [vocab] of the next one out, into package->scores. */
static pst_status step(struct pst_converted *package, void *decoder,
                       const struct package_length *length, const struct memory *memory,
                       int32_t token, size_t position, pst_error *err) {
    const struct package_index *index = &package->index;
    int32_t place = (int32_t)position;
    const int64_t cache[] = {1, index->cache_dim, 1, index->slots};
    struct mil_tensor cross_k = memory->cross_k, cross_v = memory->cross_v;
    cross_k.type.dtype = cross_v.type.dtype = MIL_F32;
    const struct mil_tensor inputs[] = {
        integers("input_ids", &token, 2),
        integers("position", &place, 1),
        cross_k,
        cross_v,
        row("cross_mask", package->cross_mask, length->memory),
        floats("self_k", package->self_k, 4, cache),
        floats("self_v", package->self_v, 4, cache),
    };
    struct mil_tensor outputs[] = {{.name = "logits"}, {.name = "new_k"}, {.name = "new_v"}};
    pst_status status = package->runner->run(decoder, inputs, index->state ? 5 : 7, outputs,
                                             index->state ? 1 : 3, err);
    if (!status) status = check_result(&outputs[0], MIL_F32, index->vocab, err);
    for (size_t i = 1; !status && !index->state && i < 3; i++)
        status = check_result(&outputs[i], MIL_F32, index->cache_dim, err);
    if (status) return status;
    memcpy(package->scores, outputs[0].f, index->vocab * sizeof *package->scores);
    if (index->state) return PST_OK;
    keep(index, package->self_k, outputs[1].f, position);
    keep(index, package->self_v, outputs[2].f, position);
    return PST_OK;
}

/* --------------------------------------------------------------------------------------------- search */

/* What was found: package->tokens [count]. */
struct found {
    size_t count;
    double logprob; /* sum */
    float margin;
    int truncated;
};

/* Adds the best token by the logits in package->scores. */
static pst_status choose(struct pst_converted *package, const struct rules *rules,
                         struct found *found, pst_error *err) {
    const struct kernels *kernels = package->kernels;
    float *scores = package->scores;
    size_t vocab = package->index.vocab;
    kernels->log_softmax(package->logprobs, scores, vocab);
    rules_apply(rules, scores, package->tokens, found->count, package->kept);
    size_t best = kernels->argmax(scores, vocab);
    if (isnan(scores[best]))
        return error_set(err, PST_ERR_MODEL, "the package gives no finite score at token %zu",
                         found->count);
    float gap = search_gap(kernels, scores, vocab, best);
    if (gap < found->margin) found->margin = gap;
    found->logprob += (double)package->logprobs[best];
    package->tokens[found->count++] = (int32_t)best;
    return PST_OK;
}

static pst_status decode(struct pst_converted *package, const struct package_length *length,
                         const struct memory *memory, const struct rules *rules,
                         struct found *found, pst_error *err) {
    void *decoder;
    pst_status status = package_load(package, &length->decoder, &decoder, err);
    package->tokens[0] = package->index.start;
    *found = (struct found){.count = 1, .margin = INFINITY, .truncated = 1};
    while (!status && found->count < rules->max_length) {
        int32_t last = package->tokens[found->count - 1];
        status = step(package, decoder, length, memory, last, found->count - 1, err);
        if (!status) status = choose(package, rules, found, err);
        if (status || package->tokens[found->count - 1] != rules->eos_token_id) continue;
        found->truncated = 0;
        break;
    }
    return status;
}

/* ------------------------------------------------------------------------------------- single package */

/* The start token, as the tokenizer puts it before a text. */
static pst_status put_start(struct pst_converted *package, pst_error *err) {
    int32_t *ids;
    size_t count;
    pst_status status = tokenizer_encode(package->tokenizer, "", 0, 1, &ids, &count, err);
    if (status) return status;
    package->tokens[0] = count ? ids[0] : 0;
    free(ids);
    return PST_OK;
}

static pst_status run_single(struct pst_converted *package, const float *samples, size_t count,
                             struct found *found, pst_error *err) {
    const struct package_length *length = &package->whole;
    size_t most = package->index.tokens_max - 1;
    void *whole;
    pst_status status = package_load(package, &length->encoder, &whole, err);
    if (!status) status = put_start(package, err);
    if (status) return status;
    load_samples(package, length, samples, count);
    struct mil_tensor output = {.name = "token_ids"},
                      input = floats("input_values", package->samples, 2,
                                     (const int64_t[]){1, length->samples});
    status = package->runner->run(whole, &input, 1, &output, 1, err);
    if (!status) status = check_result(&output, MIL_I32, most, err);
    if (status) return status;
    *found = (struct found){.count = 1, .logprob = NAN, .margin = NAN, .truncated = 1};
    while (found->truncated && found->count <= most) {
        int32_t id = output.i[found->count - 1];
        package->tokens[found->count++] = id;
        if (tokenizer_is_special(package->tokenizer, id)) found->truncated = 0;
    }
    return PST_OK;
}

/* --------------------------------------------------------------------------------------------- public */

static pst_status write_down(const struct pst_converted *package, const struct found *found,
                             pst_transcript *transcript, pst_error *err) {
    size_t bytes = found->count * sizeof *transcript->tokens;
    if (found->count == 0) return error_set(err, PST_ERR_MODEL, "the package gave no token");
    transcript->tokens = malloc(bytes);
    if (!transcript->tokens) return error_memory(err, bytes);
    memcpy(transcript->tokens, package->tokens, bytes);
    transcript->token_count = found->count;
    transcript->avg_logprob = found->count > 1 ? found->logprob / (double)(found->count - 1) : 0;
    transcript->margin = found->margin;
    transcript->truncated = found->truncated;
    struct buffer text = {0};
    pst_status status =
        tokenizer_decode(package->tokenizer, transcript->tokens, found->count, 1, &text, err);
    buffer_append(&text, "", 0); /* an empty text is a text */
    if (!status && text.failed) status = error_memory(err, 0);
    if (status)
        buffer_free(&text);
    else
        transcript->text = text.data;
    return status;
}

/* With the start token. */
static size_t token_limit(const pst_decode_options *options) {
    return options->max_new_tokens ? (size_t)options->max_new_tokens + 1 : options->max_length;
}

/* The encoder is the package's, all that follows the engine's. Rows behind the clip mean nothing. */
static pst_status run_hybrid(struct pst_converted *package, const struct package_length *length,
                             const float *samples, size_t count, const pst_decode_options *options,
                             pst_transcript *transcript, pst_error *err) {
    struct mil_tensor rows = {.name = "encoder_hidden_states"};
    size_t elements = (size_t)length->frames * package->decoder->model->config.dim;
    pst_status status = hear(package, length, samples, count, &rows, 1, err);
    if (!status) status = check_result(&rows, MIL_F32, elements, err);
    return status ? status
                  : session_decode(package->decoder, rows.f, count, options, transcript, err);
}

/* Do the options ask for nothing but the most likely token each time? */
static int is_plain(const pst_decode_options *options) {
    return options->min_length == 0 && options->min_new_tokens == 0 &&
           options->repetition_penalty == 1 && options->no_repeat_ngram_size == 0 &&
           options->suppress_tokens_count == 0 && options->begin_suppress_tokens_count == 0 &&
           options->sequence_bias_count == 0 && options->forced_bos_token_id < 0 &&
           options->forced_eos_token_id < 0;
}

static pst_status check_options(const struct pst_converted *package,
                                const pst_decode_options *options, pst_error *err) {
    const struct package_index *index = &package->index;
    if (package->decoder) return PST_OK; /* which looks itself */
    if (options->num_beams > 1)
        return error_set(err, PST_ERR_ARGUMENT,
                         "num_beams is %u: packages decode greedily, with one", options->num_beams);
    if (package->single && !is_plain(options))
        return error_set(err, PST_ERR_ARGUMENT,
                         "a package of the layout single decodes by itself and knows no rules");
    if (package->single) return PST_OK;
    size_t tokens = token_limit(options);
    if (tokens > index->slots)
        return error_set(
            err, PST_ERR_ARGUMENT,
            "the limit of %zu tokens is more than the %u that the package has room for", tokens,
            (unsigned)index->slots);
    return rules_check(options, index->vocab, err);
}

static pst_status run(struct pst_converted *package, const float *samples, size_t count,
                      const pst_decode_options *options, pst_transcript *transcript,
                      pst_error *err) {
    const struct package_length *length = package_choose(package, count);
    struct found found = {0};
    struct memory memory = {0};
    if (!length)
        return error_set(err, PST_ERR_INPUT, "the clip has %.2f s, the package was made for %.2f s",
                         (double)count / PST_SAMPLE_RATE_HZ,
                         (double)package->index.lengths[package->index.length_count - 1].samples /
                             PST_SAMPLE_RATE_HZ);
    if (package->decoder)
        return run_hybrid(package, length, samples, count, options, transcript, err);
    struct rules rules = {options, package->index.vocab, token_limit(options), package->index.end};
    pst_status status = package->single ? run_single(package, samples, count, &found, err)
                                        : encode(package, length, samples, count, &memory, err);
    if (!status && !package->single) status = decode(package, length, &memory, &rules, &found, err);
    return status ? status : write_down(package, &found, transcript, err);
}

pst_status pst_converted_transcribe(pst_converted *package, const float *samples, size_t count,
                                    const pst_decode_options *options, pst_transcript **out,
                                    pst_error *err) {
    pst_decode_options chosen;
    pst_decode_options_init(&chosen);
    if (!package || !samples || !out)
        return error_set(err, PST_ERR_ARGUMENT, "package, samples and transcript must not be NULL");
    pst_status status =
        option_struct_copy(&chosen, sizeof chosen, options, "pst_decode_options", err);
    if (status) return status;
    if (!chosen.max_new_tokens && !chosen.max_length && !package->decoder)
        chosen.max_length = package->index.tokens_max;
    status = check_options(package, &chosen, err);
    if (!status) status = waveform_check(samples, count, err);
    if (status) return status;
    pst_transcript *transcript = calloc(1, sizeof *transcript);
    if (!transcript) return error_memory(err, sizeof *transcript);
    status = run(package, samples, count, &chosen, transcript, err);
    if (status) {
        pst_transcript_free(transcript);
        return status;
    }
    *out = transcript;
    return PST_OK;
}
