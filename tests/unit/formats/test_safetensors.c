/* test_safetensors.c - what is written is read back; what is wrong is named. */
#include "support/test.h"

#include <math.h>

#include "formats/safetensors.h"
#include "support/scratch.h"

static pst_error err;

/* A file of `header` and `data`, parsed from memory of exactly that size. */
static pst_status parse(struct safetensors *file, const char *header, const char *data,
                        size_t data_bytes) {
    size_t length = strlen(header), size = 8 + length + data_bytes;
    unsigned char *bytes = malloc(size);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(length >> (8 * i));
    memcpy(bytes + 8, header, length);
    memcpy(bytes + 8 + length, data, data_bytes);
    pst_status status = safetensors_parse(file, bytes, size, "a.safetensors", &err);
    if (!status) safetensors_close(file);
    free(bytes);
    return status;
}

static void damage_is_named(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t bytes;
        const char *part;
    } cases[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, "cut short"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "1 bytes follow"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "need 8"},
        {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is F31"},
        {"{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is missing"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4,
         "shape is not a list"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
         "not a whole number"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4,
         "not a whole number"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", 4, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "hole"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         4, "overlaps"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         8, "duplicate"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4],\"data_offsets\":[0,4]}}",
         4, "overflows"},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904],\"data_offsets\":[0,4]}}", 4,
         "overflows"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ is a list"},
        {"{\"__metadata__\":{\"format\":3}}", 0, "format is not a string"},
        {"[]", 0, "not a JSON object"},
        {"{\"a\xff\":{}}", 0, "not a JSON object"},
        {"{", 0, "not a JSON object"},
    };
    char data[16] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct safetensors file;
        assert_int_equal(parse(&file, cases[i].header, data, cases[i].bytes), PST_ERR_MODEL);
        if (!strstr(err.message, cases[i].part))
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].part);
        assert_non_null(strstr(err.message, "a.safetensors: "));
    }
}

static void headers_that_lie(void **state) {
    (void)state;
    struct safetensors file;
    unsigned char huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    assert_int_equal(safetensors_parse(&file, huge, 4, "a", &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "too short"));
    assert_int_equal(safetensors_parse(&file, huge, sizeof huge, "a", &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "header length"));
    unsigned char beyond[16] = {200};
    assert_int_equal(safetensors_parse(&file, beyond, sizeof beyond, "a", &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "passes the end"));
    assert_int_equal(safetensors_open(&file, TEST_SOURCE_DIR, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(safetensors_open(&file, TEST_SOURCE_DIR "/no such", &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "no such file"));
}

static void written_and_read_back(void **state) {
    (void)state;
    const float matrix[6] = {1, -2, 3.5f, 0, 1e-30f, INFINITY};
    const uint16_t halves[3] = {0x3c00, 0x0001, 0xfc00};
    const float scalar = 7;
    const struct tensor_source sources[] = {
        {"z.half", DTYPE_F16, 1, {3}, halves},
        {"b", DTYPE_F32, 2, {2, 3}, matrix},
        {"a \"quoted\"", DTYPE_F32, 0, {0}, &scalar},
        {"empty", DTYPE_F32, 2, {0, 5}, matrix},
    };
    char path[600];
    snprintf(path, sizeof path, "%s/written.safetensors", scratch_folder("safetensors"));
    assert_int_equal(safetensors_write(path, sources, 4, &err), PST_OK);
    struct safetensors file;
    assert_int_equal(safetensors_open(&file, path, &err), PST_OK);
    assert_string_equal(file.format, "pt");
    assert_int_equal(file.count, 4);
    /* 28 + 6 bytes of data behind an 8-aligned start. */
    assert_int_equal(file.view.size % 8, 34 % 8);
    const struct tensor *b = safetensors_find(&file, "b");
    assert_non_null(b);
    assert_int_equal(b->dims, 2);
    assert_memory_equal(tensor_floats_in_place(b), matrix, sizeof matrix);
    assert_non_null(safetensors_find(&file, "a \"quoted\""));
    assert_null(safetensors_find(&file, "c"));
    /* Widest type first, then by name. */
    assert_true(safetensors_find(&file, "a \"quoted\"")->data < b->data);
    assert_true(b->data < safetensors_find(&file, "z.half")->data);
    float wide[3];
    assert_true(tensor_to_float(safetensors_find(&file, "z.half"), wide));
    assert_true(wide[0] == 1.0f && wide[1] == 0x1p-24f && wide[2] == -INFINITY);
    assert_null(tensor_floats_in_place(safetensors_find(&file, "z.half")));
    char text[128];
    assert_string_equal(tensor_shape_text(b, text), "[2, 3]");
    safetensors_close(&file);
}

static void every_half_is_widened_exactly(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        unsigned char bytes[2] = {(unsigned char)bits, (unsigned char)(bits >> 8)};
        float half, brain;
        assert_true(dtype_to_float(DTYPE_F16, bytes, 1, &half));
        assert_true(dtype_to_float(DTYPE_BF16, bytes, 1, &brain));
        int exponent = (int)(bits >> 10 & 31);
        double mantissa = bits & 1023, sign = bits & 0x8000 ? -1 : 1;
        if (exponent == 31) {
            assert_true(mantissa != 0 ? isnan(half) : half == sign * INFINITY);
        } else {
            double value = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
            assert_true(half == (float)(sign * value));
        }
        uint32_t wide;
        memcpy(&wide, &brain, 4);
        assert_int_equal(wide, bits << 16);
    }
    double wide = 1.0 / 3;
    float narrow;
    assert_true(dtype_to_float(DTYPE_F64, (const unsigned char *)&wide, 1, &narrow));
    assert_true(narrow == (float)wide);
    assert_false(dtype_to_float(DTYPE_I64, (const unsigned char *)&wide, 1, &narrow));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(headers_that_lie),
        cmocka_unit_test(written_and_read_back),
        cmocka_unit_test(every_half_is_widened_exactly),
    };
    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
