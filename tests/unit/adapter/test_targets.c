/* test_targets.c - which modules a config means. tests/oracle/test_lora_targets.py asks PEFT itself
 * the same questions over a whole model; here are the rules one by one, and the messages. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/config/config_regex.h"
#include "adapter/config/peft_config.h"
#include "adapter/config/targets.h"
#include "support/few_modules.h"

/* Finds the targets of a config whose settings are `text`, with ' for ". */
static pst_status find(const char *text, struct target targets[FEW_MODULES], pst_error *err) {
    char json[4096];
    struct few_modules few;
    struct peft_config config;
    uint32_t adapted = 0;
    few_modules_init(&few);
    snprintf(json, sizeof json, "{\"peft_type\": \"LORA\", %s}", text);
    for (char *c = json; *c; c++)
        if (*c == '\'') *c = '"';
    struct json_file file = {.root = json_loads(json, 0, NULL), .path = strdup("config")};
    assert_non_null(file.root);
    pst_status status = peft_config_parse(&config, &file, NULL, err);
    if (status) return status;
    status = targets_find(&config.selection, few.modules, FEW_MODULES, targets, &adapted, err);
    peft_config_close(&config);
    uint32_t ranked = 0;
    for (int i = 0; i < FEW_MODULES && !status; i++) ranked += targets[i].rank > 0;
    if (!status) assert_int_equal(ranked, adapted);
    return status;
}

/* The chosen modules as "1,2,5". */
static void expect(const char *text, const char *chosen) {
    struct target targets[FEW_MODULES];
    char found[64] = "";
    pst_error err = {0};
    if (find(text, targets, &err)) {
        print_error("%s\n%s\n", text, err.message);
        fail();
    }
    for (int i = 0; i < FEW_MODULES; i++)
        if (targets[i].rank)
            snprintf(found + strlen(found), sizeof found - strlen(found), "%s%d", *found ? "," : "",
                     i);
    if (strcmp(found, chosen) != 0) print_error("%s\n", text);
    assert_string_equal(found, chosen);
}

static void expect_error(const char *text, pst_status code, const char *message) {
    struct target targets[FEW_MODULES];
    pst_error err = {0};
    assert_int_equal(find(text, targets, &err), code);
    assert_string_equal(err.message, message);
}

static void matches_names_and_endings(void **state) {
    (void)state;
    expect("'target_modules': ['v_proj']", "5,6");
    expect("'target_modules': ['encoder_attn.v_proj', 'fc1']", "2,5,6");
    expect("'target_modules': ['model.encoder.layers.0.self_attn.q_proj']", "1");
    expect("'target_modules': ['proj_out', 'proj', '_proj']", "8"); /* endings start at a dot */
    expect("'target_modules': ['fc1', 'fc1', '']", "2");
}

static void matches_whole_names_by_expression(void **state) {
    (void)state;
    expect("'target_modules': '.*decoder.*v_proj'", "5,6");
    expect("'target_modules': '.*_proj|.*fc[12]'", "1,2,5,6,7");
    expect("'target_modules': '.*\\\\.(?P<n>\\\\d)\\\\..*(q_proj|fc1)'", "1,2");
    expect("'target_modules': '(?i).*FC1'", "2");
    expect("'target_modules': '.*(?<!q)_proj'", "5,6");
}

static void knows_all_linear(void **state) {
    (void)state;
    expect("'target_modules': 'all-linear'", "1,2,5,6,7");
    expect("'target_modules': 'All-Linear', 'exclude_modules': ['fc1', 'fc2']", "1,5,6");
}

static void excludes(void **state) {
    (void)state;
    expect("'target_modules': ['v_proj', 'fc1'], 'exclude_modules': ['layers.0.mlp.fc1']", "5,6");
    expect("'target_modules': ['v_proj', 'fc1'], 'exclude_modules': '.*layers.0.*'", "6");
    expect("'target_modules': ['v_proj', 'fc1'], 'exclude_modules': 'layers.0.*'", "2,5,6");
    expect("'target_modules': ['v_proj', 'fc1'], 'exclude_modules': ''", "2,5,6");
    /* A module to be saved takes everything below it along. */
    expect("'target_modules': ['v_proj', 'fc1'], 'modules_to_save': ['encoder']", "5,6");
    expect("'target_modules': ['v_proj', 'fc1'], 'modules_to_save': ['enc', 'fc1']", "5,6");
}

static void restricts_endings_to_layers(void **state) {
    (void)state;
    expect("'target_modules': ['v_proj', 'q_proj'], 'layers_to_transform': 0", "1,5");
    expect("'target_modules': ['v_proj', 'q_proj'], 'layers_to_transform': [10, 1]", "6");
    expect("'target_modules': ['v_proj', 'proj_out'], 'layers_to_transform': [10]", "6,8");
    expect("'target_modules': ['v_proj'], 'layers_to_transform': []", "5,6");
    expect("'target_modules': ['model.encoder.layers.0.mlp.fc1', 'v_proj'],"
           "'layers_to_transform': [10]",
           "2,6"); /* a full name counts whatever its layer */
    expect("'target_modules': ['v_proj'], 'layers_to_transform': 10, 'layers_pattern': 'layers'",
           "6");
    expect("'target_modules': ['v_proj'], 'layers_to_transform': 10,"
           "'layers_pattern': ['blocks', 'lay(?:er)s']",
           "6");
    expect_error("'target_modules': ['v_proj'], 'layers_to_transform': 10, 'layers_pattern': 'h'",
                 PST_ERR_MODEL,
                 "config: target_modules matches no module of the model, as exclude_modules and "
                 "layers_to_transform restrict it (is this adapter for another model?)");
    expect_error("'target_modules': ['v_proj'], 'layers_to_transform': 10,"
                 "'layers_pattern': '(layers)'",
                 PST_ERR_MODEL,
                 "config: layers_pattern: pattern \"(layers)\" captures something other than the "
                 "layer number of \"model.decoder.layers.0.encoder_attn.v_proj\" in its first "
                 "group");
}

/* From 20 names on PEFT shortens full names to endings, which then obey layers_to_transform. */
static void refuses_what_depends_on_condensing(void **state) {
    (void)state;
    char text[1024] = "'layers_to_transform': [10], 'target_modules': ["
                      "'model.encoder.layers.0.mlp.fc1', 'v_proj'";
    for (int i = 0; i < 17; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ", 'other%d'", i);
    size_t nineteen = strlen(text);
    strcat(text, "]");
    expect(text, "2,6");
    text[nineteen] = '\0';
    strcat(text, ", 'one more']");
    expect_error(text, PST_ERR_UNSUPPORTED,
                 "config: target_modules lists model.encoder.layers.0.mlp.fc1, which "
                 "layers_to_transform leaves out: which of them counts in a list of 20 or more "
                 "depends on PEFT");
}

static void measures_by_the_first_pattern(void **state) {
    (void)state;
    struct target targets[FEW_MODULES];
    pst_status status = find("'target_modules': 'all-linear', 'r': 4, 'lora_alpha': 6,"
                             "'rank_pattern': {'v_proj': 2, 'decoder.*': 3, '^fc1': 9},"
                             "'alpha_pattern': {'layers.10.*': 5, '(q|v)_proj': 7}",
                             targets, NULL);
    assert_int_equal(status, PST_OK);
    static const struct {
        uint32_t rank;
        double alpha;
    } expected[FEW_MODULES] = {{0, 0}, {4, 7}, {4, 6}, {0, 0}, {0, 0},
                               {2, 7}, {2, 5}, {3, 5}, {0, 0}};
    for (int i = 0; i < FEW_MODULES; i++) {
        assert_int_equal(targets[i].rank, expected[i].rank);
        assert_true(targets[i].alpha == expected[i].alpha);
        if (expected[i].rank) assert_true(targets[i].scale == expected[i].alpha / expected[i].rank);
    }
}

static void scales_by_the_root_with_rslora(void **state) {
    (void)state;
    struct target targets[FEW_MODULES];
    assert_int_equal(find("'target_modules': ['fc1'], 'r': 3, 'lora_alpha': 5, 'use_rslora': true",
                          targets, NULL),
                     PST_OK);
    assert_true(targets[2].scale == 5 / 1.7320508075688772);
}

#define NO_MATRIX "which is not a linear module, convolution or embedding (PEFT refuses it too)"

static void refuses_modules_without_matrices(void **state) {
    (void)state;
    expect("'target_modules': ['fc1', 'conv1']", "0,2");
    expect("'target_modules': ['embed_tokens']", "4");
    expect_error("'target_modules': ['layer_norm']", PST_ERR_MODEL,
                 "config: target_modules matches model.encoder.layer_norm, " NO_MATRIX);
    expect_error("'target_modules': '.*decoder.*'", PST_ERR_MODEL,
                 "config: target_modules matches model.decoder, " NO_MATRIX);
    expect_error(
        "'target_modules': '.*0\\\\.mlp\\\\..*'", PST_ERR_MODEL,
        "config: target_modules matches model.encoder.layers.0.mlp.activation_fn, " NO_MATRIX);
    expect_error("'target_modules': ['rotary_emb']", PST_ERR_MODEL,
                 "config: target_modules matches model.encoder.rotary_emb, " NO_MATRIX);
}

static void wants_targets(void **state) {
    (void)state;
    expect_error("'r': 4", PST_ERR_MODEL,
                 "config: target_modules is missing, and PEFT has no default for this model");
    static const char nothing[] =
        "config: target_modules matches no module of the model, as exclude_modules and "
        "layers_to_transform restrict it (is this adapter for another model?)";
    expect_error("'target_modules': []", PST_ERR_MODEL, nothing);
    expect_error("'target_modules': ''", PST_ERR_MODEL, nothing);
    expect_error("'target_modules': ['query']", PST_ERR_MODEL, nothing);
    expect_error("'target_modules': ['fc1'], 'exclude_modules': '.*'", PST_ERR_MODEL, nothing);
}

static void explains_bad_patterns(void **state) {
    (void)state;
    expect_error("'target_modules': '.*(q_proj'", PST_ERR_MODEL,
                 "config: target_modules: pattern \".*(q_proj\": missing closing parenthesis, at "
                 "offset 9");
    expect_error("'target_modules': ['fc1'], 'rank_pattern': {'ab)': 2}", PST_ERR_MODEL,
                 "config: rank_pattern: pattern \"ab)\": unmatched closing parenthesis, at offset "
                 "3");
    expect_error("'target_modules': ['fc1'], 'alpha_pattern': {'*': 2}", PST_ERR_MODEL,
                 "config: alpha_pattern: pattern \"*\": quantifier does not follow a repeatable "
                 "item, at offset 0");
    expect_error("'target_modules': '(([a-z.0-9_]+)+)+[!?]'", PST_ERR_MODEL,
                 "config: target_modules: pattern \"(([a-z.0-9_]+)+)+[!?]\" on \"model.encoder\": "
                 "match limit exceeded");
}

static void refuses_what_python_reads_differently(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *what;
        int offset;
    } cases[] = {
        {".*fc{,1}", "a repeat without a lower bound", 4},
        {"[[:alpha:]_.0-9]*", "a POSIX class", 1},
        {"[^]a[:digit:]]*", "a POSIX class", 4},
        {"(*LIMIT_MATCH=9).*", "a PCRE verb", 0},
        {"(?ix) .*", "verbose mode", 0},
        {".*(?#[)fc{,1}", "a comment", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128], message[256];
        snprintf(text, sizeof text, "'target_modules': '%s'", cases[i].pattern);
        snprintf(message, sizeof message,
                 "config: target_modules: pattern \"%s\": %s, at offset %d, is not supported: "
                 "Python and PCRE2 may read it differently",
                 cases[i].pattern, cases[i].what, cases[i].offset);
        expect_error(text, PST_ERR_UNSUPPORTED, message);
    }
    expect("'target_modules': '.*fc[{,1}]'", "2"); /* plain characters inside a class */
    expect("'target_modules': '[^[(*]*\\\\.fc\\\\d'", "2,7");
}

static void limits_the_length_of_patterns(void **state) {
    (void)state;
    size_t length = 16385;
    char *pattern = malloc(length + 1);
    memset(pattern, 'a', length);
    pattern[length] = '\0';
    struct config_regex *regex = NULL;
    pst_error err = {0};
    struct config_regex_place place = {"config", "target_modules"};
    assert_int_equal(config_regex_new(&regex, place, "", pattern, "", CONFIG_REGEX_WHOLE, &err),
                     PST_ERR_MODEL);
    assert_null(regex);
    assert_string_equal(err.message, "config: target_modules: a pattern has 16385 bytes, expected "
                                     "at most 16384");
    free(pattern);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_names_and_endings),
        cmocka_unit_test(matches_whole_names_by_expression),
        cmocka_unit_test(knows_all_linear),
        cmocka_unit_test(excludes),
        cmocka_unit_test(restricts_endings_to_layers),
        cmocka_unit_test(refuses_what_depends_on_condensing),
        cmocka_unit_test(measures_by_the_first_pattern),
        cmocka_unit_test(scales_by_the_root_with_rslora),
        cmocka_unit_test(refuses_modules_without_matrices),
        cmocka_unit_test(wants_targets),
        cmocka_unit_test(explains_bad_patterns),
        cmocka_unit_test(refuses_what_python_reads_differently),
        cmocka_unit_test(limits_the_length_of_patterns),
    };
    return cmocka_run_group_tests_name("targets", tests, NULL, NULL);
}
