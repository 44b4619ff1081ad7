/* test_fingerprint.c - weights are told apart by their values alone. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "base/digest.h"
#include "model/model.h"
#include "potstill_tools.h"

static pst_error err;

/* By its definition, over an output matrix of its own or without it. */
static void expect_sum(const pst_model *model, const pst_fingerprint *found, int with_output) {
    char hex[DIGEST_HEX_SIZE];
    double squares = 0;
    struct digest digest = {0};
    assert_int_equal(digest_begin(&digest, DIGEST_SHA256, &err), PST_OK);
    for (uint32_t i = 0; i < model->weights.module_count; i++) {
        const struct module *module = &model->weights.modules[i];
        size_t count = module->out * module_columns(module);
        if (strcmp(module->name, "proj_out") == 0 && !with_output) continue;
        digest_add(&digest, module->name, strlen(module->name) + 1, &err);
        digest_add(&digest, module->weight, count * sizeof(float), &err);
        if (module->bias) digest_add(&digest, module->bias, module->out * sizeof(float), &err);
        for (size_t j = 0; j < count; j++) squares += pow(module->weight[j], 2);
        for (size_t j = 0; module->bias && j < module->out; j++) squares += pow(module->bias[j], 2);
    }
    assert_int_equal(digest_end(&digest, hex, &err), PST_OK);
    digest_free(&digest);
    assert_string_equal(found->sha256, hex);
    assert_true(fabs(found->norm - sqrt(squares)) < 1e-6 * found->norm);
}

static void values_decide(void **state) {
    (void)state;
    static const struct {
        const char *dir;
        int with_output;
    } cases[] = {{TEST_SOURCE_DIR "/tests/golden/micro", 0},
                 {TEST_SOURCE_DIR "/tests/golden/micro_untied", 1},
                 {TEST_SOURCE_DIR "/tests/golden/micro_bf16", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pst_model *model = NULL;
        pst_fingerprint found;
        assert_int_equal(model_open(&model, cases[i].dir, NULL, NULL, &err), PST_OK);
        assert_int_equal(pst_model_fingerprint(model, &found, &err), PST_OK);
        expect_sum(model, &found, cases[i].with_output);
        model_close(model);
    }
}

static void wrong_calls_are_refused(void **state) {
    (void)state;
    pst_fingerprint found = {.norm = 1};
    struct pst_model converted = {.device = (struct device *)&found};
    assert_int_equal(pst_model_fingerprint(NULL, &found, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_model_fingerprint(&converted, NULL, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_model_fingerprint(&converted, &found, &err), PST_ERR_ARGUMENT);
    assert_true(found.norm == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_decide),
        cmocka_unit_test(wrong_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
