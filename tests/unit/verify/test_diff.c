/* test_diff.c - ranks of matrices made to have them, and what is said of two checkpoints. */
#include "support/test.h"

#include <math.h>

#include "formats/dtype.h"
#include "formats/safetensors.h"
#include "potstill_tools.h"
#include "support/scratch.h"
#include "verify/matrix_rank.h"

static pst_error err;
static uint64_t seed;

/* Uniform in [-1, 1). */
static double draw(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)seed * 0x1p-63;
}

/* matrix [rows, columns] = a product of rank `rank`, plus noise of that size. */
static void fill(double *matrix, size_t rows, size_t columns, size_t rank, double noise) {
    double *a = calloc(rank * columns + 1, sizeof *a), *b = calloc(rank * rows + 1, sizeof *b);
    for (size_t i = 0; i < rank * columns; i++) a[i] = draw();
    for (size_t i = 0; i < rank * rows; i++) b[i] = draw();
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            double sum = noise * draw();
            for (size_t k = 0; k < rank; k++) sum += b[r * rank + k] * a[k * columns + c];
            matrix[r * columns + c] = sum;
        }
    free(a);
    free(b);
}

static void ranks_are_counted(void **state) {
    (void)state;
    static double matrix[64 * 64];
    static const struct {
        size_t rows, columns, rank;
    } cases[] = {{1, 1, 1},   {1, 40, 1},  {40, 1, 1},   {7, 5, 5},    {5, 7, 2},  {30, 20, 20},
                 {20, 30, 7}, {64, 64, 1}, {64, 64, 16}, {64, 64, 40}, {64, 3, 3}, {2, 64, 0}};
    size_t rank;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (seed = 1; seed < 6; seed++) {
            size_t rows = cases[i].rows, columns = cases[i].columns;
            fill(matrix, rows, columns, cases[i].rank, 0);
            assert_int_equal(matrix_rank(matrix, rows, columns, 0, &rank, &err), PST_OK);
            assert_int_equal(rank, cases[i].rank);
            /* Noise has full rank, under a threshold that bounds it none. */
            fill(matrix, rows, columns, cases[i].rank, 1e-4);
            double bound = 1e-4 * (sqrt((double)rows) + sqrt((double)columns));
            assert_int_equal(matrix_rank(matrix, rows, columns, bound, &rank, &err), PST_OK);
            assert_int_equal(rank, cases[i].rank);
            if (rows == columns) continue; /* whose least singular values may be near 0 */
            assert_int_equal(matrix_rank(matrix, rows, columns, 0, &rank, &err), PST_OK);
            assert_int_equal(rank, rows < columns ? rows : columns);
        }
}

/* Singular values that are known: a diagonal, turned by reflections so that it does not look it. */
static void singular_values_are_met(void **state) {
    (void)state;
    enum { SIDE = 12 };
    double matrix[SIDE * SIDE] = {0}, turned[SIDE * SIDE], v[SIDE], square = 0;
    for (int i = 0; i < SIDE; i++) matrix[i * SIDE + i] = i % 2 ? 1 + i : -(1 + i);
    seed = 9;
    for (int i = 0; i < SIDE; i++) {
        v[i] = draw();
        square += v[i] * v[i];
    }
    for (int i = 0; i < SIDE; i++) /* (I - 2 v v^T / v.v) times the diagonal */
        for (int j = 0; j < SIDE; j++)
            turned[i * SIDE + j] =
                matrix[i * SIDE + j] - 2 * v[i] * v[j] * matrix[j * SIDE + j] / square;
    for (int i = 0; i < SIDE; i++) {
        size_t rank;
        assert_int_equal(matrix_rank(turned, SIDE, SIDE, 1 + i - 1e-9, &rank, &err), PST_OK);
        assert_int_equal(rank, SIDE - i);
        assert_int_equal(matrix_rank(turned, SIDE, SIDE, 1 + i + 1e-9, &rank, &err), PST_OK);
        assert_int_equal(rank, SIDE - i - 1);
    }
    size_t rank = 5;
    assert_int_equal(matrix_rank(turned, 1 << 20, 1 << 20, 0, &rank, &err), PST_ERR_UNSUPPORTED);
    assert_int_equal(rank, 5);
}

/* ------------------------------------------------------------------------------------ rounding */

static void narrowing_is_exact_and_even(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_F16, DTYPE_BF16};
    for (int t = 0; t < 2; t++)
        for (uint32_t bits = 0; bits < 0x7FFF; bits++) {
            uint16_t pair[2] = {(uint16_t)bits, (uint16_t)(bits + 1)}, back[6];
            float wide[2];
            assert_true(dtype_to_float(types[t], (const unsigned char *)pair, 2, wide));
            if (!isfinite(wide[0]) || !isfinite(wide[1])) continue;
            double low = (double)wide[0], high = (double)wide[1], middle = (low + high) / 2;
            double values[6] = {
                low, -high, middle, nextafter(middle, low), nextafter(middle, high), -middle};
            uint16_t even = (uint16_t)(bits % 2 ? bits + 1 : bits);
            uint16_t expected[6] = {pair[0], (uint16_t)(pair[1] | 0x8000), even, pair[0],
                                    pair[1], (uint16_t)(even | 0x8000)};
            assert_int_equal(dtype_from_double(types[t], values, 6, back), 6);
            assert_memory_equal(back, expected, sizeof back);
        }
}

static void what_is_too_large_becomes_infinity(void **state) {
    (void)state;
    /* The least that rounds up to it: half a step above the largest. */
    static const struct {
        enum dtype dtype;
        double least;
    } cases[] = {{DTYPE_F16, 65520}, {DTYPE_BF16, 0x1.FFp127}, {DTYPE_F32, 0x1.FFFFFFp127}};
    for (int i = 0; i < 3; i++) {
        float wide[5];
        uint32_t stored[5];
        double values[] = {nextafter(cases[i].least, 0), cases[i].least, -1e308, (double)NAN, 0.0};
        assert_int_equal(dtype_from_double(cases[i].dtype, values, 5, stored), 1);
        assert_true(dtype_to_float(cases[i].dtype, (unsigned char *)stored, 5, wide));
        assert_true(isfinite(wide[0]) && wide[1] > 0 && isinf(wide[1]));
        assert_true(wide[2] < 0 && isinf(wide[2]) && isnan(wide[3]) && wide[4] == 0);
        double tiny[] = {5e-324, -1e-300};
        assert_int_equal(dtype_from_double(cases[i].dtype, tiny, 2, stored), 2);
        assert_true(dtype_to_float(cases[i].dtype, (unsigned char *)stored, 2, wide));
        assert_true(wide[0] == 0 && wide[1] == 0 && signbit(wide[1]));
    }
}

/* --------------------------------------------------------------------------------- checkpoints */

enum { ROWS = 10, COLUMNS = 6 };

static float base_values[ROWS * COLUMNS], changed_values[ROWS * COLUMNS], vector[4];
static pst_tensor_diff seen[8];
static char names[8][64];
static int seen_count;

static void note(void *user, const pst_tensor_diff *diff) {
    (void)user;
    assert_true(seen_count < 8);
    snprintf(names[seen_count], sizeof names[0], "%s", diff->name);
    seen[seen_count++] = *diff;
}

static const char *write(const char *name, const struct tensor_source *sources, size_t count) {
    static char dirs[2][512];
    char *dir = dirs[name[0] == 'b'], path[600];
    char folder[32];
    snprintf(folder, sizeof folder, "diff-%s", name);
    snprintf(dir, sizeof dirs[0], "%s", scratch_folder(folder));
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    assert_int_equal(safetensors_write(path, sources, count, &err), PST_OK);
    return dir;
}

static void tensors_are_compared(void **state) {
    (void)state;
    pst_diff_summary summary;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        base_values[i] = (float)(i % 7) - 3;
        changed_values[i] = base_values[i] + (i / COLUMNS == 2 ? 0.5f : 0); /* one row: rank 1 */
    }
    const struct tensor_source a[] = {
        {"model.decoder.embed_tokens.weight", DTYPE_F32, 2, {ROWS, COLUMNS}, base_values},
        {"model.encoder.same", DTYPE_F32, 1, {4}, vector},
        {"model.encoder.shape", DTYPE_F32, 1, {4}, vector},
        {"model.gone", DTYPE_F32, 1, {4}, vector},
    };
    const struct tensor_source b[] = {
        {"decoder.embed_tokens.weight", DTYPE_F32, 2, {ROWS, COLUMNS}, base_values},
        {"encoder.same", DTYPE_F32, 1, {4}, vector},
        {"encoder.shape", DTYPE_F32, 2, {2, 2}, vector},
        {"model.new", DTYPE_F32, 1, {4}, vector},
        {"proj_out.weight", DTYPE_F32, 2, {ROWS, COLUMNS}, changed_values},
    };
    seen_count = 0;
    assert_int_equal(pst_diff(write("a", a, 4), write("b", b, 5), note, NULL, &summary, &err),
                     PST_OK);
    assert_int_equal(seen_count, 4);
    assert_string_equal(names[0], "model.encoder.shape");
    assert_true(seen[0].values == 0 && seen[0].shape_a && seen[0].shape_b);
    assert_string_equal(names[1], "model.gone");
    assert_true(seen[1].shape_a && !seen[1].shape_b);
    assert_string_equal(names[2], "model.new");
    assert_true(!seen[2].shape_a && seen[2].shape_b);
    assert_string_equal(names[3], "proj_out.weight"); /* against the embedding of a */
    assert_true(seen[3].rank == 1 && seen[3].changed == COLUMNS && seen[3].max_abs == 0.5);
    assert_true(fabs(seen[3].norm - 0.5 * sqrt(COLUMNS)) < 1e-12);
    assert_true(summary.tensors == 3 && summary.changed == 1 && summary.only_a == 1);
    assert_true(summary.only_b == 1 && summary.reshaped == 1 && summary.rank == 1);
}

static void odd_values_are_compared(void **state) {
    (void)state;
    pst_diff_summary summary;
    static float a_values[4], b_values[4];
    static const int64_t integers[4];
    a_values[0] = b_values[0] = (float)NAN;
    a_values[1] = b_values[1] = (float)INFINITY;
    const struct tensor_source a = {"x", DTYPE_F32, 2, {2, 2}, a_values};
    const struct tensor_source b = {"x", DTYPE_F32, 2, {2, 2}, b_values};
    seen_count = 0;
    assert_int_equal(pst_diff(write("a", &a, 1), write("b", &b, 1), note, NULL, &summary, &err),
                     PST_OK);
    assert_int_equal(summary.changed, 0);
    b_values[3] = (float)INFINITY;
    assert_int_equal(pst_diff(write("a", &a, 1), write("b", &b, 1), note, NULL, &summary, &err),
                     PST_OK);
    assert_true(seen_count == 1 && isinf(seen[0].max_abs) && seen[0].rank == -1);
    const struct tensor_source c = {"x", DTYPE_I64, 2, {2, 2}, integers};
    const struct tensor_source empty = {"x", DTYPE_F32, 2, {0, 3}, integers};
    assert_int_equal(pst_diff(write("a", &c, 1), write("b", &c, 1), note, NULL, &summary, &err),
                     PST_ERR_UNSUPPORTED);
    assert_int_equal(
        pst_diff(write("a", &empty, 1), write("b", &empty, 1), note, NULL, &summary, &err), PST_OK);
    assert_int_equal(pst_diff(NULL, "b", NULL, NULL, &summary, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_diff("no such", "b", NULL, NULL, &summary, &err), PST_ERR_MODEL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_counted),
        cmocka_unit_test(singular_values_are_met),
        cmocka_unit_test(narrowing_is_exact_and_even),
        cmocka_unit_test(what_is_too_large_becomes_infinity),
        cmocka_unit_test(tensors_are_compared),
        cmocka_unit_test(odd_values_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
