/* test_relatives.c - LoHa, LoKr, AdaLoRA and IA3 on the nine modules of few_modules.h: small
 * numbers whose results can be had by hand. The live tests show the same on whole networks. */
#include "support/test.h"

#include "adapter/adapter.h"
#include "support/adapter_writer.h"
#include "support/few_modules.h"

#define Q "base_model.model.model.encoder.layers.0.self_attn.q_proj."
#define FC1 "base_model.model.model.encoder.layers.0.mlp.fc1."
#define FC2 "base_model.model.model.decoder.layers.10.mlp.fc2."
enum { SLOT_Q = 1, SLOT_FC1 = 2, SLOT_FC2 = 7 };

static struct few_modules few;
static struct notes notes;

static pst_adapter *open_adapter(const char *config, const struct tensor_source *tensors,
                                 size_t count, pst_error *err) {
    const char *dir = scratch_folder("relatives");
    pst_adapter_options options;
    pst_adapter *adapter = NULL;
    few_modules_init(&few);
    write_config(dir, config);
    write_tensors(dir, "adapter_model.safetensors", tensors, count);
    pst_adapter_options_init(&options);
    options.warn = take_note;
    options.user = &notes;
    notes = (struct notes){0};
    pst_adapter_open(&few.model, dir, &options, &adapter, err);
    return adapter;
}

static pst_adapter *open_well(const char *config, const struct tensor_source *tensors, size_t count,
                              const char *kind) {
    pst_error err = {0};
    pst_adapter_info info;
    pst_adapter *adapter = open_adapter(config, tensors, count, &err);
    if (!adapter) fail_msg("%s", err.message);
    pst_adapter_describe(adapter, &info);
    assert_string_equal(info.peft_type, kind);
    return adapter;
}

static void assert_refused(const char *config, const struct tensor_source *tensors, size_t count,
                           const char *part) {
    pst_error err = {0};
    assert_null(open_adapter(config, tensors, count, &err));
    if (!strstr(err.message, part)) fail_msg("expected \"%s\", got \"%s\"", part, err.message);
}

static void loha_multiplies_two_products(void **state) {
    (void)state;
    static const float column[] = {1, 2, 3, 4}, row[] = {1, 0, -1, 2};
    static const float second[] = {1, 1, 2, 2}, other[] = {3, 1, 1, 0.5f};
    const struct tensor_source tensors[] = {
        float_matrix(Q "hada_w1_a", 4, 1, column), float_matrix(Q "hada_w1_b", 1, 4, row),
        float_matrix(Q "hada_w2_a", 4, 1, second), float_matrix(Q "hada_w2_b", 1, 4, other)};
    pst_adapter *adapter =
        open_well("{'peft_type': 'LOHA', 'r': 1, 'alpha': 3, 'target_modules': ['q_proj']}",
                  tensors, 4, "LOHA");
    const struct effect *effect = &adapter->effects[SLOT_Q];
    assert_true(effect->scale == 3);
    for (int o = 0; o < 4; o++)
        for (int i = 0; i < 4; i++)
            assert_true(effect->delta[o * 4 + i] == column[o] * row[i] * second[o] * other[i]);
    assert_int_equal(notes.count, 0);
    pst_adapter_free(adapter);
    assert_refused("{'peft_type': 'LOHA', 'r': 1, 'target_modules': ['q_proj']}", tensors, 3,
                   "encoder.layers.0.self_attn.q_proj has no hada_w2_b: PEFT would use random");
    assert_refused("{'peft_type': 'LOHA', 'r': 2, 'target_modules': ['q_proj']}", tensors, 4,
                   "hada_w1_a is [4, 1], the base model and adapter_config.json need [4, 2]");
}

/* fc1 [6, 4]: 6 = 2 * 3 and 4 = 2 * 2. */
static void lokr_is_a_kronecker_product(void **state) {
    (void)state;
    static const float w1[] = {1, 2, 3, 4}, w2[] = {1, -1, 2, 0, 5, 1};
    static const float a[] = {1, 2, 3}, b[] = {1, -1};
    const struct tensor_source whole[] = {float_matrix(FC1 "lokr_w1", 2, 2, w1),
                                          float_matrix(FC1 "lokr_w2", 3, 2, w2)};
    pst_adapter *adapter = open_well(
        "{'peft_type': 'LOKR', 'r': 2, 'alpha': 1, 'target_modules': ['fc1']}", whole, 2, "LOKR");
    const struct effect *effect = &adapter->effects[SLOT_FC1];
    assert_true(effect->scale == 0.5);
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 4; i++)
            assert_true(effect->delta[o * 4 + i] == w1[o / 3 * 2 + i / 2] * w2[o % 3 * 2 + i % 2]);
    pst_adapter_free(adapter);

    const struct tensor_source product[] = {float_matrix(FC1 "lokr_w1", 2, 2, w1),
                                            float_matrix(FC1 "lokr_w2_a", 3, 1, a),
                                            float_matrix(FC1 "lokr_w2_b", 1, 2, b)};
    adapter =
        open_well("{'peft_type': 'LOKR', 'r': 1, 'target_modules': ['fc1']}", product, 3, "LOKR");
    effect = &adapter->effects[SLOT_FC1];
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 4; i++)
            assert_true(effect->delta[o * 4 + i] == w1[o / 3 * 2 + i / 2] * a[o % 3] * b[i % 2]);
    pst_adapter_free(adapter);

    /* A factor that divides both sizes need not be the smaller part; one that
     * does not is a bound. */
    static const float one[] = {1}, sixteen[16];
    const struct tensor_source four_one[] = {float_matrix(Q "lokr_w1", 4, 4, sixteen),
                                             float_matrix(Q "lokr_w2", 1, 1, one)};
    pst_adapter_free(open_well("{'peft_type': 'LOKR', 'decompose_factor': 4,"
                               "'target_modules': ['q_proj']}",
                               four_one, 2, "LOKR"));
    const struct tensor_source one_four[] = {float_matrix(Q "lokr_w1", 1, 1, one),
                                             float_matrix(Q "lokr_w2", 4, 4, sixteen)};
    pst_adapter_free(open_well("{'peft_type': 'LOKR', 'decompose_factor': 1,"
                               "'target_modules': ['q_proj']}",
                               one_four, 2, "LOKR"));
}

static void adalora_divides_by_the_first_rank(void **state) {
    (void)state;
    static const float a[] = {1, 2, 3, 4, 5, 6, 7, 8}, b[8] = {1}, e[] = {2, -1};
    const struct tensor_source tensors[] = {float_matrix(Q "lora_A", 2, 4, a),
                                            float_matrix(Q "lora_B", 4, 2, b),
                                            float_matrix(Q "lora_E", 2, 1, e)};
    static const char masked[] =
        "{'peft_type': 'ADALORA', 'init_r': 3, 'lora_alpha': 6, 'total_step': 9,"
        "'target_modules': ['q_proj', 'fc2'], 'rank_pattern': {"
        "'model.encoder.layers.0.self_attn.q_proj.lora_E': [true, false, true]}}";
    pst_adapter *adapter = open_well(masked, tensors, 3, "ADALORA");
    const struct effect *effect = &adapter->effects[SLOT_Q];
    assert_int_equal(effect->rank, 2);
    assert_true(effect->scale == 6 / (double)(3 + 1e-5f));
    for (int i = 0; i < 8; i++) assert_true(effect->a[i] == a[i] * e[i / 4]);
    assert_int_equal(notes.count, 1); /* fc2 has no tensors: its lora_E is zero */
    assert_non_null(strstr(notes.last, "nothing for 1 of 2 targeted modules"));
    pst_adapter_free(adapter);

    adapter = open_well("{'peft_type': 'ADALORA', 'init_r': 2, 'lora_alpha': 0, 'total_step': 9,"
                        "'target_modules': ['q_proj']}",
                        tensors, 3, "ADALORA");
    assert_true(adapter->effects[SLOT_Q].scale == 2 / (double)(2 + 1e-5f));
    pst_adapter_free(adapter);

#define ADALORA "{'peft_type': 'ADALORA', 'target_modules': ['q_proj'], 'init_r': 2, "
    static const struct {
        const char *config, *part;
    } cases[] = {
        {ADALORA "'lora_alpha': 1}", "total_step is missing"},
        {ADALORA "'total_step': 5, 'tinit': 3, 'tfinal': 2}", "leave no step"},
        {ADALORA "'total_step': 5, 'use_dora': true}", "use_dora is set"},
        {ADALORA "'total_step': 5, 'bias': 'all'}", "bias is \"all\""},
        {ADALORA "'total_step': 5, 'rank_pattern': [1]}", "rank_pattern is a list"},
        {ADALORA "'total_step': 5, 'rank_pattern': {'a.lora_E': [true, true]}}",
         "rank_pattern has a.lora_E"},
        {ADALORA "'total_step': 5, 'rank_pattern': "
                 "{'model.encoder.layers.0.self_attn.q_proj.lora_E': [true]}}",
         "is not a list of 2 booleans (init_r)"},
        {ADALORA "'total_step': 5, 'rank_pattern': "
                 "{'model.encoder.layers.0.self_attn.q_proj.lora_E': [true, 1]}}",
         "[1] is an integer, expected true or false"},
        {ADALORA "'total_step': 5, 'modules_to_save': ['conv1']}",
         "modules_to_save means model.encoder.conv1, but the file has no weight"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].config, tensors, 3, cases[i].part);
}

static void ia3_scales_outputs_or_inputs(void **state) {
    (void)state;
    static const float outputs[] = {1, 2, 3, 4}, inputs[] = {6, 5, 4, 3, 2, 1};
    const struct tensor_source tensors[] = {float_matrix(Q "ia3_l", 4, 1, outputs),
                                            float_matrix(FC2 "ia3_l", 1, 6, inputs)};
    static const char *const configs[] = {
        "{'peft_type': 'IA3', 'target_modules': ['q_proj', 'fc2'], 'feedforward_modules': ['fc2']}",
        "{'peft_type': 'IA3', 'target_modules': '.*(q_proj|fc2)', 'feedforward_modules': ['c2']}",
        "{'peft_type': 'IA3', 'target_modules': ['q_proj', 'fc2'],"
        "'feedforward_modules': '.*fc\\\\d'}"};
    for (int i = 0; i < 3; i++) {
        pst_adapter *adapter = open_well(configs[i], tensors, 2, "IA3");
        assert_memory_equal(adapter->effects[SLOT_Q].out_scale, outputs, sizeof outputs);
        assert_null(adapter->effects[SLOT_Q].in_scale);
        assert_memory_equal(adapter->effects[SLOT_FC2].in_scale, inputs, sizeof inputs);
        assert_null(adapter->effects[SLOT_FC2].out_scale);
        pst_adapter_free(adapter);
    }
    assert_refused("{'peft_type': 'IA3', 'target_modules': ['q_proj']}", tensors, 2,
                   "feedforward_modules is missing");
    assert_refused("{'peft_type': 'IA3', 'target_modules': ['q_proj'],"
                   "'feedforward_modules': ['fc2']}",
                   tensors, 2, "feedforward_modules has fc2, which is not in target_modules");
    assert_refused("{'peft_type': 'IA3', 'target_modules': ['q_proj', 'fc2'],"
                   "'feedforward_modules': []}",
                   tensors, 2,
                   "fc2 ia3_l is [1, 6], the base model and adapter_config.json need "
                   "[4, 1]");
}

static void settings_are_read_strictly(void **state) {
    (void)state;
    assert_refused("{'peft_type': 'LOHA', 'target_modules': ['q_proj']}", NULL, 0,
                   "holds none of the tensors that adapter_config.json targets, as LOHA has them");
    assert_refused("{'peft_type': 'LOHA', 'target_modules': ['layer_norm']}", NULL, 0,
                   "which is not a linear module");
    assert_refused("{'peft_type': 'LOHA', 'r': 0, 'target_modules': ['q_proj']}", NULL, 0,
                   "r is 0, expected 1 to 8192");
    assert_refused("{'peft_type': 'LOHA', 'alpha': null, 'target_modules': ['q_proj']}", NULL, 0,
                   "alpha is null");
    assert_refused("{'peft_type': 'LOHA', 'init_weights': 'lycoris', 'target_modules': ['fc1']}",
                   NULL, 0, "init_weights is lycoris, expected true or false");
    assert_refused("{'peft_type': 'LOKR', 'decompose_factor': 2.5, 'target_modules': ['fc1']}",
                   NULL, 0, "decompose_factor is a number");
    assert_refused("{'peft_type': 'LOKR', 'decompose_both': 1, 'target_modules': ['fc1']}", NULL, 0,
                   "decompose_both is an integer");
    assert_refused("{'peft_type': 'LOHA', 'init_weights': false, 'target_modules': ['q_proj']}",
                   NULL, 0, "PEFT would use random numbers");
    assert_refused("{'peft_type': 'POLY'}", NULL, 0,
                   "\"POLY\" (it mixes several adapters by task)");

    static const float l[4] = {1, 1, 1, 1};
    const struct tensor_source scaled[] = {float_matrix(Q "ia3_l", 4, 1, l),
                                           float_matrix(FC1 "ia3_l", 4, 1, l)};
    pst_adapter *adapter = open_well("{'peft_type': 'IA3', 'target_modules': ['q_proj'], 'r': 4,"
                                     "'feedforward_modules': []}",
                                     scaled, 2, "IA3");
    assert_int_equal(notes.count, 2); /* r is no option of IA3; fc1 is not targeted */
    assert_non_null(strstr(notes.last, "1 of 2 tensors belong to no adapted module: " FC1));
    pst_adapter_free(adapter);
}

static void tensors_of_the_base_are_replaced(void **state) {
    (void)state;
    static const float l[4] = {1, 2, 1, 1}, norm[4] = {5, 6, 7, 8};
    struct tensor_source tensors[] = {
        float_matrix(Q "ia3_l", 4, 1, l),
        float_matrix("base_model.model.model.encoder.layer_norm.weight", 4, 0, norm)};
    tensors[1].dims = 1;
    pst_adapter *adapter =
        open_well("{'peft_type': 'IA3', 'target_modules': ['q_proj'],"
                  "'feedforward_modules': [], 'modules_to_save': ['layer_norm']}",
                  tensors, 2, "IA3");
    assert_memory_equal(adapter->effects[3].weight, norm, sizeof norm);
    assert_non_null(adapter->effects[SLOT_Q].out_scale);
    assert_int_equal(notes.count, 0);
    pst_adapter_free(adapter);
}

static void numbers_beyond_float_are_refused(void **state) {
    (void)state;
    static const float large[8] = {3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f};
    const struct tensor_source hada[] = {
        float_matrix(Q "hada_w1_a", 4, 1, large), float_matrix(Q "hada_w1_b", 1, 4, large),
        float_matrix(Q "hada_w2_a", 4, 1, large), float_matrix(Q "hada_w2_b", 1, 4, large)};
    assert_refused("{'peft_type': 'LOHA', 'r': 1, 'target_modules': ['q_proj']}", hada, 4,
                   "multiply to numbers beyond float32");
    const struct tensor_source ada[] = {float_matrix(Q "lora_A", 2, 4, large),
                                        float_matrix(Q "lora_B", 4, 2, large),
                                        float_matrix(Q "lora_E", 2, 1, large)};
    assert_refused("{'peft_type': 'ADALORA', 'init_r': 2, 'total_step': 9,"
                   "'target_modules': ['q_proj']}",
                   ada, 3, "multiply to numbers beyond float32");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loha_multiplies_two_products),
        cmocka_unit_test(lokr_is_a_kronecker_product),
        cmocka_unit_test(adalora_divides_by_the_first_rank),
        cmocka_unit_test(ia3_scales_outputs_or_inputs),
        cmocka_unit_test(settings_are_read_strictly),
        cmocka_unit_test(tensors_of_the_base_are_replaced),
        cmocka_unit_test(numbers_beyond_float_are_refused),
    };
    return cmocka_run_group_tests_name("relatives", tests, NULL, NULL);
}
