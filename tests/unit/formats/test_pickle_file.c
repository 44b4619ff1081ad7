/* test_pickle_file.c - what torch.save() wrote is found; whatever else it is, is
 * refused by name. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_view.h"
#include "formats/pickle.h"
#include "formats/pickle_file.h"
#include "support/bad_files.h"
#include "support/folder.h"

/* Made by tools/make_pickles.py. */
#define GOOD TEST_SOURCE_DIR "/tests/fuzz/corpus/pickle/"
#define BAD TEST_SOURCE_DIR "/tests/bad/pickle"

static void open_well(struct safetensors *file, const char *path) {
    pst_error err = {0};
    if (pickle_file_open(file, path, &err)) fail_msg("%s", err.message);
}

/* The tensor of that name has this shape, and its values are `first`, `first + step`, ... */
static void assert_tensor(const struct safetensors *file, const char *name, enum dtype dtype,
                          const char *shape, float first, float step) {
    char text[128];
    float values[24];
    const struct tensor *tensor = safetensors_find(file, name);
    assert_non_null(tensor);
    assert_int_equal(tensor->dtype, dtype);
    assert_string_equal(tensor_shape_text(tensor, text), shape);
    assert_true(tensor->count <= 24);
    if (!tensor_to_float(tensor, values)) return; /* integers: only their place is checked */
    for (size_t i = 0; i < tensor->count; i++) assert_true(values[i] == first + step * (float)i);
}

static void reads_a_state_dict(void **state) {
    (void)state;
    struct safetensors file;
    open_well(&file, GOOD "state_dict");
    assert_int_equal(file.count, 2);
    assert_string_equal(file.format, "pt");
    assert_tensor(&file, "weight", DTYPE_F32, "[2, 3]", 0, 1);
    assert_tensor(&file, "bias", DTYPE_F32, "[2]", -1, 1.5f);
    assert_null(safetensors_find(&file, "_metadata"));
    assert_non_null(tensor_floats_in_place(safetensors_find(&file, "weight")));
    assert_null(file.copies);
    safetensors_close(&file);
}

static void knows_every_type(void **state) {
    (void)state;
    struct safetensors file;
    open_well(&file, GOOD "types");
    assert_int_equal(file.count, 8);
    assert_tensor(&file, "half", DTYPE_F16, "[2, 3]", 0, 1);
    assert_tensor(&file, "brain", DTYPE_BF16, "[2, 3]", 0, 1);
    assert_tensor(&file, "double", DTYPE_F64, "[2, 3]", 0, 1);
    assert_tensor(&file, "parameter", DTYPE_F32, "[2, 3]", 0, 1);
    assert_tensor(&file, "long", DTYPE_I64, "[2, 3]", 0, 0);
    assert_tensor(&file, "int", DTYPE_I32, "[2, 3]", 0, 0);
    assert_tensor(&file, "byte", DTYPE_U8, "[2, 3]", 0, 0);
    assert_tensor(&file, "bool", DTYPE_BOOL, "[2, 3]", 0, 0);
    safetensors_close(&file);
}

/* Parts of one storage, in and out of its order: 0 to 23 as [2, 3, 4]. */
static void puts_views_in_order(void **state) {
    (void)state;
    static const float turned[24] = {0, 4, 8,  12, 16, 20, 1, 5, 9,  13, 17, 21,
                                     2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23};
    struct safetensors file;
    float values[24];
    open_well(&file, GOOD "views");
    assert_int_equal(file.count, 8);
    assert_tensor(&file, "whole", DTYPE_F32, "[2, 3, 4]", 0, 1);
    assert_tensor(&file, "tail", DTYPE_F32, "[3, 4]", 12, 1);
    assert_tensor(&file, "column", DTYPE_F32, "[2]", 6, 12);
    assert_tensor(&file, "every_other", DTYPE_F32, "[2, 3, 2]", 0, 2);
    assert_tensor(&file, "flat_row", DTYPE_F32, "[1, 1, 4]", 0, 1);
    assert_tensor(&file, "one", DTYPE_F32, "[]", 23, 0);
    assert_tensor(&file, "none", DTYPE_F32, "[0, 3, 4]", 0, 0);
    const struct tensor *tensor = safetensors_find(&file, "turned");
    assert_non_null(tensor);
    assert_int_equal(tensor->shape[0], 4);
    assert_int_equal(tensor->count, 24);
    assert_true(tensor_to_float(tensor, values));
    assert_memory_equal(values, turned, sizeof turned);
    safetensors_close(&file);
}

static void remembers_many_names(void **state) {
    (void)state;
    struct safetensors file;
    open_well(&file, GOOD "many"); /* more than the 256 that short instructions can number */
    assert_int_equal(file.count, 100);
    assert_tensor(&file, "layer.99", DTYPE_F32, "[1]", 99, 0);
    safetensors_close(&file);
    open_well(&file, GOOD "nothing");
    assert_int_equal(file.count, 0);
    assert_null(safetensors_find(&file, "anything"));
    safetensors_close(&file);
}

static void refuses_every_bad_file(void **state) {
    (void)state;
    static const struct bad_file files[] = {
        {"after_stop", "data.pkl: byte 168: bytes follow the stop"},
        {"arguments_few", "data.pkl: a is described in a way that torch.save() does not use, or "
                          "has more than 8 dimensions"},
        {"big_endian", "byteorder is big, expected little: save it on a little-endian machine"},
        {"call_number",
         "data.pkl: byte 5: calls something that is not a known name, or without arguments"},
        {"code",
         "data.pkl: byte 2: asks for __builtin__.eval, which no dict of tensors needs: refused"},
        {"compressed",
         "zip entry \"archive/data.pkl\" is compressed, which torch never does: not supported"},
        {"copies", "tensors that share their storages come to 5376 bytes in all, more than the "
                   "file: not supported"},
        {"cut", "has no end record of a zip archive (cut short?)"},
        {"cut_to_head", "has no end record of a zip archive (cut short?)"},
        {"dict_of_items",
         "data.pkl: byte 29: a call with arguments that torch.save() does not write"},
        {"dims_differ", "data.pkl: a is described in a way that torch.save() does not use, or has "
                        "more than 8 dimensions"},
        {"dims_many", "data.pkl: a is described in a way that torch.save() does not use, or has "
                      "more than 8 dimensions"},
        {"directory_far", "the zip directory of 185 bytes for 3 entries at byte 2147483647 does "
                          "not fit into the file"},
        {"directory_long", "the zip directory of 2147483647 bytes for 3 entries at byte 328 does "
                           "not fit into the file"},
        {"directory_other", "the zip directory has an invalid record"},
        {"directory_short",
         "the zip directory of 62 bytes for 3 entries at byte 328 does not fit into the file"},
        {"empty", "was not written by torch.save(), which writes zip archives"},
        {"end64_missing", "the zip64 end record is missing"},
        {"entry_long", "zip entry \"archive/data/0\" ends beyond the file (cut short?)"},
        {"item_odd", "data.pkl: byte 6: a key without a value"},
        {"items_without_dict",
         "data.pkl: byte 9: items that are put into something else than a dict"},
        {"key_number", "data.pkl: a key is a number, expected a text"},
        {"legacy", "is in the format of torch before 1.6: not supported; in Python, "
                   "torch.save(torch.load(file), file) brings it up to date"},
        {"list", "data.pkl: byte 2: pickle instruction 0x5d (EMPTY_LIST), which no dict of tensors "
                 "needs: refused"},
        {"local_missing",
         "zip entry \"archive/byteorder\" has no local header where the directory says"},
        {"mark_missing", "data.pkl: byte 4: a tuple without a beginning"},
        {"marks",
         "data.pkl: byte 5002: the pickle is not a dict, expected one from name to tensor"},
        {"memo_far", "data.pkl: byte 3: a memo number larger than the pickle"},
        {"memo_never", "data.pkl: byte 2: a memo number that was never given"},
        {"name_twice", "zip entry \"archive/data.pkl\" is there twice"},
        {"nested", "data.pkl: a is a dict, expected a tensor"},
        {"no_pickle", "has no data.pkl in it: was not written by torch.save()"},
        {"no_stop", "data.pkl: byte 168: the pickle ends without a stop (cut short?)"},
        {"not_zip", "was not written by torch.save(), which writes zip archives"},
        {"number", "data.pkl: byte 4: the pickle is not a dict, expected one from name to tensor"},
        {"object", "data.pkl: byte 13: asks for collections.Counter, which no dict of tensors "
                   "needs: refused"},
        {"offset_far", "a: its last value is number 4611686018427387907 of a storage of 4"},
        {"past_storage", "a: its last value is number 4 of a storage of 4"},
        {"protocol_4",
         "data.pkl: is a pickle of protocol 4, expected 2, which torch.save() writes"},
        {"reference_other",
         "data.pkl: byte 15: a reference to something else than a tensor's storage"},
        {"repeated", "a: repeats the 4 values of its storage: not supported"},
        {"shape_negative", "data.pkl: a is described in a way that torch.save() does not use, or "
                           "has more than 8 dimensions"},
        {"shape_overflow", "a: shape overflows"},
        {"sizes_differ", "zip entry \"archive/data/0\" has two different sizes"},
        {"stack_empty", "data.pkl: byte 2: a tuple of more values than there are"},
        {"state_of_number",
         "data.pkl: byte 5: a state that is given to something else than a dict"},
        {"storage_count",
         "a: its storage has 16 bytes, expected 4611686018427387904 values of F32"},
        {"storage_missing", "a: its storage data/1 is missing"},
        {"storage_short", "a: its storage has 12 bytes, expected 4 values of F32"},
        {"stranger",
         "data.pkl: byte 13: asks for posix.system, which no dict of tensors needs: refused"},
        {"stride_overflow", "a: its last value is number 9223372036854775808 of a storage of 4"},
        {"tensor_alone",
         "data.pkl: byte 149: the pickle is not a dict, expected one from name to tensor"},
        {"text_latin1", "data.pkl: byte 4: a text is not UTF-8, or has a NUL"},
        {"text_long", "data.pkl: byte 2: the pickle ends inside a text"},
        {"text_nul", "data.pkl: byte 4: a text is not UTF-8, or has a NUL"},
        {"twice", "a is there twice"},
    };
    size_t count = sizeof files / sizeof *files;
    assert_int_equal(folder_entries(BAD), count);
    for (size_t i = 0; i < count; i++) {
        struct safetensors file;
        pst_error err = {0};
        char *path = path_join(BAD, files[i].name);
        pst_status status = pickle_file_open(&file, path, &err);
        assert_true(status == PST_ERR_MODEL || status == PST_ERR_UNSUPPORTED);
        assert_int_equal(err.code, status);
        assert_true(bad_file_message_fits(&files[i], path, err.message));
        assert_null(file.tensors);
        safetensors_close(&file); /* harmless after a failure */
        free(path);
    }
}

/* Every byte of a good file set to a few values that are apt to mislead, and the file cut at every
 * length: whatever comes of it, nothing outside the buffer is read (the sanitizers watch). */
static void survives_any_change(void **state) {
    (void)state;
    static const unsigned char values[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    struct file_view view;
    assert_int_equal(file_view_open(&view, GOOD "state_dict", 1 << 20, NULL), PST_OK);
    size_t refused = 0;
    for (size_t i = 0; i < view.size; i++) {
        struct safetensors file;
        unsigned char *copy = malloc(view.size);
        assert_non_null(copy);
        for (size_t v = 0; v < sizeof values; v++) {
            memcpy(copy, view.data, view.size);
            copy[i] = values[v];
            refused += pickle_file_parse(&file, copy, view.size, "changed", NULL) != PST_OK;
            safetensors_close(&file);
        }
        free(copy);
        copy = malloc(i + 1);
        assert_non_null(copy);
        memcpy(copy, view.data, i);
        assert_int_not_equal(pickle_file_parse(&file, copy, i, "cut", NULL), PST_OK);
        free(copy);
    }
    assert_true(refused > view.size / 2);
    file_view_close(&view);
}

/* The largest pickles there can be, of what looks at most of the stack each time: were the work not
 * linear, each would take an hour. */
static void long_pickles_take_no_longer_for_a_byte(void **state) {
    (void)state;
    enum { SIZE = 4 << 20 };
    static const struct {
        const char *head, *first, *second, *message;
    } cases[] = {
        {"\x80\x02", "N", "\x85", "is not a dict"}, /* a stack, and tuples of its top */
        {"\x80\x02(", "N", "\x86", "a tuple of more values"},
        {"\x80\x02", "(", "t", "a tuple without a beginning"}, /* marks in marks */
        {"\x80\x02}", "N", "s", "put into something else"},
        {"\x80\x02}", "(", "u", "something else than a dict"},
    };
    unsigned char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    alarm(60);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t head = strlen(cases[i].head);
        struct pickle pickle;
        pst_error err;
        memcpy(bytes, cases[i].head, head);
        memset(bytes + head, cases[i].first[0], SIZE / 2 - head);
        memset(bytes + SIZE / 2, cases[i].second[0], SIZE / 2);
        bytes[SIZE - 1] = '.';
        assert_int_equal(pickle_read(&pickle, bytes, SIZE, "it", &err), PST_ERR_MODEL);
        if (!strstr(err.message, cases[i].message)) fail_msg("%zu: %s", i, err.message);
    }
    alarm(0);
    free(bytes);
}

/* A name that is stood for by two bytes, again and again: not copied until memory runs out. */
static void a_name_is_not_multiplied(void **state) {
    (void)state;
    enum { NAME = 1 << 20, TIMES = 60000, SIZE = NAME + 5 * TIMES + 256 };
    static const char begin[] = "\x80\x02}X\0\0\x10\0"; /* a dict, and a text of NAME bytes */
    static const char tensor[] = "q\0ctorch._utils\n_rebuild_tensor_v2\n"
                                 "((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                                 "0X\3\0\0\0cpuK\1tQK\0))\x89}tRq\1s";
    unsigned char *bytes = malloc(SIZE), *at = bytes;
    assert_non_null(bytes);
    at = (unsigned char *)memcpy(at, begin, sizeof begin - 1) + sizeof begin - 1;
    at = (unsigned char *)memset(at, 'n', NAME) + NAME;
    at = (unsigned char *)memcpy(at, tensor, sizeof tensor - 1) + sizeof tensor - 1;
    for (int i = 0; i < TIMES; i++) at = (unsigned char *)memcpy(at, "h\0h\1s", 5) + 5;
    *at++ = '.';
    struct pickle pickle;
    pst_error err;
    assert_int_equal(pickle_read(&pickle, bytes, (size_t)(at - bytes), "it", &err), PST_ERR_MODEL);
    if (!strstr(err.message, "some are there twice")) fail_msg("%s", err.message);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_state_dict),
        cmocka_unit_test(knows_every_type),
        cmocka_unit_test(puts_views_in_order),
        cmocka_unit_test(remembers_many_names),
        cmocka_unit_test(long_pickles_take_no_longer_for_a_byte),
        cmocka_unit_test(a_name_is_not_multiplied),
        cmocka_unit_test(refuses_every_bad_file),
        cmocka_unit_test(survives_any_change),
    };
    return cmocka_run_group_tests_name("pickle_file", tests, NULL, NULL);
}
