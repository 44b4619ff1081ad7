/* test_ort_file.c - what a small .ort holds is found; every malformed one is refused by name. */
#include "support/test.h"

#include <stdlib.h>

#include "base/file_view.h"
#include "import/ort_file.h"
#include "support/bad_files.h"
#include "support/folder.h"

#define SMALL TEST_SOURCE_DIR "/tests/fuzz/corpus/ort/small"
#define BAD TEST_SOURCE_DIR "/tests/bad/ort"

static void finds_nodes_and_constants(void **state) {
    (void)state;
    struct ort_file file;
    pst_error err;
    assert_int_equal(ort_file_open(&file, SMALL, &err), PST_OK);
    assert_int_equal(file.graph_count, 2);
    assert_int_equal(file.node_count, 3);
    assert_int_equal(file.tensor_count, 4);

    const struct ort_node *node = ort_find_node(&file, "/fc/MatMul_quant");
    assert_non_null(node);
    assert_string_equal(node->op, "DynamicQuantizeMatMul");
    assert_int_equal(node->inputs, 4);
    assert_null(ort_input(&file, node, 0)); /* computed */
    const struct ort_tensor *w = ort_input(&file, node, 1);
    assert_non_null(w);
    assert_string_equal(w->name, "w");
    assert_int_equal(w->type, ORT_UINT8);
    assert_int_equal(w->dims, 2);
    assert_int_equal(w->shape[0], 2);
    assert_int_equal(w->shape[1], 3);
    assert_int_equal(w->count, 6);
    for (int i = 0; i < 6; i++) assert_int_equal(w->data[i], i);
    assert_int_equal(ort_input(&file, node, 2)->dims, 0); /* a scalar */
    assert_int_equal(ort_input(&file, node, 2)->count, 1);
    assert_true(ort_has_input(&file, node, 0));
    assert_false(ort_has_input(&file, node, 3)); /* left out */
    assert_false(ort_has_input(&file, node, 4));
    assert_null(ort_input(&file, node, 3));
    assert_null(ort_input(&file, node, 4));
    assert_null(ort_find_node(&file, "/fc"));
    ort_file_close(&file);
}

static void sees_outer_names_from_inner_graphs(void **state) {
    (void)state;
    struct ort_file file;
    assert_int_equal(ort_file_open(&file, SMALL, NULL), PST_OK);
    const struct ort_node *add = ort_find_op(&file, "Add");
    assert_non_null(add);
    assert_int_equal(add->graph, 1);
    assert_string_equal(ort_input(&file, add, 0)->name, "w_scale");
    assert_string_equal(ort_input(&file, add, 1)->name, "inner");
    assert_null(ort_find_op(&file, "Mul"));
    /* Nobody in the outer graph reads what the outer node makes, nor the inner one's. */
    assert_null(ort_find_reader(&file, ort_find_node(&file, "/if"), "Add"));
    assert_null(ort_find_reader(&file, add, "If"));
    ort_file_close(&file);
}

static void refuses_every_bad_file(void **state) {
    (void)state;
    static const struct bad_file files[] = {
        {"empty", "is not an ONNX Runtime model"},
        {"not_ort", "is not an ONNX Runtime model"},
        {"root_outside", "byte 0: an offset leads out of the file"},
        {"root_zero", "byte 0: an offset leads out of the file"},
        {"vtable_before_file", "the vtable of a table lies outside the file"},
        {"vtable_after_file", "the vtable of a table lies outside the file"},
        {"vtable_odd", "a vtable has an impossible size"},
        {"vtable_long", "a vtable has an impossible size"},
        {"table_long", "a table passes the end of the file"},
        {"field_outside", "a field lies outside its table"},
        {"field_over_head", "a field lies outside its table"},
        {"no_model", "holds no model graph"},
        {"cut", "passes the end of the file"},
        {"vector_long", "a vector passes the end of the file"},
        {"name_without_end", "a name does not end where it says"},
        {"name_with_zero", "a name does not end where it says"},
        {"name_long", "a name is too long"},
        {"name_past_end", "a name passes the end of the file"},
        {"same_name", "two constants are named 'w'"},
        {"data_short", "v has 8 bytes of data"},
        {"data_long", "v has 8 bytes of data"},
        {"data_missing", "v has 0 bytes of data"},
        {"shape_overflow", "a tensor has an impossible shape"},
        {"shape_bytes_overflow", "v has 0 bytes of data"},
        {"shape_negative", "a tensor has an impossible shape"},
        {"shape_of_nine", "a tensor has too many dimensions"},
        {"external", "v has its data in another file"},
        {"nested_deeply", "graphs are nested too deeply"},
        {"many_times", "more than 131072 tables"},
    };
    size_t count = sizeof files / sizeof *files;
    assert_int_equal(folder_entries(BAD), count);
    for (size_t i = 0; i < count; i++) {
        struct ort_file file;
        pst_error err = {0};
        char *path = path_join(BAD, files[i].name);
        pst_status status = ort_file_open(&file, path, &err);
        assert_true(status == PST_ERR_MODEL || status == PST_ERR_UNSUPPORTED);
        assert_int_equal(err.code, status);
        assert_true(bad_file_message_fits(&files[i], path, err.message));
        assert_null(file.nodes);
        ort_file_close(&file); /* harmless after a failure */
        free(path);
    }
}

/* Every byte of a good file set to a few values that are apt to mislead, and the file cut at every
 * length: whatever comes of it, nothing outside the buffer is read (the sanitizers watch). */
static void survives_any_change(void **state) {
    (void)state;
    static const unsigned char values[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    struct file_view view;
    assert_int_equal(file_view_open(&view, SMALL, 1 << 20, NULL), PST_OK);
    int refused = 0, accepted = 0;
    for (size_t at = 0; at <= view.size; at++) {
        for (size_t v = 0; v <= sizeof values; v++) {
            size_t size = v < sizeof values ? view.size : at; /* the last: cut here */
            if (v < sizeof values && at == view.size) continue;
            unsigned char *bytes = malloc(size + !size);
            assert_non_null(bytes);
            memcpy(bytes, view.data, size);
            if (v < sizeof values) bytes[at] = values[v];
            struct ort_file file;
            pst_status status = ort_file_parse(&file, bytes, size, "changed", NULL);
            if (status)
                refused++;
            else
                accepted++;
            if (size < view.size && size < 16) assert_int_not_equal(status, PST_OK);
            ort_file_close(&file);
            free(bytes);
        }
    }
    assert_true(refused > 0 && accepted > 0);
    file_view_close(&view);
}

static void names_a_missing_file(void **state) {
    (void)state;
    struct ort_file file;
    pst_error err = {0};
    assert_int_equal(ort_file_open(&file, "/nowhere/encoder_model.ort", &err), PST_ERR_MODEL);
    assert_string_equal(err.message, "/nowhere/encoder_model.ort: no such file");
    ort_file_close(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_nodes_and_constants),
        cmocka_unit_test(sees_outer_names_from_inner_graphs),
        cmocka_unit_test(refuses_every_bad_file),
        cmocka_unit_test(survives_any_change),
        cmocka_unit_test(names_a_missing_file),
    };
    return cmocka_run_group_tests_name("ort_file", tests, NULL, NULL);
}
