/* test_matmul.c - the matrix product of every set: right to the rounding, in bounds, and the same
 * to the bit however the caller cuts it. */
#include "unit/kernels/kernel_check.h"

enum { REGION_X, REGION_W, REGION_Y, REGION_BIAS, REGION_SCRATCH, REGION_OTHER };

/* A product over guarded buffers. y holds canaries between its rows; `before` is y as it was. */
struct product {
    struct matmul args;
    struct check_buffer y;
    float *scratch;
};

struct shape {
    size_t m, n, k;
    size_t x_stride;     /* 0: k */
    size_t w_gap, y_gap; /* floats between rows */
    int w_is_kn, accumulate, bias;
    float scale;
};

static size_t extent(size_t rows, size_t stride, size_t width) {
    return rows ? (rows - 1) * stride + width : 0;
}

static struct product make_product(const struct kernels *kernels, const struct shape *s) {
    struct matmul a = {.m = s->m,
                       .n = s->n,
                       .k = s->k,
                       .scale = s->scale,
                       .accumulate = s->accumulate,
                       .w_is_kn = s->w_is_kn};
    a.x_stride = s->x_stride ? s->x_stride : s->k;
    a.w_stride = (s->w_is_kn ? s->n : s->k) + s->w_gap;
    a.y_stride = s->n + s->y_gap;
    a.x = check_numbers(REGION_X, extent(s->m, a.x_stride, s->k), 1);
    a.w = s->w_is_kn ? check_numbers(REGION_W, extent(s->k, a.w_stride, s->n), 1)
                     : check_numbers(REGION_W, extent(s->n, a.w_stride, s->k), 1);
    if (s->bias) a.bias = check_numbers(REGION_BIAS, s->n, 1);
    struct product p = {.y = check_take(REGION_Y, extent(s->m, a.y_stride, s->n))};
    a.y = p.y.data;
    if (s->accumulate)
        for (size_t i = 0; i < s->m; i++)
            for (size_t j = 0; j < s->n; j++) a.y[i * a.y_stride + j] = check_float();
    if (s->m > KERNELS_FEW_ROWS || s->w_is_kn) {
        /* The scratch is aligned by contract, so its end cannot always touch the page. */
        size_t count = (kernels->panel * s->k + 15) / 16 * 16;
        float *high = (float *)(void *)check_regions[REGION_SCRATCH].high;
        p.scratch = high - count;
        for (size_t i = 0; i < count; i++) p.scratch[i] = NAN;
    }
    p.args = a;
    return p;
}

/* One output in double, and the bound on the error of any order of float operations: k products and
 * sums, then scale, bias and y. */
static double exact(const struct matmul *a, size_t i, size_t j, float y_before, double *bound) {
    double sum = 0, magnitude = 0;
    for (size_t l = 0; l < a->k; l++) {
        double w = a->w_is_kn ? a->w[l * a->w_stride + j] : a->w[j * a->w_stride + l];
        sum += a->x[i * a->x_stride + l] * w;
        magnitude += fabs(a->x[i * a->x_stride + l] * w);
    }
    double bias = a->bias ? a->bias[j] : 0;
    magnitude = fabs(a->scale) * magnitude + fabs(bias) + fabs(y_before);
    *bound = (double)(a->k + 4) * ROUNDING * magnitude;
    return sum * a->scale + bias + y_before;
}

/* Runs the product; checks `samples` outputs at random, or all when that is fewer. */
static void check_product(const struct kernels *kernels, const struct shape *s, size_t samples) {
    struct product p = make_product(kernels, s);
    const struct matmul *a = &p.args;
    float *before = check_take(REGION_OTHER, p.y.count).data;
    memcpy(before, p.y.data, p.y.count * sizeof *before);
    kernels->matmul(a, p.scratch);

    check_surroundings(&p.y);
    for (size_t at = 0; at < p.y.count; at++) {
        int between = at % a->y_stride >= a->n;
        if (between != check_is_canary(p.y.data[at]))
            fail_msg("%zu x %zu x %zu: y[%zu, %zu] %s", a->m, a->n, a->k, at / a->y_stride,
                     at % a->y_stride, between ? "is not part of y" : "was not written");
    }
    size_t total = a->m * a->n;
    for (size_t t = 0; t < total && t < samples; t++) {
        size_t at = total <= samples ? t : check_below(total);
        size_t i = at / a->n, j = at % a->n, in_y = i * a->y_stride + j;
        double bound, want = exact(a, i, j, a->accumulate ? before[in_y] : 0, &bound);
        check_near(p.y.data[in_y], want, bound, "%zu x %zu x %zu%s%s%s: y[%zu, %zu]", a->m, a->n,
                   a->k, a->w_is_kn ? " kn" : "", a->accumulate ? " accumulate" : "",
                   a->bias ? " bias" : "", i, j);
    }
}

static struct shape random_shape(size_t m, size_t n, size_t k) {
    struct shape s = {.m = m,
                      .n = n,
                      .k = k,
                      .w_is_kn = (int)check_below(2),
                      .accumulate = (int)check_below(2),
                      .bias = (int)check_below(2)};
    s.x_stride = check_below(2) ? k + check_below(9) : 1 + check_below(k + 1); /* windows overlap */
    s.w_gap = check_below(2) ? 0 : check_below(9);
    s.y_gap = check_below(2) ? 0 : check_below(9);
    s.scale = check_below(2) ? 1 : check_float();
    return s;
}

static void small_shapes(void **state) {
    for (size_t size = 0; size <= 70; size++) {
        for (int i = 0; i < 8; i++) {
            struct shape shapes[] = {
                random_shape(size, check_below(71), check_below(71)),
                random_shape(check_below(71), size, check_below(71)),
                random_shape(check_below(71), check_below(71), size),
                random_shape(1 + check_below(KERNELS_FEW_ROWS), size, check_below(71)),
                random_shape(1 + check_below(KERNELS_FEW_ROWS), check_below(71), size),
            };
            for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
                check_product(*state, &shapes[c], SIZE_MAX);
        }
    }
}

static void large_shapes(void **state) {
    for (int i = 0; i < 20; i++) {
        struct shape s =
            random_shape(1 + check_below(300), 1 + check_below(300), 1 + check_below(600));
        check_product(*state, &s, 500);
    }
}

static void shapes_of_the_model(void **state) {
    static const struct shape SHAPES[] = {
        {.m = 415, .n = 288, .k = 288},                   /* q, k, v, o */
        {.m = 415, .n = 1152, .k = 288, .bias = 1},       /* fc1 */
        {.m = 40, .n = 288, .k = 1152, .bias = 1},        /* fc2 of a second */
        {.m = 415, .n = 288, .k = 1152, .accumulate = 1}, /* fc2 onto the residual */
        {.m = 137, .n = 137, .k = 36, .x_stride = 288, .w_gap = 252, .scale = 1 / 6.0f},
        {.m = 137, .n = 36, .k = 137, .w_gap = 252, .y_gap = 252, .w_is_kn = 1},
        {.m = 137, .n = 52, .k = 137, .w_gap = 364, .y_gap = 364, .w_is_kn = 1},
        {.m = 600, .n = 288, .k = 127, .x_stride = 64},              /* conv1 */
        {.m = 60, .n = 576, .k = 2016, .x_stride = 864, .bias = 1},  /* conv2 */
        {.m = 40, .n = 288, .k = 1728, .x_stride = 1152, .bias = 1}, /* conv3 */
        {.m = 60, .n = 1664, .k = 416, .bias = 1},                   /* the base model */
        {.m = 1, .n = 2304, .k = 288, .bias = 1},                    /* the decoder */
        {.m = 5, .n = 288, .k = 1152, .accumulate = 1, .bias = 1},
        {.m = 1, .n = 8192, .k = 288}, /* a quarter of the logits */
        {.m = 5, .n = 8192, .k = 416},
        {.m = 415, .n = 8, .k = 288},                              /* lora_A */
        {.m = 415, .n = 288, .k = 8, .accumulate = 1, .scale = 2}, /* lora_B */
    };
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        struct shape s = SHAPES[i];
        if (s.scale == 0) s.scale = 1;
        check_product(*state, &s, 1000);
    }
}

/* A NaN in row i of x and one in row j of w reach row i and column j, and nothing else: lanes and
 * rows that are computed for nothing never leak. */
static void nan_stays_in_its_row_and_column(void **state) {
    for (int t = 0; t < 200; t++) {
        struct shape s =
            random_shape(1 + check_below(40), 1 + check_below(80), 1 + check_below(40));
        s.x_stride = s.k;
        struct product p = make_product(*state, &s);
        size_t row = check_below(s.m), column = check_below(s.n), l = check_below(s.k);
        ((float *)(uintptr_t)p.args.x)[row * p.args.x_stride + l] = NAN;
        size_t in_w = s.w_is_kn ? l * p.args.w_stride + column : column * p.args.w_stride + l;
        ((float *)(uintptr_t)p.args.w)[in_w] = NAN;
        ((const struct kernels *)*state)->matmul(&p.args, p.scratch);
        for (size_t i = 0; i < s.m; i++)
            for (size_t j = 0; j < s.n; j++)
                assert_int_equal(!!isnan(p.args.y[i * p.args.y_stride + j]),
                                 i == row || j == column);
    }
}

/* The same product in pieces of y; m is cut into pieces of more than KERNELS_FEW_ROWS rows, or of
 * any where they are computed as many, n at multiples of `step`. */
static void multiply_in_pieces(const struct kernels *kernels, const struct product *p,
                               size_t step) {
    const struct matmul *whole = &p->args;
    for (size_t i = 0, rows; i < whole->m; i += rows) {
        rows = whole->m - i;
        if (whole->as_many)
            rows = 1 + check_below(rows);
        else if (rows > 2 * KERNELS_FEW_ROWS + 2)
            rows = KERNELS_FEW_ROWS + 1 + check_below(rows - 2 * KERNELS_FEW_ROWS - 1);
        for (size_t j = 0, columns; j < whole->n; j += columns) {
            columns = step * (1 + check_below(3));
            if (columns > whole->n - j) columns = whole->n - j;
            struct matmul piece = *whole;
            piece.m = rows;
            piece.n = columns;
            piece.x += i * whole->x_stride;
            piece.w += whole->w_is_kn ? j : j * whole->w_stride;
            piece.y += i * whole->y_stride + j;
            if (piece.bias) piece.bias += j;
            kernels->matmul(&piece, p->scratch);
        }
    }
}

static void cuts_change_no_bit(void **state) {
    const struct kernels *kernels = *state;
    for (int t = 0; t < 90; t++) {
        size_t long_sum = t % 3 == 2 ? 900 : 0; /* is taken in pieces */
        struct shape s = random_shape(KERNELS_FEW_ROWS + 1 + check_below(80), 1 + check_below(300),
                                      1 + long_sum + check_below(150));
        struct product p = make_product(kernels, &s);
        float *before = check_take(REGION_OTHER, p.y.count).data;
        float *whole = check_take(REGION_OTHER + 1, p.y.count).data;
        memcpy(before, p.y.data, p.y.count * sizeof *before);
        kernels->matmul(&p.args, p.scratch);
        memcpy(whole, p.y.data, p.y.count * sizeof *before);
        memcpy(p.y.data, before, p.y.count * sizeof *before);
        p.args.as_many = t % 2;
        multiply_in_pieces(kernels, &p, kernels->panel);
        assert_memory_equal(p.y.data, whole, p.y.count * sizeof *whole);
    }
}

/* With few rows, a row has the value it has alone, and n may be cut anywhere. */
static void few_rows_are_independent(void **state) {
    const struct kernels *kernels = *state;
    for (int t = 0; t < 60; t++) {
        struct shape s = random_shape(1 + (size_t)t % KERNELS_FEW_ROWS, 1 + check_below(90),
                                      1 + check_below(150));
        s.accumulate = 0;
        struct product p = make_product(kernels, &s);
        float *whole = check_take(REGION_OTHER, p.y.count).data;
        kernels->matmul(&p.args, p.scratch);
        memcpy(whole, p.y.data, p.y.count * sizeof *whole);
        for (size_t i = 0; i < s.m; i++) {
            struct product row = p;
            row.args.m = 1;
            row.args.x += i * p.args.x_stride;
            row.args.y += i * p.args.y_stride;
            multiply_in_pieces(kernels, &row, s.w_is_kn ? kernels->panel : 1 + check_below(7));
        }
        assert_memory_equal(p.y.data, whole, p.y.count * sizeof *whole);
    }
}

int main(void) {
    static const struct check CHECKS[] = {
        {"matmul, small shapes", small_shapes},
        {"matmul, large shapes", large_shapes},
        {"matmul, shapes of the model", shapes_of_the_model},
        {"matmul, NaN", nan_stays_in_its_row_and_column},
        {"matmul, cuts change no bit", cuts_change_no_bit},
        {"matmul, few rows are independent", few_rows_are_independent},
    };
    return check_main("matmul", CHECKS, sizeof CHECKS / sizeof *CHECKS);
}
