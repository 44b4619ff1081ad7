/* test_network_precision.c - the encoder at every precision, with every kind of effect an adapter
 * has: close to float32, and the same to the bit on any number of threads.
 *
 * The models are the micro models of the goldens, one of each family, the sound a few tones that
 * rise, long enough for several blocks of frames. Effects are made up here and put on every layer
 * of the encoder and on the layers of the cross-attention. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network/cross_kv.h"
#include "network/decoder.h"
#include "network/encoder.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"

enum { SAMPLES = 200003, RANK = 3, VALUES = 1 << 16 };

/* Kinds of effects. */
enum kind { BARE, LORA, DELTA, SCALED, DORA, IN_SCALED, B_BIAS, REPLACED, ROWS, KINDS };
static const char *const KIND_NAMES[KINDS] = {"bare",   "lora",   "delta",  "scaled", "dora",
                                              "inputs", "b_bias", "weight", "rows"};

static const struct {
    pst_precision precision;
    const char *name;
    double bound; /* |memory - float32's| / |float32's|; 0.0063 and 0.025 are the largest found */
} PRECISIONS[] = {{PST_PRECISION_F32, "f32", 0},
                  {PST_PRECISION_BF16, "bf16", 0.015},
                  {PST_PRECISION_INT8, "int8", 0.05}};

static const char *const MODELS[] = {"micro", "micro_streaming"};
enum { MODEL_COUNT = sizeof MODELS / sizeof *MODELS };

static pst_error err;
static float samples[SAMPLES], numbers[VALUES], factors[VALUES];
static double norms[3 * 1024];
static const uint32_t row_ids[] = {1, 5, 6, 30};

/* What the numbers of a test are: small changes beside weights of about 0.2. */
static void make_numbers(void) {
    uint32_t state = 1;
    for (int i = 0; i < VALUES; i++) {
        state = state * 1664525u + 1013904223u;
        numbers[i] = 0.1f * ((float)(state >> 8) * 0x1p-24f - 0.5f);
        factors[i] = 1 + 4 * numbers[i];
    }
    for (int i = 0; i < 1024; i++) {
        norms[3 * i] = 1 + numbers[i];
        norms[3 * i + 1] = numbers[i + 7];
        norms[3 * i + 2] = 0.5;
    }
    for (int i = 0; i < SAMPLES; i++) {
        double t = i / 16000.0;
        samples[i] = (float)(0.3 * sin(1200 * t * (1 + 0.1 * t)) + 0.1 * sin(5100 * t) +
                             0.2 * numbers[i % VALUES]);
    }
}

static void put(struct effect *effect, const struct module *module, enum kind kind) {
    effect->scale = 1.5;
    if (kind == LORA || kind == DORA || kind == B_BIAS) {
        effect->rank = RANK;
        effect->a = numbers + 11;
        effect->b = numbers + 501;
    }
    if (kind == DELTA) effect->delta = numbers + 3;
    if (kind == SCALED || kind == DORA) effect->out_scale = factors + 40;
    if (kind == DORA) {
        effect->magnitude = factors + 90;
        effect->norms = norms;
    }
    if (kind == IN_SCALED) effect->in_scale = factors + 200;
    if (kind == B_BIAS) effect->b_bias = numbers + 33;
    if (kind == REPLACED) effect->weight = numbers + 77;
    if (kind == ROWS) {
        effect->rows = numbers + 13;
        effect->row_ids = row_ids;
        effect->row_count = module->out > 30 ? 4 : 3;
    }
}

static int listens(const struct module *module) {
    int multiplies = module->kind == MODULE_LINEAR || module->kind == MODULE_CONV1D;
    return multiplies && (strstr(module->name, "encoder."));
}

static void use(struct engine *engine, struct effect *effects, enum kind kind, double weight) {
    if (kind == BARE) return;
    const struct weights *weights = &engine->workspace.model->weights;
    for (uint32_t i = 0; i < weights->module_count; i++)
        if (listens(&weights->modules[i]) || strstr(weights->modules[i].name, "encoder_attn"))
            put(&effects[i], &weights->modules[i], kind);
    engine->active = malloc(sizeof *engine->active);
    assert_non_null(engine->active);
    *engine->active = (struct active){effects, weight};
    engine->needs = (struct extent){.rank = RANK, .scales_outputs = 1, .scales_inputs = 1};
    engine->workspace.active = engine->active;
    engine->workspace.active_count = 1;
}

/* The memory and what the decoder keeps of it; to be freed. */
static float *listen(const pst_model *model, enum kind kind, unsigned threads, size_t count,
                     size_t *size) {
    pst_session_options options;
    pst_session *session;
    struct effect *effects = calloc(model->weights.module_count, sizeof *effects);
    pst_session_options_init(&options);
    options.threads = threads;
    assert_non_null(effects);
    assert_int_equal(pst_session_new(model, &options, &session, &err), 0);
    struct engine *engine = engine_of(session->backend);
    use(engine, effects, kind, kind == DORA ? 0.75 : 1);
    struct extent extent = {.beams = 1, .tokens = 8};
    extent_of_clip(&extent, &model->config, count);
    assert_int_equal(engine_fit(engine, &extent, &err), 0);
    struct workspace *ws = &engine->workspace;
    memset(ws->memory, 0xFF, extent.frames * model->config.encoder_dim * sizeof(float));
    encoder_forward(ws, samples, count);
    cross_kv_compute(ws);
    *size = extent.frames * model->config.encoder_dim;
    float *memory = malloc(*size * sizeof *memory);
    assert_non_null(memory);
    memcpy(memory, ws->memory, *size * sizeof *memory);
    pst_session_free(session);
    free(effects);
    return memory;
}

static pst_model *open_model(const char *name, pst_precision precision) {
    char path[512];
    pst_model_options options;
    pst_model *model;
    snprintf(path, sizeof path, "%s/tests/golden/%s", TEST_SOURCE_DIR, name);
    pst_model_options_init(&options);
    options.precision = precision;
    if (pst_model_open(path, &options, &model, &err)) fail_msg("%s", err.message);
    return model;
}

/* |a - b| / |b| */
static double distance(const float *a, const float *b, size_t count) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return sqrt(difference / size);
}

static void check_close(const char *name) {
    pst_model *exact_model = open_model(name, PST_PRECISION_F32);
    float *exact[KINDS];
    size_t count;
    for (int kind = 0; kind < KINDS; kind++)
        exact[kind] = listen(exact_model, (enum kind)kind, 1, SAMPLES, &count);
    for (int kind = 1; kind < KINDS; kind++) /* each does something */
        assert_true(distance(exact[kind], exact[BARE], count) > 0.01);
    for (size_t p = 1; p < 3; p++) {
        pst_model *model = open_model(name, PRECISIONS[p].precision);
        for (int kind = 0; kind < KINDS; kind++) {
            float *memory = listen(model, (enum kind)kind, 1, SAMPLES, &count);
            double off = distance(memory, exact[kind], count);
            print_message("%s, %s %s: off by %.2g\n", name, PRECISIONS[p].name, KIND_NAMES[kind],
                          off);
            if (!(off <= PRECISIONS[p].bound))
                fail_msg("%s, %s %s: off by %g", name, PRECISIONS[p].name, KIND_NAMES[kind], off);
            if (kind != REPLACED) assert_true(off > 0); /* the precision is in use */
            free(memory);
        }
        pst_model_free(model);
    }
    for (int kind = 0; kind < KINDS; kind++) free(exact[kind]);
    pst_model_free(exact_model);
}

static void close_to_f32(void **state) {
    (void)state;
    for (int m = 0; m < MODEL_COUNT; m++) check_close(MODELS[m]);
}

static void check_threads(const char *name) {
    static const unsigned threads[] = {2, 3, 5};
    static const size_t lengths[] = {CLIP_SAMPLES_MIN, 16000, 60000, SAMPLES};
    for (size_t p = 0; p < 3; p++) {
        pst_model *model = open_model(name, PRECISIONS[p].precision);
        for (size_t l = 0; l < 4; l++)
            for (int kind = 0; kind < KINDS; kind += l == 3 ? 1 : KINDS) {
                size_t count;
                float *one = listen(model, (enum kind)kind, 1, lengths[l], &count);
                for (size_t t = 0; t < 3; t++) {
                    float *many = listen(model, (enum kind)kind, threads[t], lengths[l], &count);
                    assert_memory_equal(one, many, count * sizeof *one);
                    free(many);
                }
                free(one);
            }
        pst_model_free(model);
    }
}

static void same_on_any_threads(void **state) {
    (void)state;
    for (int m = 0; m < MODEL_COUNT; m++) check_threads(MODELS[m]);
}

/* Frames of a streaming clip that see nothing of its end have the bits that they have in a longer
 * clip, which is cut into other blocks: also into blocks of a few rows. */
static void check_beginning(const pst_model *model, enum kind kind) {
    static const size_t LENGTHS[] = {8000, 24000, 40000, 120000};
    pst_encoder_info info;
    pst_encoder_info_init(&info);
    assert_int_equal(pst_model_describe_encoder(model, &info, &err), PST_OK);
    size_t size;
    float *whole = listen(model, kind, 1, SAMPLES, &size);
    for (size_t l = 0; l < sizeof LENGTHS / sizeof *LENGTHS; l++) {
        float *part = listen(model, kind, 1, LENGTHS[l], &size);
        size_t complete = size / info.dim - info.frames_ahead;
        assert_memory_equal(part, whole, complete * info.dim * sizeof *part);
        free(part);
    }
    free(whole);
}

static void a_frame_depends_on_its_window(void **state) {
    (void)state;
    for (size_t p = 0; p < 3; p++) {
        pst_model *model = open_model("micro_streaming", PRECISIONS[p].precision);
        for (int kind = 0; kind < KINDS; kind++) check_beginning(model, (enum kind)kind);
        pst_model_free(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_to_f32),
        cmocka_unit_test(same_on_any_threads),
        cmocka_unit_test(a_frame_depends_on_its_window),
    };
    make_numbers();
    return cmocka_run_group_tests_name("precision", tests, NULL, NULL);
}
