/* test_adapter_folder.c - where the adapter is, and adapters of Moonshine's own trainer. */
#include "support/test.h"

#include <unistd.h>

#include "adapter/adapter.h"
#include "support/adapter_writer.h"
#include "support/one_layer.h"

static const char *below(const char *folder, const char *name) {
    static char path[700];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mkdir(path, 0777);
    return path;
}

static void remove_folder(const char *folder, const char *name) {
    const char *path = below(folder, name);
    scratch_remove(path, "adapter_config.json");
    rmdir(path);
}

static void finds_the_only_one_inside(void **state) {
    (void)state;
    const char *dir = scratch_folder("adapters");
    char *found = NULL;
    pst_error err = {0};
    scratch_remove(dir, "adapter_config.json");
    remove_folder(dir, "english");
    remove_folder(dir, "french");
    assert_int_equal(pst_adapter_find(dir, &found, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, ": holds no adapter"));
    assert_null(found);

    below(dir, "empty");
    write_config(below(dir, ".hidden"), "{}");
    write_config(below(dir, "english"), "{}");
    assert_int_equal(pst_adapter_find(dir, &found, &err), PST_OK);
    assert_string_equal(found, below(dir, "english"));
    pst_free(found);

    write_config(below(dir, "french"), "{}");
    assert_int_equal(pst_adapter_find(dir, &found, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "holds several adapters, in the folders english, french"));

    scratch_text(dir, "adapter_config.json", "{}"); /* then what is inside does not matter */
    assert_int_equal(pst_adapter_find(dir, &found, &err), PST_OK);
    assert_string_equal(found, dir);
    pst_free(found);
    scratch_remove(dir, "adapter_config.json");
    assert_int_equal(pst_adapter_find("/nowhere", &found, &err), PST_ERR_MODEL);
    assert_int_equal(pst_adapter_find(NULL, &found, &err), PST_ERR_ARGUMENT);
}

/* ------------------------------------------------------------------------------------- trainer */

enum { RANK = 2 };

static const float DOWN[RANK * ONE_DIM] = {1, 2, 3, 4, 5, 6};
static const float UP[ONE_WIDTH * RANK] = {1, 2, 3, 4, 5, 6, 7, 8};

static void right_tensors(struct tensor_source tensors[4]) {
    tensors[0] = float_matrix("decoder.0.down", RANK, ONE_DIM, DOWN);
    tensors[1] = float_matrix("decoder.0.q_proj.up", ONE_WIDTH, RANK, UP);
    tensors[2] = float_matrix("decoder.0.k_proj.up", ONE_WIDTH, RANK, UP);
    tensors[3] = float_matrix("decoder.0.v_proj.up", ONE_WIDTH, RANK, UP);
}

static pst_status open_trained(const struct one_layer *one, const struct tensor_source *tensors,
                               size_t count, double scale, struct notes *notes,
                               pst_adapter **adapter, pst_error *err) {
    const char *dir = scratch_folder("trained");
    pst_adapter_options options;
    write_tensors(dir, "adapter.safetensors", tensors, count);
    pst_adapter_options_init(&options);
    options.warn = take_note;
    options.user = notes;
    options.adapter_scale = scale;
    *notes = (struct notes){0};
    return pst_adapter_open(&one->model, dir, &options, adapter, err);
}

static void reads_what_the_trainer_writes(void **state) {
    (void)state;
    struct one_layer one;
    struct tensor_source tensors[4];
    struct notes notes;
    pst_adapter *adapter = NULL;
    pst_adapter_info info;
    one_layer_init(&one);
    right_tensors(tensors);
    scratch_text(scratch_folder("trained"), "summary.json", "{\"model\": \"some/base\"}");
    assert_int_equal(open_trained(&one, tensors, 4, 0, &notes, &adapter, NULL), PST_OK);
    pst_adapter_describe(adapter, &info);
    assert_string_equal(info.peft_type, "MOONSHINE_VOICE");
    assert_string_equal(info.base_model, "some/base");
    assert_int_equal(info.modules, 3);
    assert_int_equal(info.rank_max, RANK);
    assert_int_equal(info.parameters, RANK * (ONE_DIM + 3 * ONE_WIDTH));
    assert_memory_equal(adapter->effects[2].a, DOWN, sizeof DOWN);
    assert_memory_equal(adapter->effects[2].b, UP, sizeof UP);
    assert_true(adapter->effects[2].scale == 1);
    assert_int_equal(adapter->effects[3].rank, 0);
    assert_int_equal(notes.count, 1);
    assert_non_null(strstr(notes.last, "stores no scale: 1 is assumed"));
    pst_adapter_free(adapter);

    scratch_text(scratch_folder("trained"), "summary.json", "no matter what");
    assert_int_equal(open_trained(&one, tensors, 4, 2.5, &notes, &adapter, NULL), PST_OK);
    pst_adapter_describe(adapter, &info);
    assert_string_equal(info.base_model, "");
    assert_true(adapter->effects[0].scale == 2.5);
    assert_int_equal(notes.count, 0);
    pst_adapter_free(adapter);
    scratch_remove(scratch_folder("trained"), "summary.json");
}

static void refuses_the_wrong_base(void **state) {
    (void)state;
    struct one_layer one;
    struct tensor_source tensors[5];
    struct notes notes;
    pst_adapter *adapter = NULL;
    pst_error err;
    one_layer_init(&one);
    right_tensors(tensors);
    static const float wide[RANK * 9];
    tensors[4] = float_matrix("decoder.1.down", RANK, ONE_DIM, DOWN);
    assert_int_equal(open_trained(&one, tensors, 5, 0, &notes, &adapter, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "has decoder.1.down, which a base model of "));
    tensors[0] = float_matrix("decoder.0.down", RANK, 9, wide);
    assert_int_equal(open_trained(&one, tensors, 4, 0, &notes, &adapter, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "decoder.0.down is [2, 9], the base model needs [2, 3]"));
    right_tensors(tensors);
    assert_int_equal(open_trained(&one, tensors, 3, 0, &notes, &adapter, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "decoder.0.v_proj.up is missing"));
    assert_int_equal(open_trained(&one, tensors + 1, 3, 0, &notes, &adapter, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "decoder.0.down is missing"));
    tensors[0] = float_matrix("decoder.0.down", 0, ONE_DIM, DOWN);
    assert_int_equal(open_trained(&one, tensors, 4, 0, &notes, &adapter, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "decoder.0.down is [0, 3], expected [rank, dim]"));
    assert_int_equal(open_trained(&one, tensors, 4, 1.0 / 0.0, &notes, &adapter, &err),
                     PST_ERR_ARGUMENT);
    assert_null(adapter);
}

/* PEFT's adapters store their scale. */
static void refuses_a_scale_where_there_is_one(void **state) {
    (void)state;
    struct one_layer one;
    const char *dir = scratch_folder("scaled");
    pst_adapter_options options;
    pst_adapter *adapter = NULL;
    pst_error err;
    one_layer_init(&one);
    write_config(dir, "{'peft_type': 'LORA', 'target_modules': ['q_proj']}");
    pst_adapter_options_init(&options);
    options.adapter_scale = 2;
    assert_int_equal(pst_adapter_open(&one.model, dir, &options, &adapter, &err), PST_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "this adapter stores its own"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_only_one_inside),
        cmocka_unit_test(reads_what_the_trainer_writes),
        cmocka_unit_test(refuses_the_wrong_base),
        cmocka_unit_test(refuses_a_scale_where_there_is_one),
    };
    return cmocka_run_group_tests_name("adapter_folder", tests, NULL, NULL);
}
