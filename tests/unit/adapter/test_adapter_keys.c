/* test_adapter_keys.c - names of tensors, right and mended. */
#include "support/test.h"

#include "adapter/adapter_keys.h"

#define RIGHT "base_model.model.model.encoder.layers.0.mlp.fc1.lora_A.weight"

static void names_are_mended(void **state) {
    (void)state;
    static const struct {
        const char *key, *mended; /* NULL: stays */
    } cases[] = {
        {RIGHT, NULL},
        {"_orig_mod." RIGHT, RIGHT},
        {"module." RIGHT, RIGHT},
        {"base_model.model._orig_mod.model.encoder.layers.0.mlp.fc1.lora_A.weight", RIGHT},
        {"base_model.model.module._orig_mod.model.encoder.layers.0.mlp.fc1.lora_A.weight", RIGHT},
        {"_fsdp_wrapped_module." RIGHT, RIGHT},
        {"base_model.model.model.encoder.layers.0.mlp.fc1.lora_A.default.weight", RIGHT},
        {"base_model.model." RIGHT, RIGHT},
        {"model.encoder.layers.0.mlp.fc1.lora_A.weight", RIGHT},
        {"encoder.layers.0.mlp.fc1.lora_A.weight", RIGHT},
        {"base_model.model.encoder.layers.0.mlp.fc1.lora_A.weight", RIGHT},
        {"proj_out.lora_A.weight", "base_model.model.proj_out.lora_A.weight"},
        {"base_model.vera_A", NULL},
        {"_orig_mod.base_model.vera_A", "base_model.vera_A"},
        {"base_model.vera_A.default", "base_model.vera_A"},
        {"lora_A.weight", NULL}, /* of which module cannot be told */
        {"default", NULL},
        {"", NULL},
        {"...", NULL},
    };
    struct buffer mended = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(adapter_key_mend(cases[i].key, &mended), cases[i].mended != NULL);
        if (cases[i].mended) assert_string_equal(mended.data, cases[i].mended);
    }
    buffer_free(&mended);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_are_mended)};
    return cmocka_run_group_tests_name("adapter_keys", tests, NULL, NULL);
}
