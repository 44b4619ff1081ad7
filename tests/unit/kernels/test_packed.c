/* test_packed.c - products with packed weights, of every set at every precision: right to the
 * rounding (int8: to the bit), in bounds, and the same to the bit however the caller cuts them.
 *
 * What is right is told by packed_reference.c's prepare() for the values a precision keeps of a
 * number, and by sums in double here. */
#include <float.h>

#include "unit/kernels/kernel_check.h"

enum { REGION_X, REGION_W, REGION_Y, REGION_BIAS, REGION_ROWS, REGION_SCALES, REGION_DATA };

static const char *const PRECISIONS[PRECISION_COUNT] = {"f32", "bf16", "int8"};

static const struct packed_kernels *const REFERENCE[PRECISION_COUNT] = {
    &packed_reference_f32, &packed_reference_bf16, &packed_reference_int8};

struct shape {
    size_t m, n, k;
    size_t x_stride; /* 0: k; less: windows that overlap */
    size_t y_gap;
    int accumulate, bias, fixed;
    size_t first; /* outputs of w before those that are computed */
};

/* A product over guarded buffers. */
struct product {
    struct packed_matmul args;
    struct packed w;
    struct check_buffer y;
    const float *x;       /* what args.x was prepared from; rows x_stride apart */
    const float *weights; /* [first + n, k] */
    size_t x_stride;
    float fixed;
};

static size_t extent(size_t rows, size_t stride, size_t width) {
    return rows ? (rows - 1) * stride + width : 0;
}

/* Packs into poisoned memory whose end (to the alignment) is a guard page. */
static struct packed pack(const struct packed_kernels *kernels, pst_precision precision,
                          const float *w, size_t n, size_t k) {
    size_t bytes = kernels->bytes(n, k), room = (bytes + 63) / 64 * 64;
    unsigned char *data = (unsigned char *)check_regions[REGION_DATA].high - room;
    assert_true(room + 64 <= CHECK_REGION_BYTES);
    memset(data - 64, 0xAB, room + 64);
    kernels->pack(data, w, k, n, k);
    for (size_t i = 0; i < 64; i++) assert_int_equal((data - 64)[i], 0xAB);
    for (size_t i = bytes; i < room; i++) assert_int_equal(data[i], 0xAB);
    return (struct packed){
        .data = data, .n = (uint32_t)n, .k = (uint32_t)k, .precision = precision};
}

/* Rows that are `stride` bytes apart and may overlap, slack and no more after them. Rows that share
 * values must be prepared as one long row, as a convolution does. */
static void prepare_rows(struct product *p, const struct packed_kernels *kernels,
                         const struct shape *s) {
    size_t values = extent(s->m, p->x_stride, s->k), element = kernels->element_bytes;
    size_t bytes = values * element + PACKED_SLACK;
    char *rows = check_regions[REGION_ROWS].high - bytes;
    memset(rows, 0, bytes);
    p->args.x_stride = p->x_stride * element;
    p->args.x = rows;
    if (!kernels->prepare) {
        p->args.x = p->x; /* floats as they lie */
        return;
    }
    float *scale = check_take(REGION_SCALES, s->m ? s->m : 1).data;
    p->args.x_scale = scale;
    p->args.x_scale_step = !s->fixed;
    if (s->fixed) {
        scale[0] = p->fixed;
        kernels->prepare(rows, values * element, NULL, &p->fixed, p->x, values, s->m != 0, values);
    } else {
        kernels->prepare(rows, p->args.x_stride, scale, NULL, p->x, p->x_stride, s->m, s->k);
    }
}

static struct product make_product(const struct packed_kernels *kernels, pst_precision precision,
                                   const struct shape *s) {
    struct product p = {.x_stride = s->x_stride ? s->x_stride : s->k, .fixed = 0.9f / 127};
    size_t whole = s->first + s->n;
    p.x = check_numbers(REGION_X, extent(s->m, p.x_stride, s->k), 1);
    p.weights = check_numbers(REGION_W, whole * s->k, 1);
    p.w = pack(kernels, precision, p.weights, whole, s->k);
    p.args = (struct packed_matmul){.y_stride = s->n + s->y_gap,
                                    .first = s->first,
                                    .m = s->m,
                                    .n = s->n,
                                    .accumulate = s->accumulate};
    prepare_rows(&p, kernels, s);
    if (s->bias) p.args.bias = check_numbers(REGION_BIAS, s->n, 1);
    p.y = check_take(REGION_Y, extent(s->m, p.args.y_stride, s->n));
    p.args.y = p.y.data;
    if (s->accumulate)
        for (size_t i = 0; i < s->m; i++)
            for (size_t j = 0; j < s->n; j++) p.args.y[i * p.args.y_stride + j] = check_float();
    return p;
}

static void run(const struct packed_kernels *kernels, struct product *p) {
    p->args.w = &p->w; /* p may have moved */
    kernels->matmul(&p->args);
}

/* What a precision keeps of one value of a row of magnitude `scale` * 127. */
static double kept(pst_precision precision, float value, float scale) {
    uint16_t half;
    int8_t byte;
    if (precision == PST_PRECISION_BF16) {
        packed_reference_bf16.prepare(&half, 2, NULL, NULL, &value, 1, 1, 1);
        return float_of_bf16(half);
    }
    if (precision == PST_PRECISION_INT8) {
        packed_reference_int8.prepare(&byte, 1, NULL, &scale, &value, 1, 1, 1);
        return byte;
    }
    return value;
}

static float scale_of(const float *row, size_t k) {
    float largest = 0;
    for (size_t l = 0; l < k; l++) largest = fmaxf(largest, fabsf(row[l]));
    return largest / 127;
}

/* One output. For int8 the very float; else in double, and a bound on the error of any order of
 * float operations on products that may be flushed to zero: each of k products and k + 2 sums is
 * off by one rounding of at most the sum of magnitudes. An instruction that rounds every product
 * and sum by itself, toward zero at worst, makes that 4 k. */
static double wanted(const struct product *p, pst_precision precision, int fixed, size_t i,
                     size_t j, float y_before, double *bound) {
    const float *x = p->x + i * p->x_stride, *w = p->weights + (p->args.first + j) * p->w.k;
    float x_scale = fixed ? p->fixed : scale_of(x, p->w.k), w_scale = scale_of(w, p->w.k);
    float bias = p->args.bias ? p->args.bias[j] : 0;
    double sum = 0, magnitude = 0;
    for (size_t l = 0; l < p->w.k; l++) {
        double product = kept(precision, x[l], x_scale) * kept(precision, w[l], w_scale);
        sum += product;
        magnitude += fabs(product);
    }
    *bound = 0;
    if (precision == PST_PRECISION_INT8) {
        float value = (float)sum * (w_scale * x_scale);
        if (p->args.bias) value += bias;
        return p->args.accumulate ? y_before + value : value;
    }
    magnitude += fabs(bias) + fabs(y_before);
    *bound = (double)(4 * p->w.k + 4) * (ROUNDING * magnitude + FLT_MIN);
    return sum + bias + y_before;
}

/* Runs the product; checks `samples` outputs at random, or all when that is fewer. */
static void check_product(const struct kernels *set, pst_precision precision, const struct shape *s,
                          size_t samples) {
    const struct packed_kernels *kernels = set->packed[precision];
    struct product p = make_product(kernels, precision, s);
    float *before = malloc((p.y.count + 1) * sizeof *before);
    assert_non_null(before);
    if (p.y.count) memcpy(before, p.y.data, p.y.count * sizeof *before);
    run(kernels, &p);

    check_surroundings(&p.y);
    size_t stride = p.args.y_stride;
    for (size_t at = 0; at < p.y.count; at++) {
        int between = at % stride >= s->n;
        if (between != check_is_canary(p.y.data[at]))
            fail_msg("%s %zu x %zu x %zu: y[%zu, %zu] %s", PRECISIONS[precision], s->m, s->n, s->k,
                     at / stride, at % stride, between ? "is not part of y" : "was not written");
    }
    size_t total = s->m * s->n;
    for (size_t t = 0; t < total && t < samples; t++) {
        size_t at = total <= samples ? t : check_below(total);
        size_t i = at / s->n, j = at % s->n, in_y = i * stride + j;
        double bound,
            want = wanted(&p, precision, s->fixed, i, j, s->accumulate ? before[in_y] : 0, &bound);
        check_near(p.y.data[in_y], want, bound, "%s %zu x %zu x %zu%s%s%s: y[%zu, %zu]",
                   PRECISIONS[precision], s->m, s->n, s->k, s->fixed ? " fixed" : "",
                   s->accumulate ? " accumulate" : "", s->bias ? " bias" : "", i, j);
    }
    free(before);
}

static struct shape random_shape(const struct packed_kernels *kernels, size_t m, size_t n,
                                 size_t k) {
    struct shape s = {.m = m,
                      .n = n,
                      .k = k,
                      .y_gap = check_below(2) ? 0 : check_below(9),
                      .accumulate = (int)check_below(2),
                      .bias = (int)check_below(2),
                      .first = check_below(3) * kernels->columns};
    size_t way = check_below(3);
    if (way == 0) s.x_stride = k + check_below(9);
    if (way == 1) s.fixed = 1, s.x_stride = 1 + check_below(k + 1);
    if (!kernels->prepare && way == 1) s.fixed = 0;
    if (kernels->element_bytes == 2 && way == 1) s.fixed = 1; /* one long row */
    return s;
}

static void small_shapes(void **state) {
    const struct kernels *set = *state;
    for (int precision = 0; precision < PRECISION_COUNT; precision++) {
        for (size_t k = 0; k <= 130; k++) {
            for (size_t t = 0; t < 6; t++) {
                size_t m = 1 + (k * 6 + t) % 17;
                struct shape s = random_shape(set->packed[precision], m, check_below(71), k);
                check_product(set, precision, &s, t < 2 ? SIZE_MAX : 40);
            }
        }
    }
}

static void many_rows(void **state) {
    const struct kernels *set = *state;
    for (int precision = 0; precision < PRECISION_COUNT; precision++) {
        for (size_t m = 0; m <= 130; m++) {
            struct shape s =
                random_shape(set->packed[precision], m, 1 + check_below(150), 1 + check_below(300));
            check_product(set, precision, &s, 200);
        }
    }
}

static void shapes_of_the_model(void **state) {
    static const struct shape SHAPES[] = {
        {.m = 104, .n = 288, .k = 288},                            /* q, k, v, o */
        {.m = 48, .n = 1152, .k = 288, .bias = 1},                 /* fc1 */
        {.m = 53, .n = 288, .k = 1152, .accumulate = 1},           /* fc2 onto the residual */
        {.m = 60, .n = 288, .k = 127, .x_stride = 64, .fixed = 1}, /* conv1 */
        {.m = 40, .n = 576, .k = 2016, .x_stride = 864, .bias = 1, .fixed = 1},
        {.m = 33, .n = 288, .k = 1728, .x_stride = 1152, .bias = 1, .fixed = 1},
        {.m = 20, .n = 1664, .k = 416, .bias = 1}, /* the base model */
        {.m = 1, .n = 2304, .k = 288, .bias = 1},  /* the decoder */
        {.m = 5, .n = 288, .k = 1152, .accumulate = 1, .bias = 1},
        {.m = 1, .n = 8192, .k = 288}, /* a quarter of the logits */
        {.m = 5, .n = 8192, .k = 416},
        {.m = 17, .n = 36, .k = 415},
    };
    for (int precision = 0; precision < PRECISION_COUNT; precision++)
        for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++)
            check_product(*state, precision, &SHAPES[i], 300);
}

/* The whole product, then the same in pieces: m is cut anywhere, n at multiples of `columns`. */
static void cuts_change_no_bit(void **state) {
    const struct kernels *set = *state;
    for (int t = 0; t < 120; t++) {
        pst_precision precision = (pst_precision)(t % PRECISION_COUNT);
        const struct packed_kernels *kernels = set->packed[precision];
        struct shape s = random_shape(kernels, 1 + check_below(90), 1 + check_below(200),
                                      1 + check_below(t % 2 ? 150 : 1000));
        struct product p = make_product(kernels, precision, &s);
        size_t bytes = p.y.count * sizeof(float);
        float *before = malloc(bytes), *whole = malloc(bytes);
        assert_true(before && whole);
        memcpy(before, p.y.data, bytes);
        run(kernels, &p);
        memcpy(whole, p.y.data, bytes);
        memcpy(p.y.data, before, bytes);
        for (size_t i = 0, rows; i < s.m; i += rows) {
            rows = 1 + check_below(s.m - i < 40 ? s.m - i : 40);
            for (size_t j = 0, columns; j < s.n; j += columns) {
                columns = kernels->columns * (1 + check_below(3));
                if (columns > s.n - j) columns = s.n - j;
                struct packed_matmul piece = p.args;
                piece.m = rows;
                piece.n = columns;
                piece.first += j;
                piece.x = (const char *)piece.x + i * piece.x_stride;
                if (piece.x_scale) piece.x_scale += i * piece.x_scale_step;
                piece.y += i * piece.y_stride + j;
                if (piece.bias) piece.bias += j;
                kernels->matmul(&piece);
            }
        }
        assert_memory_equal(p.y.data, whole, bytes);
        free(before), free(whole);
    }
}

/* A NaN or infinity in a row of x, or of w, makes its outputs NaN (or infinite, where floats can
 * say so) and leaves all others alone: lanes and rows computed for nothing never leak. */
static void what_is_not_finite_stays_in_its_row(void **state) {
    const struct kernels *set = *state;
    for (int t = 0; t < 300; t++) {
        pst_precision precision = (pst_precision)(t % PRECISION_COUNT);
        const struct packed_kernels *kernels = set->packed[precision];
        struct shape s = {
            .m = 1 + check_below(40), .n = 1 + check_below(80), .k = 1 + check_below(140)};
        struct product p = make_product(kernels, precision, &s);
        size_t row = check_below(s.m), column = check_below(s.n), l = check_below(s.k);
        float bad = check_below(2) ? NAN : INFINITY;
        ((float *)(uintptr_t)p.x)[row * s.k + l] = bad;
        ((float *)(uintptr_t)p.weights)[column * s.k + l] = bad;
        p.w = pack(kernels, precision, p.weights, s.n, s.k);
        prepare_rows(&p, kernels, &s);
        run(kernels, &p);
        for (size_t i = 0; i < s.m; i++) {
            for (size_t j = 0; j < s.n; j++) {
                float y = p.args.y[i * p.args.y_stride + j];
                int touched = i == row || j == column;
                assert_int_equal(!!isfinite(y), !touched);
                if (precision == PST_PRECISION_INT8 && touched) assert_true(isnan(y));
            }
        }
    }
}

/* Rows as prepare() makes them are what the reference keeps of them, seen through a matrix of ones
 * and zeros; values on and beside halves, and beyond a fixed scale. */
static void values_are_rounded_as_defined(void **state) {
    const struct kernels *set = *state;
    enum { K = 97 };
    static float unit[K * K];
    for (size_t l = 0; l < K; l++) unit[l * K + l] = 127;
    for (int precision = 1; precision < PRECISION_COUNT; precision++) {
        const struct packed_kernels *kernels = set->packed[precision];
        for (int t = 0; t < 200; t++) {
            struct shape s = {
                .m = 1, .n = K, .k = K, .fixed = precision == PST_PRECISION_INT8 && t % 2};
            struct product p = make_product(kernels, (pst_precision)precision, &s);
            float *x = (float *)(uintptr_t)p.x;
            for (size_t l = 0; l < K; l++) {
                float size = t % 4 < 2 ? 1 : 1e-3f;
                x[l] = check_below(4) ? size * ((float)check_below(255) - 127.0f + 0.5f)
                                      : 3e2f * size * check_float();
            }
            p.fixed = s.fixed ? 1 : p.fixed;
            prepare_rows(&p, kernels, &s);
            p.w = pack(kernels, (pst_precision)precision, unit, K, K);
            run(kernels, &p);
            float scale = s.fixed ? p.fixed : scale_of(x, K);
            for (size_t l = 0; l < K; l++) {
                double want = kept((pst_precision)precision, x[l], scale) * 127;
                if (precision == PST_PRECISION_INT8) want = (float)want * (1.0f * scale);
                check_near(p.args.y[l], want, 0, "%s of %.9g at %.9g", PRECISIONS[precision], x[l],
                           scale);
            }
        }
    }
}

/* Zero rows, rows of values too small to have a scale, the largest floats. */
static void extreme_rows(void **state) {
    const struct kernels *set = *state;
    static const float SIZES[] = {0, -0.0f, FLT_MIN, FLT_MIN / 8, 1e-36f, 1e-30f, 1e30f, 3e38f};
    for (int precision = 0; precision < PRECISION_COUNT; precision++) {
        const struct packed_kernels *kernels = set->packed[precision];
        const struct packed_kernels *reference = REFERENCE[precision];
        for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
            struct shape s = {.m = 2, .n = 3, .k = 40};
            struct product p = make_product(kernels, (pst_precision)precision, &s);
            for (size_t l = 0; l < 40; l++) ((float *)(uintptr_t)p.x)[l] = SIZES[i];
            for (size_t l = 0; l < 120; l++)
                ((float *)(uintptr_t)p.weights)[l] = SIZES[i] > 1 ? 1e-30f : 1;
            float want[6];
            p.w = pack(reference, (pst_precision)precision, p.weights, 3, 40);
            prepare_rows(&p, reference, &s);
            run(reference, &p);
            memcpy(want, p.args.y, sizeof want);
            p.w = pack(kernels, (pst_precision)precision, p.weights, 3, 40);
            prepare_rows(&p, kernels, &s);
            run(kernels, &p);
            for (int j = 0; j < 6; j++)
                check_near(p.args.y[j], want[j], fabsf(want[j]) * 1e-5 + 100 * FLT_MIN, "%s %g",
                           PRECISIONS[precision], SIZES[i]);
        }
    }
}

/* A layout's name promises its bytes: every set that uses the name writes the same. */
static void names_promise_bytes(void **state) {
    const struct kernels *set = *state, *other;
    for (int t = 0; t < 12; t++) {
        pst_precision precision = (pst_precision)(t % PRECISION_COUNT);
        const struct packed_kernels *kernels = set->packed[precision];
        size_t n = 1 + check_below(90), k = 1 + check_below(200), bytes = kernels->bytes(n, k);
        const float *w = check_numbers(REGION_W, n * k, 1);
        unsigned char *copy = malloc(bytes);
        assert_non_null(copy);
        memcpy(copy, pack(kernels, precision, w, n, k).data, bytes);
        for (pst_cpu cpu = PST_CPU_AUTO; kernel_sets_next(&cpu, &other);) {
            if (strcmp(other->packed[precision]->layout, kernels->layout) != 0) continue;
            assert_int_equal(other->packed[precision]->bytes(n, k), bytes);
            assert_int_equal(other->packed[precision]->columns, kernels->columns);
            assert_memory_equal(pack(other->packed[precision], precision, w, n, k).data, copy,
                                bytes);
        }
        free(copy);
    }
}

int main(void) {
    static const struct check CHECKS[] = {
        {"packed, small shapes", small_shapes},
        {"packed, many rows", many_rows},
        {"packed, shapes of the model", shapes_of_the_model},
        {"packed, cuts change no bit", cuts_change_no_bit},
        {"packed, NaN and infinity", what_is_not_finite_stays_in_its_row},
        {"packed, rounding", values_are_rounded_as_defined},
        {"packed, extreme rows", extreme_rows},
        {"packed, names promise bytes", names_promise_bytes},
    };
    return check_main("packed", CHECKS, sizeof CHECKS / sizeof *CHECKS);
}
