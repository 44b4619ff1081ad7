/* convert_plan.c - see convert_plan.h. */
#include "coreml/convert/convert_plan.h"

#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "model/family.h"

/* The host's rows are easiest for the Neural Engine when they are multiples of 64 bytes. */
enum { ROUND_POSITIONS = 32 };
enum { THREADS_MAX = 8 };
/* Of the cache. No published model says more than 194 tokens in 30 seconds. */
enum { SLOTS_MAX = 512 };
static const uint32_t SPLIT_SECONDS[] = {10, 30}, SINGLE_SECONDS[] = {10}, STREAM_SECONDS[] = {30};

static const struct convert_precision PRECISIONS[] = {
    [PST_CONVERT_FLOAT16] = {"float16", WEIGHTS_FLOAT16, 16},
    [PST_CONVERT_FLOAT32] = {"float32", WEIGHTS_FLOAT32, 32},
    [PST_CONVERT_INT8] = {"int8", WEIGHTS_INT8, 8},
    [PST_CONVERT_PALETTE8] = {"palette8", WEIGHTS_PALETTE, 8},
    [PST_CONVERT_PALETTE6] = {"palette6", WEIGHTS_PALETTE, 6},
    [PST_CONVERT_PALETTE4] = {"palette4", WEIGHTS_PALETTE, 4},
};

static const struct convert_target TARGETS[] = {
    [PST_CONVERT_IOS16] = {"ios16", GRAPH_IOS16},
    [PST_CONVERT_IOS15] = {"ios15", GRAPH_IOS15},
    [PST_CONVERT_IOS18] = {"ios18", GRAPH_IOS18},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const char *convert_known_precision(const char *text) {
    for (size_t i = 0; i < COUNT(PRECISIONS); i++)
        if (strcmp(PRECISIONS[i].name, text) == 0) return PRECISIONS[i].name;
    return "";
}

/* ------------------------------------------------------------------------------------ arguments */

static uint32_t piece_ms(const pst_convert_options *options) {
    return options->piece_ms ? options->piece_ms : CONVERT_PIECE_MS;
}

static pst_status check_piece(const pst_convert_options *options, pst_error *err) {
    uint32_t ms = piece_ms(options);
    if (options->piece_ms && options->layout != PST_CONVERT_STREAM)
        return error_set(err, PST_ERR_ARGUMENT,
                         "a length of pieces is for the layout stream; others hear whole clips");
    if (ms % CONVERT_FRAME_MS == 0 && ms <= CONVERT_PIECE_MS_MAX) return PST_OK;
    return error_set(err, PST_ERR_ARGUMENT, "pieces of %u ms, expected a multiple of %d up to %d",
                     ms, CONVERT_FRAME_MS, CONVERT_PIECE_MS_MAX);
}

static pst_status check_ahead(const pst_convert_options *options, pst_error *err) {
    if (!options->ahead) return PST_OK;
    if (options->ahead < CONVERT_AHEAD_MIN || options->ahead > CONVERT_AHEAD_MAX)
        return error_set(err, PST_ERR_ARGUMENT,
                         "a function for %u tokens of a text, expected %d to %d", options->ahead,
                         CONVERT_AHEAD_MIN, CONVERT_AHEAD_MAX);
    if (options->layout == PST_CONVERT_SINGLE)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "several tokens a call are for the layouts split and stream; single "
                         "decodes by itself");
    if (options->state)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "several tokens a call need a cache that the app keeps: functions of a "
                         "package do not share a state");
    return PST_OK;
}

static pst_status check_forms(const pst_convert_options *options, pst_error *err) {
    if (options->outputs == PST_CONVERT_TOKEN && options->layout == PST_CONVERT_SINGLE)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "a token for scores is for the layouts split and stream; single gives "
                         "tokens by itself");
    if (options->input != PST_CONVERT_BLOCKS) return PST_OK;
    if (options->layout != PST_CONVERT_SPLIT)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "samples in blocks are for the layout split, of models that hear a clip "
                         "as a whole");
    if (options->target == PST_CONVERT_IOS15)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "samples in blocks are float16, an input needs iOS 16 for that, the "
                         "target is ios15");
    return PST_OK;
}

pst_status convert_check_options(const pst_convert_options *options, pst_error *err) {
    pst_convert_precision precision = options->precision;
    if ((size_t)precision >= COUNT(PRECISIONS) || (size_t)options->target >= COUNT(TARGETS) ||
        (unsigned)options->layout > PST_CONVERT_STREAM ||
        (unsigned)options->outputs > PST_CONVERT_TOKEN ||
        (unsigned)options->input > PST_CONVERT_BLOCKS)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_convert: no such precision, target, layout, outputs or input");
    if (options->target == PST_CONVERT_IOS15 && PRECISIONS[precision].weights >= WEIGHTS_INT8)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s weights need iOS 16 or later, the target is ios15",
                         PRECISIONS[precision].name);
    pst_status status = check_piece(options, err);
    if (!status) status = check_ahead(options, err);
    if (!status) status = check_forms(options, err);
    if (!status && options->with_decoder && options->layout == PST_CONVERT_SINGLE)
        status = error_set(err, PST_ERR_UNSUPPORTED,
                           "a package of the layout single decodes by itself: it has no use for a "
                           "decoder beside it");
    if (!status && options->drafts_file && options->layout == PST_CONVERT_SINGLE)
        status = error_set(err, PST_ERR_UNSUPPORTED,
                           "a package of the layout single decodes by itself: it has no use for "
                           "drafts");
    if (status || !options->state) return status;
    if (options->target != PST_CONVERT_IOS18)
        return error_set(err, PST_ERR_UNSUPPORTED, "a state needs iOS 18, the target is %s",
                         TARGETS[options->target].name);
    if (precision == PST_CONVERT_FLOAT32)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "a state is float16, the precision asked for float32");
    if (options->layout == PST_CONVERT_SINGLE)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "a state is for the layout split; single keeps its cache to itself");
    return PST_OK;
}

pst_status convert_plan_options(struct conversion *conversion, pst_error *err) {
    const pst_convert_options *options = conversion->options;
    conversion->precision = &PRECISIONS[options->precision];
    conversion->target = &TARGETS[options->target];
    int single = options->layout == PST_CONVERT_SINGLE,
        stream = options->layout == PST_CONVERT_STREAM;
    const uint32_t *seconds = options->seconds;
    size_t count = options->seconds_count;
    if (!seconds) {
        seconds = single ? SINGLE_SECONDS : stream ? STREAM_SECONDS : SPLIT_SECONDS;
        count = single || stream ? 1 : COUNT(SPLIT_SECONDS);
    }
    if (count == 0 || ((single || stream) && count > 1))
        return error_set(err, PST_ERR_ARGUMENT, "%zu lengths, expected %s", count,
                         single   ? "one for the layout single"
                         : stream ? "one for the layout stream"
                                  : "at least one");
    if (stream) conversion->piece = (int32_t)(piece_ms(options) / CONVERT_FRAME_MS);
    unsigned char wanted[CONVERT_SECONDS_MAX + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        if (seconds[i] < CONVERT_SECONDS_MIN || seconds[i] > CONVERT_SECONDS_MAX)
            return error_set(err, PST_ERR_ARGUMENT, "a length of %u seconds, expected %d to %d",
                             seconds[i], CONVERT_SECONDS_MIN, CONVERT_SECONDS_MAX);
        wanted[seconds[i]] = 1;
    }
    for (uint32_t s = CONVERT_SECONDS_MIN; s <= CONVERT_SECONDS_MAX; s++)
        if (wanted[s]) conversion->seconds[conversion->count++] = s;
    return PST_OK;
}

/* --------------------------------------------------------------------------------------- shapes */

static int32_t round_up(uint32_t positions) {
    return (int32_t)((positions + ROUND_POSITIONS - 1) / ROUND_POSITIONS * ROUND_POSITIONS);
}

unsigned convert_threads(const struct conversion *conversion) {
    unsigned asked = conversion->options->threads, threads = asked ? asked : cpu_count();
    if (!asked && threads > THREADS_MAX) threads = THREADS_MAX;
    return threads > THREAD_POOL_MAX ? THREAD_POOL_MAX : threads;
}

struct graph convert_graph(const struct conversion *conversion, struct mil_model *model) {
    const pst_convert_options *options = conversion->options;
    int wide = options->precision == PST_CONVERT_FLOAT32;
    return (struct graph){
        .model = model,
        .dtype = wide ? MIL_F32 : MIL_F16,
        .io = wide || options->target == PST_CONVERT_IOS15 ? MIL_F32 : MIL_F16,
        .specification = conversion->target->specification,
        .config = &conversion->merge.model->config,
        .weights = &conversion->merge.model->weights,
        .stored = &conversion->weights,
        .tied = conversion->merge.tied,
        .encoder_residual = conversion->encoder_residual,
        .decoder_residual = conversion->decoder_residual,
    };
}

struct graph_shape convert_shape(const struct conversion *conversion, size_t index) {
    return convert_shape_of(conversion, conversion->seconds[index]);
}

struct graph_shape convert_shape_of(const struct conversion *conversion, uint32_t seconds) {
    const struct config *config = &conversion->merge.model->config;
    struct graph_shape shape = {
        .extent = family_extent_of(config, seconds * PST_SAMPLE_RATE_HZ),
        .slots = conversion->slots,
        .tokens = conversion->tokens,
        .start = config->decoder_start_token_id,
        .ends = config->eos_token_ids,
        .end_count = config->eos_count,
        .state = conversion->options->state,
        .token = conversion->options->outputs == PST_CONVERT_TOKEN,
        .blocks = conversion->options->input == PST_CONVERT_BLOCKS,
        .piece = conversion->piece,
    };
    shape.memory = round_up((uint32_t)shape.extent.frames);
    return shape;
}

void convert_plan_cache(struct conversion *conversion) {
    const pst_model *model = conversion->merge.model;
    const pst_decode_options *decode = &model->generation.decode;
    uint32_t tokens = decode->max_new_tokens ? decode->max_new_tokens + 1 : decode->max_length;
    if (tokens < 2) tokens = 2;
    uint32_t slots = tokens > model->config.max_position_embeddings
                         ? tokens
                         : model->config.max_position_embeddings;
    if (slots > SLOTS_MAX) slots = SLOTS_MAX;
    conversion->slots = round_up(slots);
    conversion->tokens = tokens < slots ? (int32_t)tokens : (int32_t)slots;
}
