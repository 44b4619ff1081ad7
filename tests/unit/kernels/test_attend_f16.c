/* test_attend_f16.c - float16 and attention over it: conversions at every value there is, attention
 * against a computation in double over the rounded numbers, whatever rows and frames there are. */
#include "unit/kernels/kernel_check.h"

#define KERNELS(state) ((const struct kernels *)*(state))

enum { CASES = 60, STRIDE_MORE = 7 };

static uint16_t *take_tiles(size_t region, size_t count) {
    return (uint16_t *)(void *)check_take(region, (count + 1) / 2).data;
}

/* Every float16 there is comes back from the float it stands for; so do the
 * middles, rounded to even. */
static void conversions(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x7C00; h++) {
        float value = float_of_f16((uint16_t)h);
        assert_true(value == ldexpf((float)(h < 0x400 ? h : 0x400 | (h & 0x3FF)),
                                    h < 0x400 ? -24 : (int)(h >> 10) - 25));
        assert_int_equal(f16_of_float(value), h);
        assert_int_equal(f16_of_float(-value), h | 0x8000);
        if (h + 1 == 0x7C00) break;
        float middle = 0.5f * (value + float_of_f16((uint16_t)(h + 1)));
        assert_int_equal(f16_of_float(middle), h + (h & 1));
        assert_int_equal(f16_of_float(nextafterf(middle, 0)), h);
        assert_int_equal(f16_of_float(nextafterf(middle, 1e9f)), h + 1);
    }
    assert_int_equal(f16_of_float(65519.0f), 0x7BFF);
    assert_int_equal(f16_of_float(1e30f), 0x7BFF);
    assert_int_equal(f16_of_float(-INFINITY), 0xFBFF);
    assert_true(isnan(float_of_f16(f16_of_float(NAN))));
}

/* As f16_of_float() does it, at any place in a tile, and nothing else is touched. */
static void storing(void **state) {
    for (int i = 0; i < CASES; i++) {
        size_t head_dim = 1 + check_below(70), count = check_below(90), first = check_below(70);
        size_t stride = head_dim + check_below(STRIDE_MORE);
        size_t size = f16_tiles(first + count) * F16_TILE * head_dim;
        float *x = check_numbers(0, count * stride, 1);
        for (size_t j = 0; j < count * stride; j++) x[j] *= ldexpf(1, (int)check_below(50) - 30);
        if (count && check_below(2)) x[check_below(count) * stride] = check_below(2) ? NAN : -1e9f;
        struct check_buffer tiles = check_take(1, size / 2);
        uint16_t *got = (uint16_t *)(void *)tiles.data, *want = malloc(size * sizeof *want + 1);
        assert_non_null(want);
        for (size_t j = 0; j < size; j++) want[j] = got[j] = (uint16_t)(0x1234 + j);
        for (size_t t = 0; t < count; t++)
            for (size_t d = 0; d < head_dim; d++)
                want[f16_place(first + t, d, head_dim)] = f16_of_float(x[t * stride + d]);
        KERNELS(state)->store_f16(&(struct store_f16){got, x, stride, first, count, head_dim});
        check_surroundings(&tiles);
        for (size_t j = 0; j < size; j++) {
            if (isnan(float_of_f16(want[j]))) /* any of them will do */
                assert_true(isnan(float_of_f16(got[j])));
            else
                assert_int_equal(got[j], want[j]);
        }
        free(want);
    }
}

/* One row in double. The scores are off by a few roundings of the sum of magnitudes, the weights by
 * as much relatively, and the mixture by that times the largest value. */
static void check_row(const struct attend_f16 *a, size_t row) {
    enum { FRAMES_MAX = 1300 };
    static double weights[FRAMES_MAX];
    const float *q = a->q + row * a->q_stride;
    double highest = -INFINITY, total = 0, magnitude = 0;
    for (size_t t = 0; t < a->count; t++) {
        double sum = 0, size = 0;
        for (size_t d = 0; d < a->head_dim; d++) {
            double product = (double)q[d] * float_of_f16(a->k[f16_place(t, d, a->head_dim)]);
            sum += product;
            size += fabs(product);
        }
        weights[t] = sum * a->scale;
        highest = fmax(highest, weights[t]);
        magnitude = fmax(magnitude, size * a->scale);
    }
    for (size_t t = 0; t < a->count; t++) total += weights[t] = exp(weights[t] - highest);
    double relative =
        ROUNDING * (2 * magnitude * (double)(a->head_dim + 4) + (double)a->count + 20);
    for (size_t d = 0; d < a->head_dim; d++) {
        double sum = 0, size = 0;
        for (size_t t = 0; t < a->count; t++) {
            double value = float_of_f16(a->v[f16_place(t, d, a->head_dim)]);
            sum += weights[t] / total * value;
            size += weights[t] / total * fabs(value);
        }
        check_near(a->out[row * a->out_stride + d], sum, 2 * relative * size + 1e-30,
                   "row %zu channel %zu of %zu, %zu frames", row, d, a->head_dim, a->count);
    }
}

static struct attend_f16 make_case(size_t rows, size_t count, size_t head_dim, float range,
                                   struct check_buffer *out) {
    struct attend_f16 a = {
        .rows = rows,
        .out_stride = head_dim + check_below(STRIDE_MORE),
        .q_stride = head_dim + check_below(STRIDE_MORE),
        .count = count,
        .head_dim = head_dim,
        .scale = 1 / sqrtf((float)head_dim),
    };
    size_t tiles = f16_tiles(count), size = tiles * F16_TILE * head_dim;
    *out = check_take(0, (rows - 1) * a.out_stride + head_dim);
    a.out = out->data;
    a.q = check_numbers(1, (rows - 1) * a.q_stride + head_dim, range);
    uint16_t *k = take_tiles(2, size), *v = take_tiles(3, size);
    a.k = k;
    a.v = v;
    a.scores = check_take(4, rows * tiles * F16_TILE).data;
    memset(k, 0, size * sizeof *k);
    memset(v, 0, size * sizeof *v);
    for (size_t t = 0; t < count; t++)
        for (size_t d = 0; d < head_dim; d++) {
            k[f16_place(t, d, head_dim)] = f16_of_float(range * check_float());
            v[f16_place(t, d, head_dim)] = f16_of_float(4 * check_float());
        }
    return a;
}

static void attention(void **state) {
    static const size_t DIMS[] = {36, 52, 64, 1, 3, 80};
    for (int i = 0; i < CASES; i++) {
        size_t count = i < 40 ? 1 + (size_t)i * 2 : 1 + check_below(1250);
        struct check_buffer out;
        struct attend_f16 a = make_case(1 + check_below(11), count, DIMS[check_below(6)], 3, &out);
        KERNELS(state)->attend_f16(&a);
        check_surroundings(&out);
        for (size_t row = 0; row < a.rows; row++) check_row(&a, row);
        /* A row alone gives the same bits. */
        size_t row = check_below(a.rows);
        float alone[80], scores[1300];
        struct attend_f16 one = a;
        one.q += row * a.q_stride;
        one.out = alone;
        one.scores = scores;
        one.rows = 1;
        KERNELS(state)->attend_f16(&one);
        assert_memory_equal(alone, a.out + row * a.out_stride, a.head_dim * sizeof *alone);
    }
}

/* Scores far apart and a NaN in a query. */
static void edges(void **state) {
    struct check_buffer out;
    struct attend_f16 a = make_case(3, 100, 36, 60, &out);
    KERNELS(state)->attend_f16(&a);
    for (size_t row = 0; row < a.rows; row++) check_row(&a, row);
    ((float *)(uintptr_t)a.q)[a.q_stride + 3] = NAN;
    KERNELS(state)->attend_f16(&a);
    check_row(&a, 0);
    check_row(&a, 2);
    for (size_t d = 0; d < a.head_dim; d++) assert_true(isnan(a.out[a.out_stride + d]));
}

int main(void) {
    static const struct check CHECKS[] = {
        {"conversions", conversions},
        {"store_f16", storing},
        {"attend_f16", attention},
        {"attend_f16 at its edges", edges},
    };
    return check_main("attend_f16", CHECKS, sizeof CHECKS / sizeof *CHECKS);
}
