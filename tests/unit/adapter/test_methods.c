/* test_methods.c - the methods of PEFT beside LoRA and its relatives, on the nine modules of
 * few_modules.h, whose weights are ones: small numbers whose results can be had by hand. The live
 * tests show the same on whole networks, tests/bad/adapter what is refused. */
#include "support/test.h"

#include <math.h>

#include "adapter/adapter.h"
#include "support/adapter_writer.h"
#include "support/few_modules.h"

#define Q "base_model.model.model.encoder.layers.0.self_attn.q_proj."
#define NORM "base_model.model.model.encoder.layer_norm."
#define EMBED "base_model.model.model.decoder.embed_tokens."
enum { SLOT_Q = 1, SLOT_NORM = 3, SLOT_EMBED = 4, SLOT_OUTPUT = 8 };

static struct few_modules few;
static struct notes notes;

static struct tensor_source tensor(const char *name, const float *values, uint32_t dims, size_t a,
                                   size_t b, size_t c) {
    return (struct tensor_source){
        .name = name, .dtype = DTYPE_F32, .dims = dims, .shape = {a, b, c}, .data = values};
}

/* An adapter of q_proj alone, unless the config says more. */
static pst_adapter *open_well(const char *config, const struct tensor_source *tensors,
                              size_t count) {
    const char *dir = scratch_folder("methods");
    pst_error err = {0};
    pst_adapter_options options;
    pst_adapter *adapter = NULL;
    char text[512];
    snprintf(text, sizeof text, "{%s%s}", config,
             strstr(config, "'target_modules'") ? "" : ",'target_modules': ['q_proj']");
    write_config(dir, text);
    write_tensors(dir, "adapter_model.safetensors", tensors, count);
    pst_adapter_options_init(&options);
    options.warn = take_note;
    options.user = &notes;
    notes = (struct notes){0};
    if (pst_adapter_open(&few.model, dir, &options, &adapter, &err)) fail_msg("%s", err.message);
    assert_int_equal(notes.count, 0);
    return adapter;
}

/* Fails unless q_proj [4, 4] merged into ones is `expected`. */
static void assert_merged(const pst_adapter *adapter, const double expected[16]) {
    double weight[16];
    pst_error err = {0};
    for (int i = 0; i < 16; i++) weight[i] = 1;
    assert_int_equal(adapter_merge_module(adapter, SLOT_Q, 1, weight, NULL, &err), PST_OK);
    for (int i = 0; i < 16; i++)
        if (fabs(weight[i] - expected[i]) > 1e-6)
            fail_msg("[%d, %d] is %g, expected %g", i / 4, i % 4, weight[i], expected[i]);
}

static void check(const char *config, const struct tensor_source *tensors, size_t count,
                  const double expected[16]) {
    few_modules_init(&few);
    pst_adapter *adapter = open_well(config, tensors, count);
    assert_merged(adapter, expected);
    pst_adapter_free(adapter);
}

static void miss_multiplies_sums(void **state) {
    (void)state;
    static const float block[] = {1, 2, 3, 4, 10, 20, 30, 40}; /* [2, 4] */
    const struct tensor_source plain = tensor(Q "miss_block", block, 2, 2, 4, 0);
    check("'peft_type': 'MISS', 'r': 2", &plain, 1,
          (double[]){2, 11, 2, 11, 3, 21, 3, 21, 4, 31, 4, 31, 5, 41, 5, 41});
    const struct tensor_source mini = tensor(Q "miss_block", block, 2, 2, 2, 0); /* 1 2, 3 4 */
    check("'peft_type': 'MISS', 'r': 2, 'mini_r': 2, 'init_weights': 'mini'", &mini, 1,
          (double[]){2, 4, 2, 4, 3, 5, 3, 5, 2, 4, 2, 4, 3, 5, 3, 5});
    /* Ones times a block are its column sums: 1 1 * (1 2, 3 4) = 4 6 and with the block beside. */
    const struct tensor_source bat = tensor(Q "miss_block", block, 3, 2, 2, 2);
    check("'peft_type': 'MISS', 'r': 2, 'init_weights': 'bat'", &bat, 1,
          (double[]){6, 9, 6, 9, 8, 11, 8, 11, 51, 81, 51, 81, 71, 101, 71, 101});
}

static void vera_scales_shared_matrices(void **state) {
    (void)state;
    static const float a[] = {1, 2, 3, 4, 9, 9, 9, 9}, b[] = {1, 1, 2, 0}, d[] = {2, 7};
    static const float scale[] = {1, 0, 0, 3};
    const struct tensor_source vera[] = {
        tensor("base_model.vera_A", a, 2, 1, 4, 0), tensor("base_model.vera_B", b, 2, 4, 1, 0),
        tensor(Q "vera_lambda_b", scale, 1, 4, 0, 0), tensor(Q "vera_lambda_d", d, 1, 1, 0, 0)};
    const double expected[] = {3, 5, 7, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    check("'peft_type': 'VERA', 'r': 1", vera, 4, expected);
    const struct tensor_source pvera[] = {
        tensor("base_model.pvera_A", a, 2, 2, 4, 0), tensor("base_model.pvera_B", b, 2, 4, 1, 0),
        tensor(Q "pvera_lambda_b", scale, 1, 4, 0, 0), tensor(Q "pvera_lambda_d", d, 1, 2, 0, 0)};
    check("'peft_type': 'PVERA', 'r': 1", pvera, 4, expected);
}

/* rank 4 gives one base: lambda scales the rows of A, gamma its columns. */
static void randlora_sums_bases(void **state) {
    (void)state;
    static const float a[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    static const float b[] = {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static const float lambda[] = {1, 1, 2, 1}, gamma[] = {1, 10, 1, 1};
    const struct tensor_source tensors[] = {tensor("base_model.randlora_A", a, 3, 4, 1, 4),
                                            tensor("base_model.randlora_B", b, 3, 4, 1, 4),
                                            tensor(Q "randlora_A", a, 3, 4, 1, 4),
                                            tensor(Q "randlora_lambda", lambda, 2, 4, 1, 0),
                                            tensor(Q "randlora_gamma", gamma, 2, 1, 4, 0)};
    check("'peft_type': 'RANDLORA', 'r': 4, 'randlora_alpha': 8", tensors, 5,
          (double[]){3, 41, 13, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3});
}

static void c3a_has_circulant_blocks(void **state) {
    (void)state;
    static const float kernel[] = {4, 8, 0, 0, 0, 0, 12, 0}; /* [2, 2, 2] */
    const struct tensor_source one = tensor(Q "c3a_kernel", kernel, 3, 2, 2, 2);
    check("'peft_type': 'C3A', 'block_size': 2", &one, 1,
          (double[]){2, 3, 1, 1, 3, 2, 1, 1, 1, 1, 4, 1, 1, 1, 1, 4});
}

static void shira_knows_its_places(void **state) {
    (void)state;
    static const float values[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int32_t places[] = {0, 0, 0, 0, 3, 3, 3, 3, 0, 1, 2, 3, 0, 1, 2, 2};
    struct tensor_source tensors[] = {tensor(Q "shira_weight", values, 1, 8, 0, 0),
                                      tensor(Q "shira_indices", NULL, 2, 2, 8, 0)};
    tensors[1].dtype = DTYPE_I32;
    tensors[1].data = places;
    check("'peft_type': 'SHIRA', 'r': 1", tensors, 2,
          (double[]){2, 3, 4, 5, 1, 1, 1, 1, 1, 1, 1, 1, 6, 7, 16, 1});
}

static void delora_normalises(void **state) {
    (void)state;
    static const float a[] = {3, 4, 0, 0}, b[] = {0, 0, 0, 2}, lambda[] = {10}, w[] = {1, 2, 1, 1};
    const struct tensor_source tensors[] = {
        tensor(Q "delora_A", a, 2, 1, 4, 0), tensor(Q "delora_B", b, 2, 4, 1, 0),
        tensor(Q "delora_lambda", lambda, 1, 1, 0, 0), tensor(Q "delora_w_norm", w, 1, 4, 0, 0)};
    check("'peft_type': 'DELORA', 'r': 1", tensors, 4,
          (double[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7, 17, 1, 1});
}

static void hira_multiplies_the_weight(void **state) {
    (void)state;
    static const float a[] = {1, 2, 3, 4}, b[] = {1, 0, 0, -1};
    const struct tensor_source tensors[] = {tensor(Q "hira_A", a, 2, 1, 4, 0),
                                            tensor(Q "hira_B", b, 2, 4, 1, 0)};
    check("'peft_type': 'HIRA', 'r': 1", tensors, 2,
          (double[]){2, 3, 4, 5, 1, 1, 1, 1, 1, 1, 1, 1, 0, -1, -2, -3});
}

/* k = 2, rank 2: one rank from each block of inputs to each block of outputs. */
static void gralora_exchanges_ranks(void **state) {
    (void)state;
    static const float a[] = {1, 10, 1, 10, 2, 20, 2, 20}; /* [k, in / k, rank] */
    static const float b[] = {1, 0, 0, 1, 1, 1, 0, 0};     /* [k, rank, out / k] */
    const struct tensor_source tensors[] = {tensor(Q "gralora_A", a, 3, 2, 2, 2),
                                            tensor(Q "gralora_B", b, 3, 2, 2, 2)};
    check("'peft_type': 'GRALORA', 'r': 2, 'alpha': 2", tensors, 2,
          (double[]){2, 2, 1, 1, 1, 1, 3, 3, 11, 11, 1, 1, 11, 11, 1, 1});
}

static void hra_reflects(void **state) {
    (void)state;
    static const float one[] = {2, 0, 0, 0}, two[] = {1, 1, 0, 1, 0, 0, 0, 0};
    const struct tensor_source single = tensor(Q "hra_u", one, 2, 4, 1, 0);
    check("'peft_type': 'HRA', 'r': 1", &single, 1,
          (double[]){-1, 1, 1, 1, -1, 1, 1, 1, -1, 1, 1, 1, -1, 1, 1, 1});
    /* Columns (1, 0) and (1, 1): made orthogonal the second is (0, 1). */
    const struct tensor_source pair = tensor(Q "hra_u", two, 2, 4, 2, 0);
    check("'peft_type': 'HRA', 'r': 2, 'apply_GS': true", &pair, 1,
          (double[]){-1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1});
}

/* S = (0 1, -1 0) is a turn by a right angle: Q = (0 -1, 1 0). */
static void oft_and_boft_rotate(void **state) {
    (void)state;
    static const float upper[] = {1, 0}, r[] = {0, 2, 0, 0, 0, 0, 0, 0}, s[] = {1, 1, 1, 3};
    const struct tensor_source oft = tensor(Q "oft_R.weight", upper, 2, 2, 1, 0);
    check("'peft_type': 'OFT', 'oft_block_size': 2, 'use_cayley_neumann': false", &oft, 1,
          (double[]){-1, 1, 1, 1, -1, 1, 1, 1, -1, 1, 1, 1, -1, 1, 1, 1});
    /* Three terms: I + 2 S + 2 S^2 + S^3 = (-1 1, -1 -1), as S^2 = -I. */
    check("'peft_type': 'OFT', 'oft_block_size': 2, 'num_cayley_neumann_terms': 3", &oft, 1,
          (double[]){0, -2, 1, 1, 0, -2, 1, 1, 0, -2, 1, 1, 0, -2, 1, 1});
    /* COFT: S is shortened from a norm of 1.4 to 1e-9 / sqrt(2): nothing is left of it. */
    check("'peft_type': 'OFT', 'oft_block_size': 2, 'coft': true, 'eps': 1e-9", &oft, 1,
          (double[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    struct tensor_source boft[] = {tensor(Q "boft_R", r, 4, 1, 2, 2),
                                   tensor(Q "boft_s", s, 2, 4, 1, 0)};
    boft[0].shape[3] = 2;
    check("'peft_type': 'BOFT', 'boft_block_size': 2", boft, 2,
          (double[]){-1, 1, 1, 1, -1, 1, 1, 1, -1, 1, 1, 1, -3, 3, 3, 3});
}

static void road_turns_outputs(void **state) {
    (void)state;
    static const float right = 1.57079632679f;
    const float theta[] = {right, 0}, alpha[] = {1, 2}, each[] = {right, 0, 0, right};
    const float four[] = {1, 1, 3, 1};
    const struct tensor_source one[] = {tensor(Q "road_theta", theta, 1, 2, 0, 0),
                                        tensor(Q "road_alpha", alpha, 1, 2, 0, 0)};
    /* Groups of 2: outputs 0 and 1 turn, 2 and 3 double. */
    check("'peft_type': 'ROAD', 'group_size': 2", one, 2,
          (double[]){-1, -1, -1, -1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2});
    const struct tensor_source two[] = {tensor(Q "road_theta", each, 1, 4, 0, 0),
                                        tensor(Q "road_alpha", four, 1, 4, 0, 0)};
    /* One group of 4: 0 with 2, 1 with 3. */
    check("'peft_type': 'ROAD', 'group_size': 4, 'variant': 'road_2'", two, 2,
          (double[]){-1, -1, -1, -1, 1, 1, 1, 1, 3, 3, 3, 3, 1, 1, 1, 1});
}

static void modules_and_tokens_are_replaced(void **state) {
    (void)state;
    static const float norm[] = {5, 6, 7, 8}, rows[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const struct tensor_source copy = tensor(NORM "ln_tuning_layers.weight", norm, 1, 4, 0, 0);
    few_modules_init(&few);
    pst_adapter *adapter =
        open_well("'peft_type': 'LN_TUNING', 'target_modules': ['layer_norm']", &copy, 1);
    assert_memory_equal(adapter->effects[SLOT_NORM].weight, norm, sizeof norm);
    pst_adapter_free(adapter);

    const struct tensor_source tokens[] = {
        tensor(EMBED "trainable_tokens_delta", rows, 2, 2, 4, 0),
        tensor("base_model.model.proj_out.trainable_tokens_delta", rows, 2, 2, 4, 0)};
    few.model.config.tie_word_embeddings = 1;
    adapter = open_well("'peft_type': 'TRAINABLE_TOKENS', 'token_indices': [5, 2],"
                        "'target_modules': ['embed_tokens', 'proj_out']",
                        tokens, 2);
    for (int side = 0; side < 2; side++) {
        const struct effect *effect = &adapter->effects[side ? SLOT_OUTPUT : SLOT_EMBED];
        assert_int_equal(effect->row_count, 2);
        assert_int_equal(effect->row_ids[0], 2);
        assert_memory_equal(effect->rows, rows + 4, 4 * sizeof *rows);
    }
    pst_adapter_free(adapter);
}

static void beft_adds_a_bias(void **state) {
    (void)state;
    static const float bias[] = {1, 2, 3, 4};
    const struct tensor_source one = tensor(Q "beft_bias", bias, 2, 1, 4, 0);
    double weight[16] = {0}, merged[] = {10, 10, 10, 10};
    pst_error err = {0};
    few_modules_init(&few);
    pst_adapter *adapter = open_well("'peft_type': 'BEFT'", &one, 1);
    assert_int_equal(adapter->slot_count, 1);
    assert_int_equal(adapter_merge_module(adapter, SLOT_Q, 0.5, weight, merged, &err), PST_OK);
    for (int i = 0; i < 4; i++) assert_true(merged[i] == 10 + 0.5 * bias[i]);
    assert_int_equal(adapter_merge_module(adapter, SLOT_Q, 1, weight, NULL, &err),
                     PST_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "has no bias, which beft_bias would have to merge into"));
    pst_adapter_free(adapter);
}

static void lora_has_variants(void **state) {
    (void)state;
    static const float a[] = {1, 2, 3, 4}, b[] = {1, 0, 0, 1, 0, 0, 0, 0}, whole[] = {1, 1, 0, 0};
    static const float one[] = {1, 0, 0, 0}, five[] = {5};
    /* Blocks of A: row 0 sees inputs 0 and 1, row 1 sees 2 and 3. */
    const struct tensor_source blocks[] = {tensor(Q "lora_A.weight", a, 2, 2, 2, 0),
                                           tensor(Q "lora_B.weight", b, 2, 4, 2, 0)};
    check("'peft_type': 'LORA', 'r': 2, 'lora_alpha': 2,"
          "'use_bdlora': {'target_modules_bd_a': ['q_proj'], 'nblocks': 2}",
          blocks, 2, (double[]){2, 3, 1, 1, 1, 1, 4, 5, 1, 1, 1, 1, 1, 1, 1, 1});
    /* The smallest singular value of ones is 0, so KaSA takes nothing away. */
    const struct tensor_source kasa[] = {tensor(Q "lora_A.weight", whole, 2, 1, 4, 0),
                                         tensor(Q "lora_B.weight", one, 2, 4, 1, 0),
                                         tensor(Q "lora_diag", five, 1, 1, 0, 0)};
    check("'peft_type': 'LORA', 'r': 1, 'lora_alpha': 2, 'kasa_config': {'beta': 0.1}", kasa, 3,
          (double[]){11, 11, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
}

/* What was computed from the base's weight is right on that weight only. */
static void rotations_act_alone(void **state) {
    (void)state;
    static const float u[] = {1, 0, 0, 0}, l[] = {1, 2, 3, 4};
    const struct tensor_source hra = tensor(Q "hra_u", u, 2, 4, 1, 0);
    const struct tensor_source ia3 = tensor(Q "ia3_l", l, 2, 4, 1, 0);
    pst_error err = {0};
    few_modules_init(&few);
    pst_adapter *first = open_well("'peft_type': 'HRA', 'r': 1", &hra, 1);
    pst_adapter *second = open_well("'peft_type': 'IA3', 'feedforward_modules': []", &ia3, 1);
    const pst_adapter *both[] = {first, second};
    assert_int_equal(adapter_check_together(&few.model.weights, both, 2, &err), PST_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "the change of one was computed from the base's weight"));
    pst_adapter_free(first);
    pst_adapter_free(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(miss_multiplies_sums),
        cmocka_unit_test(vera_scales_shared_matrices),
        cmocka_unit_test(randlora_sums_bases),
        cmocka_unit_test(c3a_has_circulant_blocks),
        cmocka_unit_test(shira_knows_its_places),
        cmocka_unit_test(delora_normalises),
        cmocka_unit_test(hira_multiplies_the_weight),
        cmocka_unit_test(gralora_exchanges_ranks),
        cmocka_unit_test(hra_reflects),
        cmocka_unit_test(oft_and_boft_rotate),
        cmocka_unit_test(road_turns_outputs),
        cmocka_unit_test(modules_and_tokens_are_replaced),
        cmocka_unit_test(beft_adds_a_bias),
        cmocka_unit_test(lora_has_variants),
        cmocka_unit_test(rotations_act_alone),
    };
    return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
