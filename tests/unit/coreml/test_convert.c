/* test_convert.c - converting: the packages read back, what they compute against the engine, that
 * the same gives the same bytes, what is refused, and that a failure leaves nothing. */
#include "support/test.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file_view.h"
#include "base/temporary.h"
#include "network/cross_kv.h"
#include "network/decoder.h"
#include "network/encoder.h"
#include "network/logits.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"
#include "potstill_tools.h"
#include "support/cancel_at.h"
#include "support/mil_clip.h"
#include "support/scratch.h"

/* Of the engine's largest value: what float32 sums in another order come to, and float16. */
static const double F32_ERROR = 1e-4, F16_ERROR = 0.02;

static pst_error err;
static char root[512], target[600], single[600];

static const char *golden(const char *name) {
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/tests/golden/%s", TEST_SOURCE_DIR, name);
    return path;
}

static int start(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("convert"));
    snprintf(target, sizeof target, "%s/converted", root);
    snprintf(single, sizeof single, "%s/single.mlpackage", root);
    return 0;
}

static void must(pst_status status) {
    if (status) fail_msg("%s", err.message);
}

static const uint32_t LENGTHS[] = {2, 1};

/* Options for two short lengths, replacing what is there. */
static pst_convert_options short_lengths(pst_convert_precision precision,
                                         pst_convert_target system) {
    pst_convert_options options;
    pst_convert_options_init(&options);
    options.precision = precision;
    options.target = system;
    options.seconds = LENGTHS;
    options.seconds_count = 2;
    options.force = 1;
    return options;
}

static const char *inside(const char *folder, const char *name) {
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* --------------------------------------------------------------------------------------- shapes */

static void expect_feature(const struct mil_feature *feature, const char *name,
                           enum mil_dtype dtype, uint32_t rank, const int64_t *dims) {
    assert_string_equal(feature->name, name);
    assert_int_equal(feature->type.dtype, dtype);
    assert_int_equal(feature->type.rank, rank);
    for (uint32_t i = 0; i < rank; i++) assert_int_equal(feature->type.dims[i], dims[i]);
    assert_true(strlen(feature->description) > 0);
}

static void packages_read_back(void **state) {
    (void)state;
    struct mil_model *model;
    pst_convert_options options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    must(pst_convert(golden("micro"), NULL, 0, target, &options, &err));
    must(package_read(inside(target, "encoder-2s.mlpackage"), &model, &err));
    assert_int_equal(model->specification, 7);
    assert_int_equal(model->interface_count, 1);
    assert_string_equal(model->author, "converted by Potstill");
    assert_true(model->user_defined_count >= 5);
    const struct mil_interface *face = &model->interfaces[0];
    assert_int_equal(face->input_count, 3);
    assert_int_equal(face->output_count, 3);
    expect_feature(&face->inputs[0], "input_values", MIL_F32, SHAPE(1, 32000));
    expect_feature(&face->inputs[1], "frame_weights", MIL_F16, SHAPE(1, 1, 1, 499));
    expect_feature(&face->inputs[2], "key_mask", MIL_F16, SHAPE(1, 1, 1, 82));
    expect_feature(&face->outputs[0], "encoder_hidden_states", MIL_F16, SHAPE(1, 82, 32));
    expect_feature(&face->outputs[1], "cross_k", MIL_F16, SHAPE(1, 96, 1, 96));
    expect_feature(&face->outputs[2], "cross_v", MIL_F16, SHAPE(1, 96, 1, 96));
    mil_model_free(model);
    must(package_read(inside(target, "decoder-1s.mlpackage"), &model, &err));
    face = &model->interfaces[0];
    assert_int_equal(face->input_count, 7);
    expect_feature(&face->inputs[0], "input_ids", MIL_I32, SHAPE(1, 1));
    expect_feature(&face->inputs[1], "position", MIL_I32, SHAPE(1));
    expect_feature(&face->inputs[2], "self_k", MIL_F16, SHAPE(1, 96, 1, 224));
    expect_feature(&face->inputs[4], "cross_k", MIL_F16, SHAPE(1, 96, 1, 64));
    expect_feature(&face->outputs[0], "logits", MIL_F16, SHAPE(1, 328));
    expect_feature(&face->outputs[1], "new_k", MIL_F16, SHAPE(1, 96, 1, 1));
    mil_model_free(model);
}

/* The axis of the samples is the only one beyond what the Neural Engine takes, and no graph
 * computes along it: the longest clip has 7,500 blocks. */
static void no_axis_is_too_long(void **state) {
    (void)state;
    struct mil_model *model;
    pst_convert_options options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    options.seconds = (const uint32_t[]){30};
    options.seconds_count = 1;
    must(pst_convert(golden("micro"), NULL, 0, target, &options, &err));
    must(package_read(inside(target, "encoder-30s.mlpackage"), &model, &err));
    const struct mil_block *block = model->functions[0]->block;
    for (size_t i = 0; i < block->item_count; i++) {
        const struct mil_op *op = block->items[i].op;
        if (!op || strcmp(op->type, "cast") == 0) continue; /* of the samples to float16 */
        for (size_t j = 0; j < op->output_count; j++)
            for (uint32_t d = 0; d < op->outputs[j]->type.rank; d++)
                assert_true(op->outputs[j]->type.dims[d] <= 16384);
    }
    mil_model_free(model);
}

/* -------------------------------------------------------------------------------------- numbers */

enum { CLIP = 24000, TOKENS = 12 };

/* Something between noise and speech: a few tones and a hiss. */
static void make_clip(float *samples, size_t count) {
    unsigned seed = 5;
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        double t = (double)i / PST_SAMPLE_RATE_HZ;
        samples[i] = (float)(0.2 * sin(6.28 * 220 * t) * sin(6.28 * 3 * t) +
                             0.1 * sin(6.28 * 1700 * t) + 0.02 * ((double)(seed >> 8) / 8e6 - 1));
    }
}

/* Largest difference, as a part of the largest value of `b`; NaN when there is one. Not by fmax(),
 * which passes over NaN and which gcc 12 for AArch64 does not survive here. */
static double difference(const float *a, const float *b, size_t count) {
    double largest = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        double apart = fabs((double)a[i] - (double)b[i]), value = fabs((double)b[i]);
        if (!(apart <= largest)) largest = apart;
        if (value > size) size = value;
    }
    return largest / size;
}

/* The conversion in `target` on a clip of `count` samples, beside the engine on model_dir. */
static void compare(const char *model_dir, int seconds, size_t count, enum mil_rounding rounding,
                    double bound) {
    static float samples[CLIP];
    pst_model *model;
    pst_session *session;
    struct part encoder, decoder;
    struct extent extent = {.beams = 1, .tokens = TOKENS};
    make_clip(samples, count);
    must(pst_model_open(model_dir, NULL, &model, &err));
    must(pst_session_new(model, NULL, &session, &err));
    extent_of_clip(&extent, &model->config, count);
    struct engine *engine = engine_of(session->backend);
    must(engine_fit(engine, &extent, &err));
    struct workspace *ws = &engine->workspace;
    encoder_forward(ws, samples, count);
    part_open_length(target, seconds, rounding, &encoder, &decoder);
    size_t frames = part_encode(&encoder, samples, count);
    assert_int_equal(frames, extent.frames);
    double apart = difference(part_output(&encoder, "encoder_hidden_states")->f, ws->memory,
                              frames * model->config.encoder_dim);
    if (!(apart <= bound)) fail_msg("%d s: the encoder is %g off", seconds, apart);
    cross_kv_compute(ws); /* adds positions to the memory, in the streaming family */
    part_set_memory(&decoder, &encoder, frames);
    for (int32_t position = 0; position < TOKENS; position++) {
        int32_t token = position ? 3 + 29 * position % 300 : 1;
        const float *logits = part_step(&decoder, token, position);
        decoder_step(ws, &token, 1, (size_t)position);
        logits_compute(ws, 1);
        apart = difference(logits, ws->logits.all, model->config.vocab);
        if (!(apart <= bound)) fail_msg("%d s: step %d is %g off", seconds, position, apart);
    }
    part_close(&encoder);
    part_close(&decoder);
    pst_session_free(session);
    pst_model_free(model);
}

static void float32_is_the_engine(void **state) {
    (void)state;
    static const pst_convert_target SYSTEMS[] = {PST_CONVERT_IOS15, PST_CONVERT_IOS16,
                                                 PST_CONVERT_IOS18};
    for (int i = 0; i < 3; i++) {
        pst_convert_options options = short_lengths(PST_CONVERT_FLOAT32, SYSTEMS[i]);
        must(pst_convert(golden("micro"), NULL, 0, target, &options, &err));
        compare(golden("micro"), 1, 16000, MIL_ROUND_NONE, F32_ERROR);
        /* Shorter clips, filled up: by one sample, by most of the length, to the least there is. */
        compare(golden("micro"), 1, 15999, MIL_ROUND_NONE, F32_ERROR);
        compare(golden("micro"), 2, 16000, MIL_ROUND_NONE, F32_ERROR);
        compare(golden("micro"), 2, 895, MIL_ROUND_NONE, F32_ERROR);
    }
}

/* The scores of a head of 30 s are 3 MB: each is by itself there. */
static void heads_by_themselves_are_the_engine(void **state) {
    (void)state;
    static const char *const MODELS[] = {"micro", "micro_v4"};
    static const size_t PRODUCTS[] = {2 * 4 * 2, 2 * 2 * 2}; /* for each head of each layer */
    struct mil_model *model;
    for (int i = 0; i < 2; i++) {
        size_t products = 0;
        pst_convert_options options = short_lengths(PST_CONVERT_FLOAT32, PST_CONVERT_IOS16);
        options.seconds = (const uint32_t[]){30};
        options.seconds_count = 1;
        must(pst_convert(golden(MODELS[i]), NULL, 0, target, &options, &err));
        compare(golden(MODELS[i]), 30, 20000, MIL_ROUND_NONE, F32_ERROR);
        must(package_read(inside(target, "encoder-30s.mlpackage"), &model, &err));
        const struct mil_block *block = model->functions[0]->block;
        for (size_t j = 0; j < block->item_count; j++)
            products += block->items[j].op && strcmp(block->items[j].op->type, "matmul") == 0;
        assert_int_equal(products, PRODUCTS[i]);
        mil_model_free(model);
    }
}

static void float16_is_near_the_engine(void **state) {
    (void)state;
    pst_convert_options options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    must(pst_convert(golden("micro"), NULL, 0, target, &options, &err));
    compare(golden("micro"), 1, 16000, MIL_ROUND_F16, F16_ERROR);
    compare(golden("micro"), 2, 20000, MIL_ROUND_F16, F16_ERROR);
    options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS15);
    must(pst_convert(golden("micro"), NULL, 0, target, &options, &err));
    compare(golden("micro"), 2, 20000, MIL_ROUND_F16, F16_ERROR);
    options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS18);
    options.state = 1;
    must(pst_convert(golden("micro"), NULL, 0, target, &options, &err));
    compare(golden("micro"), 1, 16000, MIL_ROUND_F16, F16_ERROR);
}

/* The scales that the decoder's package tells, and whether its norms limit what they take. */
static void expect_scales(const char *scales, int limited) {
    struct mil_model *model;
    const char *said = "";
    int found = 0;
    must(package_read(inside(target, "decoder-1s.mlpackage"), &model, &err));
    for (size_t i = 0; i < model->user_defined_count; i++)
        if (strcmp(model->user_defined[i].key, "potstill.residual_scales") == 0)
            said = model->user_defined[i].value;
    const struct mil_block *block = model->functions[0]->block;
    for (size_t i = 0; i < block->item_count; i++)
        found |= block->items[i].op && strcmp(block->items[i].op->type, "reduce_max") == 0;
    assert_string_equal(said, scales);
    assert_int_equal(found, limited);
    mil_model_free(model);
}

/* An adapter taken many times makes a residual stream long: first it is scaled, then it does not
 * fit and the norms limit it. (The last model is nothing that float16 weights can stand for.) */
static void long_residuals_are_scaled_or_limited(void **state) {
    (void)state;
    static const struct {
        double weight;
        const char *scales;
    } CASES[] = {{0, "1 1"}, {6, "0.5 0.25"}, {100, ""}};
    char merged[600];
    snprintf(merged, sizeof merged, "%s/merged", root);
    for (int i = 0; i < 3; i++) {
        const pst_merge_adapter adapter = {golden("adapter"), CASES[i].weight};
        pst_convert_options options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
        pst_merge_options merge;
        pst_merge_options_init(&merge);
        merge.force = 1;
        must(pst_merge(golden("micro"), &adapter, 1, merged, &merge, &err));
        must(pst_convert(merged, NULL, 0, target, &options, &err));
        expect_scales(CASES[i].scales, !*CASES[i].scales);
        if (*CASES[i].scales) compare(merged, 1, 16000, MIL_ROUND_F16, 2 * F16_ERROR);
        options.precision = PST_CONVERT_INT8; /* its scales are small already */
        must(pst_convert(merged, NULL, 0, target, &options, &err));
        expect_scales("", 1);
    }
}

static void other_models_convert(void **state) {
    (void)state;
    static const char *const MODELS[] = {"micro_untied", "micro_v4", "micro_bf16", "micro_sharded"};
    for (int i = 0; i < 4; i++) {
        pst_convert_options options = short_lengths(PST_CONVERT_FLOAT32, PST_CONVERT_IOS16);
        must(pst_convert(golden(MODELS[i]), NULL, 0, target, &options, &err));
        compare(golden(MODELS[i]), 2, 20000, MIL_ROUND_NONE, F32_ERROR);
    }
}

/* The clip ends within a frame of 5 ms, after one, and within the longest window. */
static void streaming_is_the_engine(void **state) {
    (void)state;
    static const pst_convert_target SYSTEMS[] = {PST_CONVERT_IOS15, PST_CONVERT_IOS16,
                                                 PST_CONVERT_IOS18};
    for (int i = 0; i < 3; i++) {
        pst_convert_options options = short_lengths(PST_CONVERT_FLOAT32, SYSTEMS[i]);
        must(pst_convert(golden("micro_streaming"), NULL, 0, target, &options, &err));
        compare(golden("micro_streaming"), 1, 16000, MIL_ROUND_NONE, F32_ERROR);
        compare(golden("micro_streaming"), 1, 15999, MIL_ROUND_NONE, F32_ERROR);
        compare(golden("micro_streaming"), 2, 1681, MIL_ROUND_NONE, F32_ERROR);
        compare(golden("micro_streaming"), 2, 80, MIL_ROUND_NONE, F32_ERROR);
    }
    pst_convert_options options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    must(pst_convert(golden("micro_streaming"), NULL, 0, target, &options, &err));
    compare(golden("micro_streaming"), 2, 20000, MIL_ROUND_F16, F16_ERROR);
}

static void streaming_reads_back(void **state) {
    (void)state;
    struct mil_model *model;
    pst_convert_options options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    must(pst_convert(golden("micro_streaming"), NULL, 0, target, &options, &err));
    must(package_read(inside(target, "encoder-2s.mlpackage"), &model, &err));
    const struct mil_interface *face = &model->interfaces[0];
    assert_int_equal(face->input_count, 2);
    assert_int_equal(face->output_count, 3);
    expect_feature(&face->inputs[0], "input_values", MIL_F32, SHAPE(1, 32000));
    expect_feature(&face->inputs[1], "key_mask", MIL_F16, SHAPE(1, 1, 1, 100));
    expect_feature(&face->outputs[0], "encoder_hidden_states", MIL_F16, SHAPE(1, 100, 40));
    expect_feature(&face->outputs[1], "cross_k", MIL_F16, SHAPE(1, 96, 1, 128));
    mil_model_free(model);
}

static void adapters_are_merged(void **state) {
    (void)state;
    char merged[600];
    pst_merge_adapter adapters[] = {{golden("adapter"), 1.5}, {golden("adapter"), -0.25}};
    pst_merge_options merge_options;
    pst_merge_options_init(&merge_options);
    merge_options.force = 1;
    snprintf(merged, sizeof merged, "%s/merged", root);
    must(pst_merge(golden("micro"), adapters, 2, merged, &merge_options, &err));
    pst_convert_options options = short_lengths(PST_CONVERT_FLOAT32, PST_CONVERT_IOS16);
    must(pst_convert(golden("micro"), adapters, 2, target, &options, &err));
    compare(merged, 2, 20000, MIL_ROUND_NONE, F32_ERROR);
}

/* The loop inside gives the tokens of greedy decoding, then end tokens. */
static void compare_single(const char *model_dir, size_t count) {
    static float samples[16000];
    struct part part;
    pst_model *model;
    pst_session *session;
    pst_transcript *transcript;
    pst_decode_options greedy;
    pst_convert_options options = short_lengths(PST_CONVERT_FLOAT32, PST_CONVERT_IOS16);
    options.layout = PST_CONVERT_SINGLE;
    options.seconds_count = 1;
    options.seconds = (const uint32_t[]){1};
    must(pst_convert(model_dir, NULL, 0, single, &options, &err));
    make_clip(samples, 16000);
    must(pst_model_open(model_dir, NULL, &model, &err));
    must(pst_session_new(model, NULL, &session, &err));
    pst_model_decode_options(model, &greedy);
    must(pst_transcribe(session, samples, 16000, &greedy, &transcript, &err));
    part_open(&part, single, NULL, MIL_ROUND_NONE);
    memcpy(part_input(&part, "input_values")->f, samples, sizeof samples);
    part_run(&part);
    const struct mil_tensor *ids = part_output(&part, "token_ids");
    assert_int_equal(ids->type.dims[1], count);
    for (size_t i = 1; i <= count; i++)
        assert_int_equal(ids->i[i - 1], i < transcript->token_count ? transcript->tokens[i] : 2);
    part_close(&part);
    pst_transcript_free(transcript);
    pst_session_free(session);
    pst_model_free(model);
}

static void single_decodes_greedily(void **state) {
    (void)state;
    compare_single(golden("micro"), 193);
    compare_single(golden("micro_streaming"), 194);
}

/* ------------------------------------------------------------------------------------- the same */

/* A hash over all files of the conversion, in one fixed order. */
static void hash_all(const char *folder, char hash[DIGEST_HEX_SIZE]) {
    static const char *const FILES[] = {
        "potstill.json",
        "encoder-1s.mlpackage/Manifest.json",
        "encoder-1s.mlpackage/Data/com.apple.CoreML/model.mlmodel",
        "encoder-1s.mlpackage/Data/com.apple.CoreML/weights/weight.bin",
        "decoder-1s.mlpackage/Manifest.json",
        "decoder-1s.mlpackage/Data/com.apple.CoreML/model.mlmodel",
        "decoder-1s.mlpackage/Data/com.apple.CoreML/weights/weight.bin",
    };
    struct digest digest = {0};
    must(digest_begin(&digest, DIGEST_SHA256, &err));
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        struct file_view view;
        must(file_view_open(&view, inside(folder, FILES[i]), (size_t)1 << 30, &err));
        must(digest_add(&digest, view.data, view.size, &err));
        file_view_close(&view);
    }
    must(digest_end(&digest, hash, &err));
    digest_free(&digest);
}

static void the_same_gives_the_same_bytes(void **state) {
    (void)state;
    char first[DIGEST_HEX_SIZE], second[DIGEST_HEX_SIZE];
    pst_convert_options options = short_lengths(PST_CONVERT_PALETTE6, PST_CONVERT_IOS16);
    options.threads = 1;
    must(pst_convert(golden("micro"), NULL, 0, target, &options, &err));
    hash_all(target, first);
    options.threads = 3;
    options.seconds = (const uint32_t[]){1, 2, 1};
    options.seconds_count = 3;
    must(pst_convert(golden("micro"), NULL, 0, target, &options, &err));
    hash_all(target, second);
    assert_string_equal(first, second);
}

/* ------------------------------------------------------------------------------------- refusals */

static void expect(const pst_convert_options *options, const char *where, pst_status status,
                   const char *message) {
    assert_int_equal(pst_convert(golden("micro"), NULL, 0, where, options, &err), status);
    if (!strstr(err.message, message)) fail_msg("\"%s\" lacks \"%s\"", err.message, message);
}

static void refusals(void **state) {
    (void)state;
    pst_convert_options options = short_lengths(PST_CONVERT_INT8, PST_CONVERT_IOS15);
    expect(&options, target, PST_ERR_UNSUPPORTED, "int8 weights need iOS 16");
    options = short_lengths(PST_CONVERT_PALETTE4, PST_CONVERT_IOS15);
    expect(&options, target, PST_ERR_UNSUPPORTED, "palette4 weights need iOS 16");
    options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    options.state = 1;
    expect(&options, target, PST_ERR_UNSUPPORTED, "a state needs iOS 18");
    options = short_lengths(PST_CONVERT_FLOAT32, PST_CONVERT_IOS18);
    options.state = 1;
    expect(&options, target, PST_ERR_UNSUPPORTED, "a state is float16");
    options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    options.seconds = (const uint32_t[]){31};
    options.seconds_count = 1;
    expect(&options, target, PST_ERR_ARGUMENT, "31 seconds, expected 1 to 30");
    options.seconds_count = 0;
    expect(&options, target, PST_ERR_ARGUMENT, "0 lengths");
    options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    options.layout = PST_CONVERT_SINGLE;
    expect(&options, single, PST_ERR_ARGUMENT, "2 lengths, expected one");
    options.seconds_count = 1;
    expect(&options, target, PST_ERR_ARGUMENT, "ends in .mlpackage");
    options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    expect(&options, golden("micro"), PST_ERR_IO, "is not a converted model");
    must(pst_convert(golden("micro"), NULL, 0, target, &options, &err));
    options.force = 0;
    expect(&options, target, PST_ERR_IO, "exists already (force replaces it)");
    options.force = 1;
    options.layout = PST_CONVERT_STREAM;
    options.seconds_count = 1;
    expect(&options, target, PST_ERR_UNSUPPORTED, "the layout stream is for moonshine_streaming");
    options.piece_ms = 330;
    expect(&options, target, PST_ERR_ARGUMENT, "330 ms, expected a multiple of 20 up to 5000");
    options.layout = PST_CONVERT_SPLIT;
    expect(&options, target, PST_ERR_ARGUMENT, "pieces is for the layout stream");
    options.piece_ms = 0;
    options.seconds_count = 2;
    options.seconds = (const uint32_t[]){4, 5};
    assert_int_equal(pst_convert(golden("micro_streaming"), NULL, 0, target, &options, &err),
                     PST_ERR_UNSUPPORTED);
    assert_non_null(
        strstr(err.message, "5 seconds has 250 frames, the model has positions for 200"));
}

static void a_failure_leaves_nothing(void **state) {
    (void)state;
    char other[600];
    pst_convert_options options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    snprintf(other, sizeof other, "%s/full", root);
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    /* Too small for the tokenizer, the weights of an encoder, and those of a decoder. */
    static const rlim_t SIZES[] = {1000, 20000, 90000, 103000};
    for (int i = 0; i < 4; i++) {
        limit = before;
        limit.rlim_cur = SIZES[i];
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        pst_status status = pst_convert(golden("micro"), NULL, 0, other, &options, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, PST_ERR_IO);
    }
    signal(SIGXFSZ, handler);
    DIR *folder = opendir(root);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        assert_true(strncmp(entry->d_name, "full", 4) != 0);
    closedir(folder);
}

/* What a link in a stranger's folder points to does not become part of a package. */
static void links_that_lead_out_are_not_copied(void **state) {
    (void)state;
    static const char *const FILES[] = {"config.json", "generation_config.json",
                                        "model.safetensors", "preprocessor_config.json",
                                        "tokenizer.json"};
    static const char SECRET[] = "root:x:0:0";
    char folder[600], other[600], path[700], program[800];
    snprintf(folder, sizeof folder, "%s/linked", root);
    snprintf(other, sizeof other, "%s/of_linked", root);
    snprintf(path, sizeof path, "%s/LICENSE", folder);
    snprintf(program, sizeof program, "%s/decoder-1s.mlpackage/Data/com.apple.CoreML/model.mlmodel",
             other);
    mkdir(folder, 0777);
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        scratch_copy(golden("micro"), folder, FILES[i]);
    scratch_text(root, "secret", SECRET);
    pst_convert_options options = short_lengths(PST_CONVERT_FLOAT16, PST_CONVERT_IOS16);
    for (int linked = 0; linked < 2; linked++) {
        if (linked)
            assert_int_equal(symlink("../secret", path), 0);
        else
            scratch_text(folder, "LICENSE", SECRET);
        must(pst_convert(folder, NULL, 0, other, &options, &err));
        struct file_view view;
        must(file_view_open(&view, program, SIZE_MAX, &err));
        size_t found = 0;
        for (size_t at = 0; at + sizeof SECRET - 1 <= view.size; at++)
            found += memcmp(view.data + at, SECRET, sizeof SECRET - 1) == 0;
        assert_int_equal(found, !linked);
        file_view_close(&view);
        unlink(path);
        assert_true(path_remove_folder(other));
    }
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    unlink(path);
    assert_int_equal(symlink("../secret", path), 0);
    assert_int_not_equal(pst_convert(folder, NULL, 0, other, &options, &err), PST_OK);
    assert_int_equal(names_with(root, "of_linked"), 0);
    assert_true(path_remove_folder(folder));
}

static void a_stopped_conversion_leaves_nothing(void **state) {
    (void)state;
    char other[600];
    struct cancel_at stop = {.limit = 0};
    pst_convert_options options = short_lengths(PST_CONVERT_PALETTE6, PST_CONVERT_IOS16);
    snprintf(other, sizeof other, "%s/stopped", root);
    options.threads = 2;
    options.cancelled = cancel_at;
    options.user = &stop;
    pst_status status;
    /* Threads ask in any order and a few times more, so the limits overlap. */
    for (; (status = pst_convert(golden("micro"), NULL, 0, other, &options, &err));
         stop.limit += 1 + stop.limit / 8) {
        assert_int_equal(status, PST_ERR_CANCELLED);
        assert_int_equal(names_with(root, "stopped"), 0);
        stop.asked = 0;
    }
    assert_true(stop.limit > 100);
    assert_int_equal(names_with(root, "stopped"), 1);
    assert_true(path_remove_folder(other));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packages_read_back),
        cmocka_unit_test(no_axis_is_too_long),
        cmocka_unit_test(float32_is_the_engine),
        cmocka_unit_test(heads_by_themselves_are_the_engine),
        cmocka_unit_test(float16_is_near_the_engine),
        cmocka_unit_test(long_residuals_are_scaled_or_limited),
        cmocka_unit_test(other_models_convert),
        cmocka_unit_test(streaming_is_the_engine),
        cmocka_unit_test(streaming_reads_back),
        cmocka_unit_test(adapters_are_merged),
        cmocka_unit_test(single_decodes_greedily),
        cmocka_unit_test(the_same_gives_the_same_bytes),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_failure_leaves_nothing),
        cmocka_unit_test(a_stopped_conversion_leaves_nothing),
        cmocka_unit_test(links_that_lead_out_are_not_copied),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
