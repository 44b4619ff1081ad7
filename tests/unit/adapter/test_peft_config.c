/* test_peft_config.c - adapter_config.json: what is read, what is refused and with which words. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/config/peft_config.h"

/* Parses `text`, written with ' for " so that it can be read. */
static pst_status parse(struct peft_config *config, const char *text,
                        const pst_adapter_options *options, pst_error *err) {
    char *copy = strdup(text);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    struct json_file file = {.root = json_loads(copy, JSON_REJECT_DUPLICATES, NULL),
                             .path = strdup("config")};
    free(copy);
    assert_non_null(file.root);
    pst_status status = peft_config_parse(config, &file, options, err);
    assert_null(file.root); /* taken over */
    return status;
}

static void keeps_every_setting(void **state) {
    (void)state;
    struct peft_config config;
    pst_error err = {0};
    pst_status status =
        parse(&config,
              "{'peft_type': 'LORA', 'r': 4, 'lora_alpha': 2.5, 'use_rslora': true,"
              " 'base_model_name_or_path': 'a/b', 'target_modules': ['q_proj', 'fc1'],"
              " 'exclude_modules': '.*encoder.*', 'modules_to_save': ['norm'],"
              " 'layers_to_transform': [0, 3], 'layers_pattern': ['layers', 'h'],"
              " 'rank_pattern': {'z': 1, 'a': 2}, 'alpha_pattern': {'b': -0.5, 'a': 7}}",
              NULL, &err);
    assert_int_equal(status, PST_OK);
    assert_int_equal(config.selection.r, 4);
    assert_true(config.selection.alpha == 2.5);
    assert_true(config.selection.use_rslora);
    assert_true(config.lora.init_zeroes_b);
    assert_string_equal(config.base_model, "a/b");
    assert_null(config.selection.target_modules.pattern);
    assert_int_equal(config.selection.target_modules.names.count, 2);
    assert_string_equal(config.selection.target_modules.names.items[1], "fc1");
    assert_string_equal(config.selection.exclude_modules.pattern, ".*encoder.*");
    assert_int_equal(config.selection.modules_to_save.count, 1);
    assert_int_equal(config.selection.layer_count, 2);
    assert_int_equal(config.selection.layers_to_transform[1], 3);
    assert_int_equal(config.selection.layers_pattern.count, 2);
    assert_string_equal(config.selection.rank_pattern.items[0].pattern,
                        "z"); /* file order, not sorted */
    assert_true(config.selection.rank_pattern.items[1].value == 2);
    assert_true(config.selection.alpha_pattern.items[0].value == -0.5);
    peft_config_close(&config);
}

static void knows_the_defaults(void **state) {
    (void)state;
    struct peft_config config;
    assert_int_equal(parse(&config, "{'peft_type': 'LORA', 'rank_pattern': null}", NULL, NULL),
                     PST_OK);
    assert_int_equal(config.selection.r, 8);
    assert_true(config.selection.alpha == 8);
    assert_false(config.selection.use_rslora);
    assert_false(config.selection.target_modules.given);
    assert_string_equal(config.base_model, "");
    peft_config_close(&config);
    peft_config_close(&config); /* a closed one may be closed again */
}

static void takes_one_layer_and_one_pattern(void **state) {
    (void)state;
    struct peft_config config;
    assert_int_equal(parse(&config,
                           "{'peft_type': 'LORA', 'target_modules': ['q_proj'],"
                           " 'layers_to_transform': 5, 'layers_pattern': 'layers'}",
                           NULL, NULL),
                     PST_OK);
    assert_int_equal(config.selection.layer_count, 1);
    assert_int_equal(config.selection.layers_to_transform[0], 5);
    assert_int_equal(config.selection.layers_pattern.count, 1);
    peft_config_close(&config);
}

static void says_what_does_not_parse(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
        pst_status code;
    } cases[] = {
        {"{}", "config: peft_type is missing, expected \"LORA\"", PST_ERR_MODEL},
        {"{'peft_type': 'NEW'}",
         "config: peft_type is \"NEW\" (no method of PEFT 0.21): not supported, expected LORA or "
         "another that docs/ADAPTERS.md lists",
         PST_ERR_UNSUPPORTED},
        {"{'peft_type': 1}", "config: peft_type is an integer, expected a string", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'r': 0}", "config: r is 0, expected 1 to 8192", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'r': 8.0}", "config: r is a number, expected an integer",
         PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'r': null}", "config: r is null, expected a number", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'r': 9000000000000000000}",
         "config: r is 9000000000000000000, expected 1 to 8192", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'lora_alpha': 1e300}",
         "config: lora_alpha is 1e+300, expected -1e+09 to 1e+09", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'lora_alpha': '8'}",
         "config: lora_alpha is a string, expected a number", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'use_rslora': 1}",
         "config: use_rslora is an integer, expected true or false", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'target_modules': 7}",
         "config: target_modules is an integer, expected a string or a list of strings",
         PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'target_modules': ['a', 7]}",
         "config: target_modules[1] is an integer, expected a string", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'trainable_token_indices': [1, -2]}",
         "config: trainable_token_indices[1] is not a token id", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'trainable_token_indices': {'proj_out': []}}",
         "config: trainable_token_indices holds nothing for proj_out, expected a list of tokens",
         PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'trainable_token_indices': 5}",
         "config: trainable_token_indices holds an integer for embed_tokens, expected a list of "
         "tokens",
         PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'modules_to_save': 'norm'}",
         "config: modules_to_save is a string, expected a list of strings", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'rank_pattern': [1]}",
         "config: rank_pattern is a list, expected an object", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'rank_pattern': {'q': 2.5}}",
         "config: rank_pattern: \"q\" is a number, expected an integer", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'rank_pattern': {'q': 0}}",
         "config: rank_pattern: \"q\" is 0, expected 1 to 8192", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'alpha_pattern': {'q': true}}",
         "config: alpha_pattern: \"q\" is true, expected a number", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'layers_to_transform': 'all'}",
         "config: layers_to_transform holds a string, expected an integer or a list of integers",
         PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'layers_to_transform': [1, 2.0]}",
         "config: layers_to_transform holds a number, expected an integer or a list of integers",
         PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'target_modules': ['q'], 'layers_pattern': 'layers'}",
         "config: layers_pattern is given without layers_to_transform", PST_ERR_MODEL},
        {"{'peft_type': 'LORA', 'target_modules': 'q', 'layers_to_transform': []}",
         "config: layers_to_transform is given, but target_modules is a string: PEFT combines it "
         "with a list only",
         PST_ERR_MODEL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peft_config config;
        pst_error err = {0};
        assert_int_equal(parse(&config, cases[i].text, NULL, &err), cases[i].code);
        assert_string_equal(err.message, cases[i].message);
        assert_null(config.file.root); /* nothing is left to free */
    }
}

/* Each option that is not applied, switched on in a config that is fine otherwise. */
static void refuses_by_name(void **state) {
    (void)state;
    static const char *const settings[] = {
        "'use_qalora': true",
        "'fan_in_fan_out': true",
        "'target_parameters': ['experts.w']",
        "'layer_replication': [[0, 2], [1, 3]]",
        "'alora_invocation_tokens': [5]",
        "'arrow_config': {'top_k': 3}",
        "'monteclora_config': {'x': 1}",
        "'megatron_config': {'tensor_model_parallel_size': 1}",
        "'init_lora_weights': 'pissa_niter_16'",
        "'init_lora_weights': 'corda'",
        "'init_lora_weights': 'loftq'",
        "'init_lora_weights': 'lora_ga'",
        "'init_lora_weights': 'something new'",
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char text[256], name[64];
        struct peft_config config;
        pst_error err = {0};
        snprintf(text, sizeof text, "{'peft_type': 'LORA', 'target_modules': ['q_proj'], %s}",
                 settings[i]);
        snprintf(name, sizeof name, "config: %.*s is ", (int)strcspn(settings[i] + 1, "'"),
                 settings[i] + 1);
        assert_int_equal(parse(&config, text, NULL, &err), PST_ERR_UNSUPPORTED);
        assert_memory_equal(err.message, name, strlen(name));
    }
}

static void keeps_what_goes_beyond_matrices(void **state) {
    (void)state;
    struct peft_config config;
    pst_error err = {0};
    static const char text[] =
        "{'peft_type': 'LORA', 'use_dora': true, 'ensure_weight_tying': true, 'bias': 'all',"
        " 'init_lora_weights': 'pissa', 'modules_to_save': ['norm'],"
        " 'trainable_token_indices': {'embed_tokens': [7, 2], 'proj_out': [0]}}";
    assert_int_equal(parse(&config, text, NULL, &err), PST_OK);
    assert_true(config.lora.use_dora && config.lora.ensure_weight_tying && !config.lora.lora_bias);
    assert_int_equal(config.lora.correction, LORA_CORRECTION_PISSA);
    assert_int_equal(config.lora.token_lists, 2);
    assert_string_equal(config.lora.tokens[0].module, "embed_tokens");
    assert_int_equal(config.lora.tokens[0].count, 2);
    assert_int_equal(config.lora.tokens[0].ids[1], 2);
    peft_config_close(&config);
    assert_int_equal(parse(&config,
                           "{'peft_type': 'LORA', 'lora_bias': true, 'bias': 'lora_only',"
                           " 'init_lora_weights': 'OLoRA', 'trainable_token_indices': [3]}",
                           NULL, &err),
                     PST_OK);
    assert_int_equal(config.lora.correction, LORA_CORRECTION_OLORA);
    assert_string_equal(config.lora.tokens[0].module, "embed_tokens");
    peft_config_close(&config);
}

/* What PEFT itself would not have saved. */
static void refuses_what_peft_refuses(void **state) {
    (void)state;
    static const struct {
        const char *setting, *message;
    } cases[] = {
        {"'use_dora': true, 'lora_bias': true",
         "config: use_dora and lora_bias are both set (PEFT refuses it too)"},
        {"'bias': null", "config: bias is null, expected \"none\", \"all\" or \"lora_only\""},
        {"'bias': 'some'", "config: bias is some, expected \"none\", \"all\" or \"lora_only\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        struct peft_config config;
        pst_error err = {0};
        snprintf(text, sizeof text, "{'peft_type': 'LORA', %s}", cases[i].setting);
        assert_int_equal(parse(&config, text, NULL, &err), PST_ERR_MODEL);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void accepts_options_that_are_off(void **state) {
    (void)state;
    struct peft_config config;
    pst_error err = {0};
    pst_status status = parse(
        &config,
        "{'peft_type': 'LORA', 'use_dora': false, 'use_qalora': false, 'lora_bias': false,"
        " 'fan_in_fan_out': false, 'modules_to_save': [], 'trainable_token_indices': null,"
        " 'target_parameters': null, 'layer_replication': null, 'alora_invocation_tokens': null,"
        " 'arrow_config': null, 'megatron_config': null, 'megatron_core': 'megatron.core',"
        " 'bias': 'none', 'lora_dropout': 0.05, 'loftq_config': {}, 'qalora_group_size': 16,"
        " 'init_lora_weights': 'Gaussian'}",
        NULL, &err);
    assert_int_equal(status, PST_OK);
    assert_true(config.lora.init_zeroes_b);
    peft_config_close(&config);
}

/* With these a lora_B that is missing from the file would be random in PEFT. */
static void knows_when_lora_b_starts_random(void **state) {
    (void)state;
    static const char *const values[] = {"false", "null", "'orthogonal'"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[128];
        struct peft_config config;
        snprintf(text, sizeof text, "{'peft_type': 'LORA', 'init_lora_weights': %s}", values[i]);
        assert_int_equal(parse(&config, text, NULL, NULL), PST_OK);
        assert_false(config.lora.init_zeroes_b);
        peft_config_close(&config);
    }
}

static void count_warning(void *user, const char *message) {
    ++*(int *)user;
    assert_string_equal(message,
                        "config: future_option is not an option of PEFT 0.21, ignored as there");
}

static void mentions_unknown_keys_that_are_on(void **state) {
    (void)state;
    int warnings = 0;
    pst_adapter_options options = {
        .struct_size = sizeof options, .warn = count_warning, .user = &warnings};
    struct peft_config config;
    assert_int_equal(parse(&config,
                           "{'peft_type': 'LORA', 'future_option': 3, 'other_option': null,"
                           " 'third_option': false, 'peft_version': '9.9', 'use_dora': true}",
                           &options, NULL),
                     PST_OK);
    assert_int_equal(warnings, 1);
    peft_config_close(&config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_setting),
        cmocka_unit_test(knows_the_defaults),
        cmocka_unit_test(takes_one_layer_and_one_pattern),
        cmocka_unit_test(says_what_does_not_parse),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(keeps_what_goes_beyond_matrices),
        cmocka_unit_test(refuses_what_peft_refuses),
        cmocka_unit_test(accepts_options_that_are_off),
        cmocka_unit_test(knows_when_lora_b_starts_random),
        cmocka_unit_test(mentions_unknown_keys_that_are_on),
    };
    return cmocka_run_group_tests_name("peft_config", tests, NULL, NULL);
}
