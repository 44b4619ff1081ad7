/* test_config_writer.c - config.json as transformers 5.2.0 saves it. The values are what
 * from_pretrained() and save_pretrained() make of the same file. */
#include <jansson.h>

#include "merge/config_writer.h"
#include "support/scratch.h"
#include "support/test.h"

/* rope_parameters of the config written for `json`, with sorted keys and no spaces. */
static char *rope_of(const char *json) {
    struct buffer text = {0};
    pst_error err;
    const char *folder = scratch_folder("config_writer");
    scratch_text(folder, "config.json", json);
    assert_int_equal(config_rewrite(&text, folder, "float32", 0, &err), PST_OK);
    json_t *root = json_loadb(text.data, text.length, 0, NULL);
    char *rope = json_dumps(json_object_get(root, "rope_parameters"),
                            JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(3));
    json_decref(root);
    buffer_free(&text);
    return rope;
}

/* Only a config without rope_parameters has the class's factor. */
static void test_streaming_rope(void **state) {
    (void)state;
#define STREAMING "{\"model_type\": \"moonshine_streaming\", "
    static const struct {
        const char *json, *rope;
    } cases[] = {
        {STREAMING "\"rope_scaling\": null}",
         "{\"partial_rotary_factor\":0.8,\"rope_theta\":1e4,\"rope_type\":\"default\"}"},
        {STREAMING "\"rope_parameters\": null}", "{\"rope_theta\":1e4,\"rope_type\":\"default\"}"},
        {STREAMING "\"rope_parameters\": {\"rope_theta\": 500.0}}",
         "{\"rope_theta\":500.0,\"rope_type\":\"default\"}"},
        {STREAMING "\"rope_scaling\": {\"rope_theta\": 3.0, \"rope_type\": \"default\"}}",
         "{\"rope_theta\":3.0,\"rope_type\":\"default\"}"},
        {STREAMING "\"rope_parameters\": {\"rope_theta\": 5.0}, \"partial_rotary_factor\": null}",
         "{\"rope_theta\":5.0,\"rope_type\":\"default\"}"},
        {STREAMING "\"rope_parameters\": {\"rope_theta\": 5.0}, \"partial_rotary_factor\": 0.5}",
         "{\"partial_rotary_factor\":0.5,\"rope_theta\":5.0,\"rope_type\":\"default\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *rope = rope_of(cases[i].json);
        assert_string_equal(rope, cases[i].rope);
        free(rope);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streaming_rope)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
