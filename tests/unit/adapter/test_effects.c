/* test_effects.c - what adapters beyond plain matrices become, on the nine modules of
 * few_modules.h: the effects they are read into, and the weights that merging makes of them. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include "adapter/adapter_open.h"
#include "support/few_modules.h"

#define KEY(module, part) "base_model.model." module "." part
#define CONV "model.encoder.conv1"
#define Q "model.encoder.layers.0.self_attn.q_proj"
#define FC1 "model.encoder.layers.0.mlp.fc1"
#define NORM "model.encoder.layer_norm"
#define EMBED "model.decoder.embed_tokens"

enum { SLOT_CONV, SLOT_Q, SLOT_FC1, SLOT_NORM, SLOT_EMBED, SLOT_OUTPUT = 8 };
enum { VALUES = 64, TENSORS_MAX = 8 };

static struct few_modules few;
static float base[FEW_MODULES][VALUES], biases[FEW_FFN], stored[TENSORS_MAX][VALUES];
static struct tensor_source sources[TENSORS_MAX];
static size_t source_count;

/* Weights and stored tensors of values that differ, none of them zero or large. */
static void start(void) {
    few_modules_init(&few);
    for (int m = 0; m < FEW_MODULES; m++) {
        for (int i = 0; i < VALUES; i++)
            base[m][i] = (float)((i * 7 + m * 5) % 11) * 0.25f - 1.125f + (float)(i % 3);
        few.modules[m].weight = base[m];
    }
    for (int i = 0; i < FEW_FFN; i++) biases[i] = 0.5f + (float)i;
    few.modules[SLOT_FC1].bias = biases;
    for (int t = 0; t < TENSORS_MAX; t++)
        for (int i = 0; i < VALUES; i++)
            stored[t][i] = (float)((i * 5 + t * 3) % 7) * 0.25f - 0.625f;
    source_count = 0;
}

static const float *store(const char *name, size_t a, size_t b, size_t c) {
    struct tensor_source *source = &sources[source_count];
    *source = (struct tensor_source){.name = name,
                                     .dtype = DTYPE_F32,
                                     .dims = 1u + (b > 0) + (c > 0),
                                     .shape = {a, b, c},
                                     .data = stored[source_count]};
    return stored[source_count++];
}

static pst_adapter *open_adapter(const char *settings) {
    static const char path[] = TEST_BINARY_DIR "/effects.safetensors";
    char text[512];
    pst_error err = {0};
    struct peft_config config;
    struct safetensors file;
    pst_adapter *adapter = NULL;
    snprintf(text, sizeof text, "{'peft_type': 'LORA', 'r': 2, 'lora_alpha': 3, %s}", settings);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    struct json_file json = {.root = json_loads(text, 0, NULL), .path = strdup("config")};
    assert_non_null(json.root);
    assert_int_equal(safetensors_write(path, sources, source_count, &err), PST_OK);
    assert_int_equal(safetensors_open(&file, path, &err), PST_OK);
    assert_int_equal(peft_config_parse(&config, &json, NULL, &err), PST_OK);
    if (adapter_resolve(&few.model, &config, &file, NULL, &adapter, &err))
        fail_msg("%s", err.message);
    peft_config_close(&config);
    return adapter;
}

static void merge(const pst_adapter *adapter, uint32_t slot, double factor, double *weight,
                  double *bias) {
    pst_error err = {0};
    for (int i = 0; i < VALUES; i++) weight[i] = few.modules[slot].weight[i];
    for (int i = 0; bias && i < FEW_FFN; i++) bias[i] = biases[i];
    if (adapter_merge_module(adapter, slot, factor, weight, bias, &err))
        fail_msg("%s", err.message);
}

static void near(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-6 * (1 + fabs(expected))))
        fail_msg("%.9g, expected %.9g", value, expected);
}

/* Delta of [out, columns] by its definition. */
static double product(const float *b, const float *a, size_t o, size_t i, size_t columns) {
    return (double)b[o * 2] * a[i] + (double)b[o * 2 + 1] * a[columns + i];
}

/* As the trainer's are: products that are added unrounded, and two more roundings. */
static void in_float_each_step_rounds(void **state) {
    (void)state;
    double weight[VALUES];
    start();
    size_t in = few.modules[SLOT_Q].in, out = few.modules[SLOT_Q].out;
    store(KEY(Q, "lora_A.weight"), 2, in, 0);
    store(KEY(Q, "lora_B.weight"), out, 2, 0);
    float *a = stored[0], *b = stored[1];
    a[0] = 1, a[in] = 1 + 0x1p-12f; /* for the first value of the first row */
    b[0] = -1, b[1] = 1 + 0x1p-12f;
    a[1] = 1, a[in + 1] = 0x1p-12f; /* for the second of the second */
    b[2] = 1, b[3] = 0x1p-12f;
    base[SLOT_Q][0] = 0;
    base[SLOT_Q][in + 1] = 0x1p-24f;
    pst_adapter *adapter = open_adapter("'target_modules': ['q_proj']");
    adapter->effects[SLOT_Q].scale = 1;
    merge(adapter, SLOT_Q, 1, weight, NULL);
    assert_true(weight[in + 1] == 1 + 0x1p-23);
    adapter->effects[SLOT_Q].merged_in_float = 1;
    merge(adapter, SLOT_Q, 1, weight, NULL);
    assert_true(weight[0] == 0x1p-11 + 0x1p-24);
    assert_true(weight[in + 1] == 1);
    merge(adapter, SLOT_Q, 0.1, weight, NULL); /* the scale is rounded first */
    assert_true(weight[in + 1] == (double)(0.1f + 0x1p-24f));
    pst_adapter_free(adapter);
}

static void convolutions(void **state) {
    (void)state;
    double weight[VALUES];
    start();
    few.modules[SLOT_CONV].in = 2; /* two channels: their order matters */
    const float *a = store(KEY(CONV, "lora_A.weight"), 2, 2, 3);
    const float *b = store(KEY(CONV, "lora_B.weight"), 4, 2, 1);
    pst_adapter *adapter = open_adapter("'target_modules': ['conv1']");
    const struct effect *effect = &adapter->effects[SLOT_CONV];
    for (int r = 0; r < 2; r++)
        for (int i = 0; i < 2; i++)
            for (int k = 0; k < 3; k++)
                assert_true(effect->a[r * 6 + k * 2 + i] == a[r * 6 + i * 3 + k]);
    merge(adapter, SLOT_CONV, 2, weight, NULL);
    for (size_t o = 0; o < 4; o++)
        for (size_t i = 0; i < 6; i++)
            near(weight[o * 6 + i], base[SLOT_CONV][o * 6 + i] + 2 * 1.5 * product(b, a, o, i, 6));
    pst_adapter_free(adapter);
}

static void embeddings(void **state) {
    (void)state;
    double weight[VALUES];
    start();
    const float *a = store(KEY(EMBED, "lora_embedding_A"), 2, 8, 0);
    const float *b = store(KEY(EMBED, "lora_embedding_B"), 4, 2, 0);
    pst_adapter *adapter = open_adapter("'target_modules': ['embed_tokens']");
    merge(adapter, SLOT_EMBED, 1, weight, NULL);
    for (size_t v = 0; v < 8; v++)
        for (size_t e = 0; e < 4; e++)
            near(weight[v * 4 + e], base[SLOT_EMBED][v * 4 + e] + 1.5 * product(b, a, e, v, 8));
    assert_false(adapter->effects[SLOT_OUTPUT].rank);
    pst_adapter_free(adapter);
}

static void biases_of_b(void **state) {
    (void)state;
    double weight[VALUES], bias[FEW_FFN];
    pst_error err = {0};
    start();
    store(KEY(FC1, "lora_A.weight"), 2, 4, 0);
    store(KEY(FC1, "lora_B.weight"), 6, 2, 0);
    const float *added = store(KEY(FC1, "lora_B.bias"), 6, 0, 0);
    const float *replaced = store(KEY(FC1, "base_layer.bias"), 6, 0, 0);
    pst_adapter *adapter =
        open_adapter("'target_modules': ['fc1'], 'lora_bias': true, 'bias': 'lora_only'");
    merge(adapter, SLOT_FC1, 1, weight, bias);
    for (int o = 0; o < 6; o++) near(bias[o], replaced[o] + 1.5 * added[o]);
    assert_int_equal(adapter_merge_module(adapter, SLOT_FC1, 1, weight, NULL, &err),
                     PST_ERR_UNSUPPORTED);
    pst_adapter_free(adapter);
}

/* Lengths become the magnitudes, at any weight; the factors of weight 1 are ready. */
static void dora(void **state) {
    (void)state;
    double weight[VALUES];
    start();
    const float *a = store(KEY(Q, "lora_A.weight"), 2, 4, 0);
    const float *b = store(KEY(Q, "lora_B.weight"), 4, 2, 0);
    const float *magnitude = store(KEY(Q, "lora_magnitude_vector"), 4, 0, 0);
    pst_adapter *adapter = open_adapter("'target_modules': ['q_proj'], 'use_dora': true");
    const struct effect *effect = &adapter->effects[SLOT_Q];
    for (int pass = 0; pass < 2; pass++) {
        double s = pass ? 1.5 * 0.4 : 1.5;
        merge(adapter, SLOT_Q, pass ? 0.4 : 1, weight, NULL);
        for (size_t o = 0; o < 4; o++) {
            double square = 0, sum[4];
            for (size_t i = 0; i < 4; i++) {
                sum[i] = base[SLOT_Q][o * 4 + i] + s * product(b, a, o, i, 4);
                square += sum[i] * sum[i];
            }
            const double *norms = effect->norms + o * 3;
            near(norms[0] + s * (2 * norms[1] + s * norms[2]), square);
            if (!pass) near(effect->out_scale[o], magnitude[o] / sqrt(square));
            for (size_t i = 0; i < 4; i++)
                near(weight[o * 4 + i], magnitude[o] / sqrt(square) * sum[i]);
        }
    }
    pst_adapter_free(adapter);
}

static void dora_by_column(void **state) {
    (void)state;
    double weight[VALUES];
    start();
    store(KEY(EMBED, "lora_embedding_A"), 2, 8, 0);
    store(KEY(EMBED, "lora_embedding_B"), 4, 2, 0);
    const float *magnitude = store(KEY(EMBED, "lora_magnitude_vector"), 4, 0, 0);
    pst_adapter *adapter = open_adapter("'target_modules': ['embed_tokens'], 'use_dora': true");
    merge(adapter, SLOT_EMBED, 1, weight, NULL);
    for (size_t e = 0; e < 4; e++) {
        double square = 0;
        for (size_t v = 0; v < 8; v++) square += weight[v * 4 + e] * weight[v * 4 + e];
        near(sqrt(square), fabs(magnitude[e]));
    }
    pst_adapter_free(adapter);
}

static void add_plain_pair(void) {
    store(KEY(Q, "lora_A.weight"), 2, 4, 0);
    store(KEY(Q, "lora_B.weight"), 4, 2, 0);
}

static void saved_modules(void **state) {
    (void)state;
    double weight[VALUES];
    start();
    add_plain_pair();
    const float *norm = store(KEY(NORM, "weight"), 4, 0, 0);
    pst_adapter *adapter =
        open_adapter("'target_modules': ['q_proj'], 'modules_to_save': ['norm']");
    assert_int_equal(adapter->slot_count, 2);
    assert_memory_equal(adapter->effects[SLOT_NORM].weight, norm, 4 * sizeof *norm);
    merge(adapter, SLOT_NORM, 0.5, weight, NULL); /* replaced whole, whatever the weight */
    for (int i = 0; i < 4; i++) near(weight[i], norm[i]);
    pst_adapter_free(adapter);
}

/* In place into a shared weight, it changes both sides; a copy changes its own; and what equals the
 * base changes nothing. */
static void shared_embeddings(void **state) {
    (void)state;
    start();
    few.model.config.tie_word_embeddings = 1;
    few.modules[SLOT_OUTPUT].weight = few.modules[SLOT_EMBED].weight;
    add_plain_pair();
    const float *moved = store(KEY(EMBED, "weight"), 8, 4, 0);
    pst_adapter *adapter = open_adapter("'target_modules': ['q_proj']");
    assert_memory_equal(adapter->effects[SLOT_EMBED].weight, moved, 32 * sizeof *moved);
    assert_ptr_equal(adapter->effects[SLOT_OUTPUT].weight, adapter->effects[SLOT_EMBED].weight);
    pst_adapter_free(adapter);

    adapter = open_adapter("'target_modules': ['q_proj'], 'modules_to_save': ['embed_tokens']");
    assert_non_null(adapter->effects[SLOT_EMBED].weight);
    assert_null(adapter->effects[SLOT_OUTPUT].weight);
    pst_adapter_free(adapter);

    memcpy(stored[source_count - 1], base[SLOT_EMBED], sizeof base[SLOT_EMBED]);
    adapter = open_adapter("'target_modules': ['q_proj']");
    assert_int_equal(adapter->slot_count, 1);
    pst_adapter_free(adapter);
}

static void token_rows(void **state) {
    (void)state;
    double weight[VALUES];
    start();
    few.model.config.tie_word_embeddings = 1;
    add_plain_pair();
    const float *rows = store(KEY(EMBED, "token_adapter.trainable_tokens_delta"), 3, 4, 0);
    pst_adapter *adapter =
        open_adapter("'target_modules': ['q_proj'], 'trainable_token_indices': [6, 1, 5]");
    const struct effect *effect = &adapter->effects[SLOT_OUTPUT];
    static const uint32_t sorted[] = {1, 5, 6};
    static const size_t at[] = {1, 2, 0};
    assert_int_equal(effect->row_count, 3);
    assert_memory_equal(effect->row_ids, sorted, sizeof sorted);
    merge(adapter, SLOT_EMBED, 1, weight, NULL);
    for (size_t r = 0; r < 3; r++)
        for (size_t i = 0; i < 4; i++) {
            assert_true(effect->rows[r * 4 + i] == rows[at[r] * 4 + i]);
            near(weight[sorted[r] * 4 + i], rows[at[r] * 4 + i]);
        }
    near(weight[2 * 4], base[SLOT_EMBED][2 * 4]);
    pst_adapter_free(adapter);
}

/* With the matrices that training began with, an adapter that changed the base changes nothing. */
static void corrections(void **state) {
    (void)state;
    static const char *const settings[] = {
        "'target_modules': ['fc1'], 'init_lora_weights': 'pissa'",
        "'target_modules': ['fc1'], 'init_lora_weights': 'olora'",
    };
    for (int pass = 0; pass < 2; pass++) {
        double weight[VALUES], bias[FEW_FFN];
        start();
        store(KEY(FC1, "lora_A.weight"), 2, 4, 0);
        store(KEY(FC1, "lora_B.weight"), 6, 2, 0);
        memset(stored, 0, sizeof stored);
        pst_adapter *adapter = open_adapter(settings[pass]); /* B A = 0: W less its part */
        const struct effect *effect = &adapter->effects[SLOT_FC1];
        assert_int_equal(effect->rank, 4);
        assert_int_equal(effect_rank(effect), 2);
        merge(adapter, SLOT_FC1, 1, weight, bias);
        if (pass == 0) { /* what is left is at right angles to the part taken out */
            for (size_t r = 2; r < 4; r++)
                for (size_t o = 0; o < 6; o++) {
                    double dot = 0;
                    for (size_t i = 0; i < 4; i++) dot += weight[o * 4 + i] * effect->a[r * 4 + i];
                    near(dot, 0);
                }
        } else { /* s times the projection: the first columns are scaled by 1 - s */
            for (size_t o = 0; o < 6; o++)
                for (size_t i = 0; i < 2; i++)
                    near(weight[o * 4 + i], -0.5 * base[SLOT_FC1][o * 4 + i]);
        }
        pst_adapter_free(adapter);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_float_each_step_rounds),
        cmocka_unit_test(convolutions),
        cmocka_unit_test(embeddings),
        cmocka_unit_test(biases_of_b),
        cmocka_unit_test(dora),
        cmocka_unit_test(dora_by_column),
        cmocka_unit_test(saved_modules),
        cmocka_unit_test(shared_embeddings),
        cmocka_unit_test(token_rows),
        cmocka_unit_test(corrections),
    };
    return cmocka_run_group_tests_name("effects", tests, NULL, NULL);
}
