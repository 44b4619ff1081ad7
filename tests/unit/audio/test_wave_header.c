/* test_wave_header.c - which headers are not believed, and what is read in their place. */
#include "support/test.h"

#include <string.h>

#include "audio/wave_header.h"

static unsigned char bytes[4096];
static sf_count_t size;
static struct audio_memory file;
static uint32_t told;

static void add(const char *id, uint32_t length) {
    memcpy(bytes + size, id, 4);
    for (int k = 0; k < 4; k++) bytes[size + 4 + k] = (unsigned char)(length >> 8 * k);
    size += 8;
}

/* RIFF and a format chunk of `format` bytes, then a data chunk that tells `data` bytes. */
static void make(uint32_t format, uint32_t data) {
    memset(bytes, 0xab, sizeof bytes);
    size = 0;
    add("RIFF", 36);
    memcpy(bytes + size, "WAVE", 4);
    size += 4;
    add("fmt ", format);
    size += format + (format & 1);
    add("data", data);
    told = 7;
}

static int finish(sf_count_t sound) {
    file = (struct audio_memory){.bytes = bytes, .fd = -1, .size = size + sound};
    return wave_header_finish(&file, &told);
}

static void placeholders_are_replaced(void **state) {
    (void)state;
    static const uint32_t placeholders[] = {0, 36}, formats[] = {16, 17, 40};
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++) {
            make(formats[j], placeholders[i]);
            assert_true(finish(1000));
            assert_int_equal(told, placeholders[i]);
            unsigned char read[6];
            assert_int_equal(audio_memory_read(&file, size - 5, read, sizeof read), sizeof read);
            const unsigned char expected[6] = {'a', 0xe8, 3, 0, 0, 0xab};
            assert_memory_equal(read, expected, sizeof read);
            /* Also in pieces. */
            assert_int_equal(audio_memory_read(&file, size - 3, read, 1), 1);
            assert_int_equal(read[0], 3);
            assert_int_equal(audio_memory_read(&file, size + 998, read, sizeof read), 2);
            assert_int_equal(audio_memory_read(&file, size + 1000, read, sizeof read), 0);
        }
}

static void others_are_believed(void **state) {
    (void)state;
    make(16, 0);
    assert_false(finish(0)); /* nothing is there */
    make(16, 36);
    assert_false(finish(36));
    make(16, 35);
    assert_false(finish(1000));
    make(16, UINT32_MAX); /* libsndfile reads what there is */
    assert_false(finish(1000));
    make(16, 0);
    memcpy(bytes + 8, "AVI ", 4);
    assert_false(finish(1000));
    make(16, 0);
    memset(bytes + 16, 0xff, 4); /* the format chunk ends far behind the file */
    assert_false(finish(1000));
    for (sf_count_t cut = 0; cut < size; cut++) {
        file = (struct audio_memory){.bytes = bytes, .fd = -1, .size = cut};
        assert_false(wave_header_finish(&file, &told));
    }
    assert_int_equal(told, 7);
}

/* Chunks behind an empty one are not sound, unless they do not end with the file. */
static void chunks_are_not_sound(void **state) {
    (void)state;
    make(16, 0);
    sf_count_t sound = size;
    add("LIST", 4), size += 4;
    add("id3 ", 3), size += 4;
    sf_count_t end = size;
    size = sound;
    assert_false(finish(end - sound));
    assert_false(finish(end - sound - 1)); /* without its filling byte */
    assert_true(finish(end - sound + 1));
    assert_true(finish(end - sound - 3));
    bytes[sound] = 0;
    assert_true(finish(end - sound));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placeholders_are_replaced),
        cmocka_unit_test(others_are_believed),
        cmocka_unit_test(chunks_are_not_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
