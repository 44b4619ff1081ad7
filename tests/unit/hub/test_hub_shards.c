/* test_hub_shards.c - which files an index of weights on the hub names. */
#include "hub/hub_shards.h"
#include "support/scratch.h"
#include "support/test.h"

static char names[256]; /* of the files visited, each with a space behind */

static pst_status note(void *user, const char *name, pst_error *err) {
    (void)user, (void)err;
    strcat(strcat(names, name), " ");
    return PST_OK;
}

static pst_status visit(const char *json, pst_error *err) {
    char path[600];
    snprintf(path, sizeof path, "%s/index.json", scratch_folder("hub_shards"));
    scratch_text(scratch_folder("hub_shards"), "index.json", json);
    names[0] = '\0';
    return hub_shards_visit(path, "org/name", note, NULL, err);
}

static void test_files(void **state) {
    (void)state;
    pst_error err;
    assert_int_equal(visit("{\"weight_map\": {\"x\": \"a.safetensors\"}}", &err), PST_OK);
    assert_string_equal(names, "a.safetensors ");
}

/* The model's own reader takes such a file. */
static void test_large_number(void **state) {
    (void)state;
    pst_error err;
    assert_int_equal(visit("{\"metadata\": {\"total_size\": 99999999999999999999},"
                           " \"weight_map\": {\"x\": \"a\"}}",
                           &err),
                     PST_OK);
    assert_string_equal(names, "a ");
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{\"weight_map\": {\"x\": \"../a\"}}", "names the shard \"../a\""},
        {"{\"weight_map\": {\"x\": \".a\"}}", "names the shard \".a\""},
        {"{\"weight_map\": {\"x\": \"a/b\"}}", "names the shard \"a/b\""},
        {"{\"weight_map\": {\"x\": 1}}", "names the shard \"(not a string)\""},
        {"{\"weight_map\": []}", "has no weight_map, expected an object"},
        {"{\"weight_map\": {\"x\": \"a\", \"x\": \"b\"}}", "has no weight_map"},
        {"[]", "has no weight_map"},
        {"", "has no weight_map"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pst_error err = {0};
        assert_int_equal(visit(cases[i].json, &err), PST_ERR_MODEL);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_string_equal(names, "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_large_number),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
