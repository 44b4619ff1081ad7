/* test_package.c - the bytes of packages as other writers have them, and what
 * reading and writing keep. */
#include "support/test.h"

#include <stdlib.h>

#include "base/file_view.h"
#include "base/file_writer.h"
#include "coreml/package/package.h"
#include "coreml/package/package_message.h"
#include "potstill_tools.h"
#include "support/package_sample.h"
#include "support/scratch.h"

#define PROGRAM "Data/com.apple.CoreML/model.mlmodel"
#define WEIGHTS "Data/com.apple.CoreML/weights/weight.bin"

static const char *package_path(const char *name) {
    static char path[4][1024];
    static int next;
    char *text = path[next++ % 4];
    snprintf(text, sizeof path[0], "%s/%s", scratch_folder("package"), name);
    return text;
}

static struct file_view view_of(const char *package, const char *name) {
    struct file_view view = {0};
    char *path = path_join(package, name);
    pst_error err = {0};
    if (file_view_open(&view, path, (size_t)1 << 30, &err)) fail_msg("%s", err.message);
    free(path);
    return view;
}

static size_t count_of(const struct file_view *view, const void *bytes, size_t length) {
    size_t count = 0;
    for (size_t at = 0; at + length <= view->size; at++)
        count += memcmp(view->data + at, bytes, length) == 0;
    return count;
}

static void check_written(struct mil_model *model, const char *path) {
    pst_error err = {0};
    if (package_write(model, path, 1, NULL, &err)) fail_msg("%s", err.message);
    mil_model_free(model);
}

/* The const of a perm as coremltools writes it into a real package: 121 bytes. */
static void test_const_bytes(void **state) {
    (void)state;
    static const unsigned char expected[] = {
        0x1a, 0x77, 0x0a, 0x05, 'c',  'o',  'n',  's',  't',  0x1a, 0x22, 0x0a, 0x12, 't',
        'r',  'a',  'n',  's',  'p',  'o',  's',  'e',  '_',  '0',  '_',  'p',  'e',  'r',
        'm',  '_',  '0',  0x12, 0x0c, 0x0a, 0x0a, 0x08, 0x17, 0x10, 0x01, 0x1a, 0x04, 0x0a,
        0x02, 0x08, 0x03, 0x2a, 0x20, 0x0a, 0x03, 'v',  'a',  'l',  0x12, 0x19, 0x12, 0x0c,
        0x0a, 0x0a, 0x08, 0x17, 0x10, 0x01, 0x1a, 0x04, 0x0a, 0x02, 0x08, 0x03, 0x1a, 0x09,
        0x0a, 0x07, 0x12, 0x05, 0x0a, 0x03, 0x02, 0x00, 0x01, 0x2a, 0x28, 0x0a, 0x04, 'n',
        'a',  'm',  'e',  0x12, 0x20, 0x12, 0x04, 0x0a, 0x02, 0x08, 0x02, 0x1a, 0x18, 0x0a,
        0x16, 0x22, 0x14, 0x0a, 0x12, 't',  'r',  'a',  'n',  's',  'p',  'o',  's',  'e',
        '_',  '0',  '_',  'p',  'e',  'r',  'm',  '_',  '0'};
    assert_int_equal(sizeof expected, 121);
    struct sample s = sample_new(7, 1);
    sample_function(&s, "main", "CoreML6");
    mil_const_ints(s.model, s.block, "transpose_0_perm_0", (const int32_t[]){2, 0, 1}, 3);
    const char *path = package_path("const.mlpackage");
    check_written(s.model, path);
    struct file_view program = view_of(path, PROGRAM);
    assert_int_equal(count_of(&program, expected, sizeof expected), 1);
    file_view_close(&program);
}

/* An unknown dimension is an empty message that is there; all zeros are written in full. */
static void test_empty_is_written(void **state) {
    (void)state;
    static const unsigned char unknown[] = {0x1a, 0x02, 0x12, 0x00};
    static const unsigned char zeros[] = {0x12, 0x05, 0x0a, 0x03, 0x00, 0x00, 0x00};
    const char *path = package_path("empty.mlpackage");
    check_written(sample_flexible(0), path);
    struct file_view program = view_of(path, PROGRAM);
    assert_int_equal(count_of(&program, unknown, sizeof unknown), 2);
    file_view_close(&program);
    struct sample s = sample_new(7, 1);
    sample_function(&s, "main", "CoreML6");
    mil_const_ints(s.model, s.block, "zeros", (const int32_t[]){0, 0, 0}, 3);
    check_written(s.model, path);
    program = view_of(path, PROGRAM);
    assert_int_equal(count_of(&program, zeros, sizeof zeros), 1);
    file_view_close(&program);
}

/* fp16 [16], the same again, int4 [11], and fp16 [9], which is too short for the file. */
static void test_weight_file(void **state) {
    (void)state;
    struct sample s = sample_new(9, 1);
    sample_function(&s, "main", "CoreML8");
    const unsigned char packed[6] = {0x21, 0x43, 0x65, 0x07, 0x98, 0x0a};
    sample_f16(&s, s.block, "first", 1, DIMS(16));
    sample_f16(&s, s.block, "second", 2, DIMS(4, 4));
    mil_const(s.model, s.block, "nibbles", sample_type(MIL_I4, 1, DIMS(11)), packed, 6, 0);
    sample_f16(&s, s.block, "short", 1, DIMS(9));
    const char *path = package_path("weights.mlpackage");
    check_written(s.model, path);
    struct file_view file = view_of(path, WEIGHTS);
    unsigned char expected[262] = {[0] = 2, [4] = 2};
    static const unsigned char sentinel[] = {0xef, 0xbe, 0xad, 0xde};
    memcpy(expected + 64, sentinel, 4);
    expected[68] = 1;  /* Float16 */
    expected[72] = 32; /* bytes */
    expected[80] = 128;
    for (size_t i = 0; i < 16; i++) {
        uint16_t value = (uint16_t)(0x3c00 + (i * 7 % 64) * 16);
        expected[128 + 2 * i] = (unsigned char)value;
        expected[129 + 2 * i] = (unsigned char)(value >> 8);
    }
    memcpy(expected + 192, sentinel, 4);
    expected[196] = 8; /* Int4 */
    expected[200] = 6;
    expected[209] = 1; /* at 256 */
    expected[216] = 4; /* bits unused */
    memcpy(expected + 256, packed, 6);
    assert_int_equal(file.size, 262); /* nothing behind the last constant */
    assert_memory_equal(file.data, expected, file.size);
    file_view_close(&file);
}

static void test_round_trip(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const char *first = package_path("first.mlpackage");
        const char *second = package_path("second.mlpackage");
        struct mil_model *read = NULL;
        pst_error err = {0};
        check_written(sample_named(sample_names[i]), first);
        if (package_read(first, &read, &err)) fail_msg("%s: %s", sample_names[i], err.message);
        check_written(read, second);
        static const char *const files[] = {"Manifest.json", PROGRAM, WEIGHTS};
        char *weights = path_join(first, WEIGHTS);
        size_t count = path_is_file(weights) ? 3 : 2;
        free(weights);
        for (size_t f = 0; f < count; f++) {
            struct file_view a = view_of(first, files[f]), b = view_of(second, files[f]);
            assert_int_equal(a.size, b.size);
            assert_memory_equal(a.data, b.data, a.size);
            file_view_close(&a);
            file_view_close(&b);
        }
    }
}

/* An old package is replaced only when asked to, and what is no package never. */
static void test_existing(void **state) {
    (void)state;
    const char *path = package_path("old.mlpackage");
    pst_error err = {0};
    check_written(sample_plain(7), path);
    struct mil_model *model = sample_plain(6);
    assert_int_equal(package_write(model, path, 0, NULL, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "exists already"));
    assert_int_equal(package_write(model, path, 1, NULL, &err), PST_OK);
    struct mil_model *read = NULL;
    assert_int_equal(package_read(path, &read, &err), PST_OK);
    assert_int_equal(read->specification, 6);
    mil_model_free(read);
    char *other = path_join(scratch_folder("package"), "other");
    char *inside = path_join(other, "precious");
    assert_true(path_make_parents(inside));
    assert_int_equal(package_write(model, other, 1, NULL, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "is not a package"));
    free(inside);
    free(other);
    mil_model_free(model);
}

static void refuses(struct mil_model *model, const char *message) {
    const char *path = package_path("many.mlpackage");
    struct mil_model *read = NULL;
    pst_error err = {0};
    check_written(model, path);
    assert_int_equal(package_read(path, &read, &err), PST_ERR_MODEL);
    if (!strstr(err.message, message)) fail_msg("%s", err.message);
}

/* What is compared pair by pair: more of it than any program has would be worked on for hours. */
static void test_too_many(void **state) {
    (void)state;
    struct mil_model *model = sample_plain(7);
    struct mil_block *block = model->functions[0]->block;
    const struct mil_value *x = model->functions[0]->inputs[0];
    struct mil_op *op = mil_op_new(model, block, "concat");
    for (int i = 0; i < 300; i++) mil_op_argument(model, op, mil_text(model, "a%d", i), x);
    mil_op_output(model, op, "all", x->type);
    refuses(model, "all has 300 arguments and 1 attributes, expected at most 256 of each");

    model = sample_plain(7);
    block = model->functions[0]->block;
    for (int i = 0; i < 5000; i++) mil_block_output(model, block, block->outputs[0]);
    refuses(model, "a block has 5001 outputs, expected at most 4096");

    model = sample_plain(7);
    struct mil_interface *interface = &model->interfaces[0];
    struct mil_feature *inputs = mil_alloc(model, 2000 * sizeof *inputs);
    for (int i = 0; i < 2000; i++) inputs[i] = interface->inputs[0];
    interface->inputs = inputs;
    interface->input_count = 2000;
    refuses(model, "2000 inputs, outputs or states are described, expected at most 1024");

    model = sample_plain(7);
    for (int i = 0; i < 2000; i++) mil_function_new(model, mil_text(model, "f%d", i), "CoreML6");
    refuses(model, "has 2001 functions, expected at most 1024");
}

/* A program nested deeper than any real one ends in an error, not on the stack. */
static void test_nesting(void **state) {
    (void)state;
    enum { LEVELS = 4000, SIZE = 5 * LEVELS };
    /* ValueType.state.wrapped.state.wrapped ... from the inside out, behind what leads there. */
    unsigned char *bytes = calloc(1, SIZE * 2);
    assert_non_null(bytes);
    unsigned char *at = bytes + SIZE * 2;
    size_t length = 0;
    static const unsigned char tags[] = {0x2a, 0x0a};
    for (int i = 0; i < 2 * LEVELS; i++) {
        size_t rest = length;
        unsigned char head[4];
        size_t size = 0;
        head[size++] = tags[i % 2 == 0];
        for (; rest >= 0x80; rest >>= 7) head[size++] = (unsigned char)(rest | 0x80);
        head[size++] = (unsigned char)rest;
        if ((size_t)(at - bytes) < size + 32) break;
        at -= size;
        memcpy(at, head, size);
        length += size;
    }
    /* Model.program.functions.value.inputs.type */
    static const unsigned char wrap[][2] = {
        {0x12, 0}, {0x0a, 0}, {0x12, 0}, {0x12, 0}, {0xb2, 0x1f}};
    for (size_t i = 0; i < 5; i++) {
        size_t rest = length, size = 0;
        unsigned char head[8];
        head[size++] = wrap[i][0];
        if (wrap[i][1] != 0) head[size++] = wrap[i][1];
        for (; rest >= 0x80; rest >>= 7) head[size++] = (unsigned char)(rest | 0x80);
        head[size++] = (unsigned char)rest;
        at -= size;
        memcpy(at, head, size);
        length += size;
    }
    pst_error err = {0};
    struct mil_model *model = mil_model_new();
    assert_int_equal(message_read(at, length, model, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "nested too deeply"));
    mil_model_free(model);
    free(bytes);
}

/* -------------------------------------------------------------------------- others' programs */

static void put_number(unsigned char *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i);
}

/* A weight file with the records that `list` names, and zeros in them. */
static void make_weights(const char *list, const char *path) {
    FILE *lines = fopen(list, "r"), *file = fopen(path, "wb");
    assert_non_null(lines);
    assert_non_null(file);
    unsigned char head[64] = {0};
    unsigned dtype;
    unsigned long long bytes;
    long at = 64;
    uint32_t count = 0;
    while (fscanf(lines, "%u %llu", &dtype, &bytes) == 2) {
        memset(head, 0, sizeof head);
        put_number(head, 0xdeadbeef, 4);
        put_number(head + 4, dtype, 4);
        put_number(head + 8, bytes, 8);
        put_number(head + 16, (uint64_t)at + 64, 8);
        fseek(file, at, SEEK_SET);
        fwrite(head, 1, sizeof head, file);
        at = (at + 64 + (long)bytes + 63) / 64 * 64;
        fseek(file, at - 1, SEEK_SET);
        fputc(0, file); /* a weight file may end in padding */
        count++;
    }
    memset(head, 0, sizeof head);
    put_number(head, count, 4);
    put_number(head + 4, 2, 4);
    rewind(file);
    fwrite(head, 1, sizeof head, file);
    assert_true(count > 3);
    fclose(lines);
    assert_int_equal(fclose(file), 0);
}

static void say(void *user, const pst_finding *finding) {
    if (finding->severity == PST_PROBLEM || strstr(finding->message, "goes on behind") == NULL)
        print_message("%s: %s: %s\n", (const char *)user, finding->file, finding->message);
}

static void test_other_writers(void **state) {
    (void)state;
    static const char *const names[] = {"encoder",
                                        "decoder",
                                        "unified",
                                        "unified_int8",
                                        "unified_mixed",
                                        "unified_palette_4bit",
                                        "unified_palette_6bit"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        /* The manifest is that of a package of ours; its items have no hash of their files. */
        const char *path = package_path("theirs.mlpackage");
        char list[1024], name[64];
        check_written(sample_plain(7), path);
        char *weights = path_join(path, WEIGHTS),
             *folder = path_join(path, "Data/com.apple.CoreML");
        snprintf(list, sizeof list, "%s/tests/coreml/%s.weights", TEST_SOURCE_DIR, names[i]);
        make_weights(list, weights);
        snprintf(name, sizeof name, "%s.mlmodel", names[i]);
        scratch_copy(TEST_SOURCE_DIR "/tests/coreml", folder, name);
        char *from = path_join(folder, name), *to = path_join(folder, "model.mlmodel");
        assert_int_equal(rename(from, to), 0);
        free(from);
        free(to);
        free(weights);
        free(folder);
        pst_verify_options options;
        pst_verify_summary summary;
        pst_error err = {0};
        pst_verify_options_init(&options);
        options.finding = say;
        options.user = (void *)names[i];
        if (pst_verify(path, &options, &summary, &err)) fail_msg("%s: %s", names[i], err.message);
        assert_string_equal(summary.kind, "package");
        assert_int_equal(summary.problems, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_const_bytes), cmocka_unit_test(test_empty_is_written),
        cmocka_unit_test(test_weight_file), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_existing),    cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_too_many),    cmocka_unit_test(test_other_writers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
