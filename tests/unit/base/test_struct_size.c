/* test_struct_size.c - what other languages ask before they fill a struct. */
#include "support/test.h"

#include "potstill_tools.h"

static void sizes_are_those_of_the_compiler(void **state) {
    (void)state;
    assert_int_equal(pst_struct_size("pst_error"), sizeof(pst_error));
    assert_int_equal(pst_struct_size("pst_batch_options"), sizeof(pst_batch_options));
    assert_int_equal(pst_struct_size("pst_peak"), sizeof(pst_peak));
}

static void other_names_have_none(void **state) {
    (void)state;
    assert_int_equal(pst_struct_size("pst_model"), 0);
    assert_int_equal(pst_struct_size(""), 0);
    assert_int_equal(pst_struct_size(NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_the_compiler),
        cmocka_unit_test(other_names_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
