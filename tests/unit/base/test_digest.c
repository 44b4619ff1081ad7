/* test_digest.c - digests of FIPS 180-2 and of git, in one piece and in many. */
#include "support/test.h"

#include <string.h>

#include "base/digest.h"

static void gives(enum digest_kind kind, const char *text, size_t length, const char *expected) {
    struct digest digest = {0};
    char hex[DIGEST_HEX_SIZE];
    for (size_t step = 1; step <= 64; step *= 8) { /* one struct, begun again each time */
        assert_int_equal(digest_begin(&digest, kind, NULL), PST_OK);
        for (size_t at = 0; at < length; at += step)
            assert_int_equal(
                digest_add(&digest, text + at, at + step < length ? step : length - at, NULL),
                PST_OK);
        assert_int_equal(digest_end(&digest, hex, NULL), PST_OK);
        assert_string_equal(hex, expected);
    }
    digest_free(&digest);
    digest_free(&digest);
}

static void known_digests(void **state) {
    (void)state;
    gives(DIGEST_SHA256, "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    gives(DIGEST_SHA256, "abc", 3,
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    gives(DIGEST_SHA1, "abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
    /* `git hash-object` of an empty file, and of one that holds "hello\n". */
    gives(DIGEST_SHA1, "blob 0", 7, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    gives(DIGEST_SHA1, "blob 6\0hello\n", 13, "ce013625030ba8dba906f756967f9e9ca394464a");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_digests)};
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
