/* test_agreement.c - what two decodings in a row agree on stands. */
#include "support/test.h"

#include "decode/agreement.h"

static void what_two_agree_on_is_committed(void **state) {
    (void)state;
    pst_error err;
    struct agreement text;
    assert_int_equal(agreement_init(&text, 6, &err), PST_OK);
    agreement_begin(&text, 1);
    assert_int_equal(text.committed, 1);
    agreement_add(&text, (int32_t[]){1, 7, 8}, 3);
    assert_int_equal(text.committed, 1); /* the first has none to agree with */
    agreement_add(&text, (int32_t[]){1, 7, 9, 4}, 4);
    assert_int_equal(text.committed, 2);
    agreement_add(&text, (int32_t[]){1, 7, 9, 4}, 4);
    assert_int_equal(text.committed, 4);
    agreement_add(&text, (int32_t[]){1, 7, 9, 4, 5, 6}, 6);
    assert_int_equal(text.committed, 4);
    agreement_add(&text, (int32_t[]){1, 7, 9, 4},
                  4); /* shorter than before: nothing is taken back */
    assert_int_equal(text.committed, 4);
    assert_int_equal(text.count, 4);
    agreement_add(&text, (int32_t[]){1, 7, 9, 4, 5, 6, 7, 8}, 8); /* more than there is room for */
    assert_int_equal(text.count, 6);
    agreement_begin(&text, 3);
    assert_int_equal(text.tokens[0], 3);
    assert_int_equal(text.committed, 1);
    agreement_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_two_agree_on_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
