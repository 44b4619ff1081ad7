/* test_precision.c - the precision asked for is taken, and auto is bf16 where
 * the set has products for it. */
#include "support/test.h"

#include "network/precision.h"

static const struct packed_kernels own, native = {.native = 1};

static pst_precision chosen(pst_precision wanted, int own_bf16, int own_int8) {
    pst_precision precision;
    struct kernels kernels = kernels_reference;
    if (own_bf16) kernels.packed[PST_PRECISION_BF16] = &own;
    if (own_int8) kernels.packed[PST_PRECISION_INT8] = &own;
    assert_int_equal(precision_choose(&precision, wanted, &kernels, NULL), PST_OK);
    return precision;
}

static void choices(void **state) {
    (void)state;
    for (int sets = 0; sets < 4; sets++) {
        assert_int_equal(chosen(PST_PRECISION_F32, sets & 1, sets >> 1), PST_PRECISION_F32);
        assert_int_equal(chosen(PST_PRECISION_BF16, sets & 1, sets >> 1), PST_PRECISION_BF16);
        assert_int_equal(chosen(PST_PRECISION_INT8, sets & 1, sets >> 1), PST_PRECISION_INT8);
    }
    assert_int_equal(chosen(PST_PRECISION_AUTO, 0, 0), PST_PRECISION_F32);
    assert_int_equal(chosen(PST_PRECISION_AUTO, 1, 0), PST_PRECISION_BF16);
    assert_int_equal(chosen(PST_PRECISION_AUTO, 0, 1), PST_PRECISION_F32); /* int8 when asked */
    assert_int_equal(chosen(PST_PRECISION_AUTO, 1, 1), PST_PRECISION_BF16);
}

static void instructions(void **state) {
    (void)state;
    pst_precision precision;
    struct kernels kernels = kernels_reference;
    kernels.packed[PST_PRECISION_INT8] = &own;
    assert_int_equal(precision_of_encoder(PST_PRECISION_INT8, &kernels), PST_PRECISION_INT8);
    kernels.packed[PST_PRECISION_BF16] = &native;
    assert_int_equal(precision_choose(&precision, PST_PRECISION_AUTO, &kernels, NULL), PST_OK);
    assert_int_equal(precision, PST_PRECISION_BF16);
    assert_int_equal(precision_of_encoder(PST_PRECISION_INT8, &kernels), PST_PRECISION_BF16);
    assert_int_equal(precision_of_encoder(PST_PRECISION_BF16, &kernels), PST_PRECISION_BF16);
    assert_int_equal(precision_of_encoder(PST_PRECISION_F32, &kernels), PST_PRECISION_F32);
}

static void refusals(void **state) {
    (void)state;
    pst_error err;
    pst_precision precision = (pst_precision)PRECISION_COUNT;
    assert_int_equal(precision_choose(&precision, (pst_precision)17, &kernels_reference, &err),
                     PST_ERR_ARGUMENT);
    assert_string_equal(err.message, "precision is 17, expected one of enum pst_precision");
    assert_int_equal(precision, PRECISION_COUNT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(choices), cmocka_unit_test(instructions),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests_name("precision", tests, NULL, NULL);
}
