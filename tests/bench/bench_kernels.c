/* bench_kernels.c - how fast each kernel of each set is, at the shapes of the model, and how fast
 * this machine would let it be.
 *
 *     bench_kernels [--packed] [set ...]      sets as of --cpu; default: all but the reference
 *
 * --packed: only the products with packed weights.
 *
 * The floors come first: fused multiply-adds a second from registers, and bytes a second read from
 * a buffer larger than the caches of a core. Every figure is the fastest of several runs, single
 * thread: a busy machine can only make a run slower. Not a test: it has no opinion. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"
#include "support/kernel_sets.h"

/* A run is long beside the clock's grain and short beside a time slice. */
enum { RUNS = 100, RUNS_LEAST = 10 };
static const double RUN_SECONDS = 0.001, TOTAL_SECONDS = 0.3;

/* Processor time, which does not run while another process has the core. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one call of run(context), the fastest of RUNS measurements. */
static double fastest(void (*run)(void *), void *context) {
    size_t calls = 1;
    double best = INFINITY, total = 0;
    for (int i = 0; i < RUNS && (i < RUNS_LEAST || total < TOTAL_SECONDS);) {
        double start = now();
        for (size_t c = 0; c < calls; c++) run(context);
        double seconds = now() - start;
        total += seconds;
        if (seconds < RUN_SECONDS && calls < (1u << 20)) {
            calls *= 2;
            continue;
        }
        if (seconds / (double)calls < best) best = seconds / (double)calls;
        i++;
    }
    return best;
}

static float *numbers(size_t count) {
    float *x = aligned_alloc(64, (count * sizeof *x + 63) / 64 * 64);
    if (!x) {
        fprintf(stderr, "out of memory\n");
        exit(4);
    }
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223; /* any cheap generator will do */
        x[i] = (float)(state >> 8) * 0x1p-23f - 1;
    }
    return x;
}

/* ------------------------------------------------------------------------------------- floors */

struct spin {
    const struct packed_kernels *kernels;
    double operations;
};

static void run_spin(void *context) {
    struct spin *s = context;
    s->operations = s->kernels->spin(10000);
}

/* The fastest a set multiplies and adds from registers, in GOP/s; 0 when not known. */
static double peak_of(const struct packed_kernels *kernels) {
    if (!kernels->spin) return 0;
    struct spin s = {kernels, 0};
    double seconds = fastest(run_spin, &s);
    return 1e-9 * s.operations / seconds;
}

struct buffer {
    const uint64_t *words;
    size_t count;
};
static volatile uint64_t read_sink;

static void read_all(void *context) {
    const struct buffer *b = context;
    uint64_t sum = 0;
    for (size_t i = 0; i < b->count; i++) sum += b->words[i];
    read_sink = sum;
}

static void print_memory_floor(void) {
    static const size_t MIB[] = {1, 8, 40,
                                 160}; /* in L2; a layer; a tiny decoder; past many an L3 */
    float *x = numbers(MIB[3] << 18);
    for (size_t i = 0; i < sizeof MIB / sizeof *MIB; i++) {
        struct buffer b = {(const uint64_t *)(const void *)x, MIB[i] << 17};
        double seconds = fastest(read_all, &b);
        printf("reading %3zu MiB over and over: %.1f GB/s\n", MIB[i],
               8e-9 * (double)b.count / seconds);
    }
    free(x);
}

/* ------------------------------------------------------------------------------------- matmul */

struct multiplication {
    const struct kernels *kernels;
    struct matmul args;
    float *scratch;
};

static void run_matmul(void *context) {
    struct multiplication *m = context;
    m->kernels->matmul(&m->args, m->scratch);
}

struct shape {
    const char *what;
    size_t m, n, k, x_stride; /* x_stride 0: k */
    int w_is_kn;
};

static const struct shape SHAPES[] = {
    {"encoder q, k, v, o", 415, 288, 288, 0, 0},
    {"encoder fc1", 415, 1152, 288, 0, 0},
    {"encoder fc2", 415, 288, 1152, 0, 0},
    {"encoder fc1, 1 s of audio", 40, 1152, 288, 0, 0},
    {"encoder scores, one head", 415, 415, 36, 288, 0},
    {"encoder values, one head", 415, 36, 415, 0, 1},
    {"conv1", 2499, 288, 127, 64, 0},
    {"conv2", 831, 576, 2016, 864, 0},
    {"conv3", 415, 288, 1728, 1152, 0},
    {"base encoder fc1", 415, 1664, 416, 0, 0},
    {"decoder q, k, v, o", 1, 288, 288, 0, 0},
    {"decoder fc1", 1, 2304, 288, 0, 0},
    {"decoder fc2", 1, 288, 1152, 0, 0},
    {"logits", 1, 32768, 288, 0, 0},
    {"logits, 5 beams", 5, 32768, 288, 0, 0},
    {"logits, 8 rows", 8, 32768, 288, 0, 0},
    {"base logits, 5 beams", 5, 32768, 416, 0, 0},
};

/* Small matrices are tried in turn out of 40 MiB, as the decoder meets them:
 * never twice in a row. */
static void print_matmul(const struct kernels *kernels, double peak) {
    enum { POOL = 10 << 20 };
    float *pool = numbers(POOL > 32768 * 416 ? POOL : 32768 * 416);
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        const struct shape *s = &SHAPES[i];
        size_t stride = s->x_stride ? s->x_stride : s->k;
        float *x = numbers((s->m - 1) * stride + s->k), *y = numbers(s->m * s->n);
        float *scratch = numbers(KERNELS_PANEL_MAX * s->k);
        struct multiplication run = {kernels,
                                     {.y = y,
                                      .x = x,
                                      .w = pool,
                                      .y_stride = s->n,
                                      .x_stride = stride,
                                      .w_stride = s->w_is_kn ? s->n : s->k,
                                      .m = s->m,
                                      .n = s->n,
                                      .k = s->k,
                                      .scale = 1,
                                      .w_is_kn = s->w_is_kn},
                                     scratch};
        double seconds = INFINITY;
        size_t weights = s->n * s->k;
        if (s->m <= KERNELS_FEW_ROWS && weights < POOL / 2) {
            size_t count = POOL / weights;
            for (int r = 0; r < RUNS_LEAST; r++) {
                double start = now();
                for (size_t c = 0; c < count; c++) {
                    run.args.w = pool + c * weights;
                    run_matmul(&run);
                }
                double once = (now() - start) / (double)count;
                if (once < seconds) seconds = once;
            }
        } else {
            seconds = fastest(run_matmul, &run);
        }
        double gflops = 2e-9 * (double)s->m * (double)weights / seconds;
        printf("%-9s matmul %-26s %4zu x %5zu x %4zu %9.1f us %7.1f GFLOP/s", kernels->name,
               s->what, s->m, s->n, s->k, 1e6 * seconds, gflops);
        if (s->m <= KERNELS_FEW_ROWS)
            printf("  w at %.1f GB/s\n", 4e-9 * (double)weights / seconds);
        else if (peak > 0)
            printf("  %.0f%% of peak\n", 100 * gflops / peak);
        else
            printf("\n");
        free(x), free(y), free(scratch);
    }
    free(pool);
}

/* ------------------------------------------------------------------------------------- packed */

struct packed_run {
    const struct packed_kernels *kernels;
    struct packed_matmul args;
    struct packed w;
    size_t block; /* rows a call */
    const float *values;
    void *rows;
    float *scales;
};

/* All rows, in blocks as the encoder makes them; the weights stay in cache between blocks. */
static void run_packed(void *context) {
    struct packed_run *r = context;
    for (size_t i = 0; i < r->args.m; i += r->block) {
        struct packed_matmul a = r->args;
        a.m = a.m - i < r->block ? a.m - i : r->block;
        a.x = (const char *)a.x + i * a.x_stride;
        if (a.x_scale) a.x_scale += i;
        a.y += i * a.y_stride;
        r->kernels->matmul(&a);
    }
}

static void run_prepare(void *context) {
    struct packed_run *r = context;
    r->kernels->prepare(r->rows, r->args.x_stride, r->scales, NULL, r->values, r->w.k, r->args.m,
                        r->w.k);
}

static const struct {
    const char *what;
    size_t m, n, k, x_stride, block; /* x_stride in values, 0: k; block 0: m */
} PACKED_SHAPES[] = {
    {"encoder q, k, v, o", 415, 288, 288, 0, 48},
    {"encoder fc1", 415, 1152, 288, 0, 48},
    {"encoder fc2", 415, 288, 1152, 0, 48},
    {"encoder fc1, blocks of 104", 415, 1152, 288, 0, 104},
    {"encoder fc1, 1 s of audio", 40, 1152, 288, 0, 0},
    {"conv1", 2499, 288, 127, 64, 104},
    {"conv2", 831, 576, 2016, 864, 104},
    {"conv3", 415, 288, 1728, 1152, 104},
    {"decoder q, k, v, o", 1, 288, 288, 0, 0},
    {"decoder fc1", 1, 2304, 288, 0, 0},
    {"decoder fc1, 5 beams", 5, 2304, 288, 0, 0},
    {"decoder fc2", 1, 288, 1152, 0, 0},
    {"logits", 1, 32768, 288, 0, 0},
    {"logits, 5 beams", 5, 32768, 288, 0, 0},
    {"logits, 8 rows", 8, 32768, 288, 0, 0},
};
static const char *const PRECISIONS[PRECISION_COUNT] = {"f32", "bf16", "int8"};

/* Seconds of one product. With few rows the weights are tried in turn out of 40 MiB, as the decoder
 * meets them: never twice in a row. */
static double time_packed(struct packed_run *run) {
    size_t bytes = run->kernels->bytes(run->w.n, run->w.k), pool = 40u << 20;
    if (run->args.m > KERNELS_FEW_ROWS || bytes > pool / 2) return fastest(run_packed, run);
    size_t count = pool / bytes, step = (bytes + 63) / 64 * 64;
    unsigned char *copies = aligned_alloc(64, count * step);
    if (!copies) exit(4);
    for (size_t c = 0; c < count; c++) memcpy(copies + c * step, run->w.data, bytes);
    double best = INFINITY;
    for (int r = 0; r < RUNS_LEAST; r++) {
        double start = now();
        for (size_t c = 0; c < count; c++) {
            run->w.data = copies + c * step;
            run_packed(run);
        }
        double once = (now() - start) / (double)count;
        if (once < best) best = once;
    }
    free(copies);
    return best;
}

static void print_one_packed(const struct kernels *set, pst_precision precision, size_t shape,
                             double peak) {
    const struct packed_kernels *kernels = set->packed[precision];
    size_t m = PACKED_SHAPES[shape].m, n = PACKED_SHAPES[shape].n, k = PACKED_SHAPES[shape].k;
    size_t stride = PACKED_SHAPES[shape].x_stride ? PACKED_SHAPES[shape].x_stride : k;
    size_t block = PACKED_SHAPES[shape].block ? PACKED_SHAPES[shape].block : m;
    size_t values = (m - 1) * stride + k, bytes = kernels->bytes(n, k);
    float *x = numbers(values > m * k ? values : m * k), *w = numbers(n * k), *y = numbers(m * n);
    float *scales = numbers(m);
    unsigned char *data = aligned_alloc(64, (bytes + 63) / 64 * 64);
    unsigned char *rows = aligned_alloc(64, (m * k * 4 + PACKED_SLACK + 63) / 64 * 64);
    if (!data || !rows) exit(4);
    memset(rows, 0, m * k * 4 + PACKED_SLACK);
    kernels->pack(data, w, k, n, k);
    struct packed_run run = {
        .kernels = kernels,
        .w = {.data = data, .n = (uint32_t)n, .k = (uint32_t)k, .precision = precision},
        .block = block,
        .values = x,
        .rows = rows,
        .scales = scales};
    run.args = (struct packed_matmul){.y = y,
                                      .x = kernels->prepare ? (const void *)rows : x,
                                      .x_scale = scales,
                                      .x_scale_step = 1,
                                      .w = &run.w,
                                      .y_stride = n,
                                      .x_stride = k * kernels->element_bytes,
                                      .m = m,
                                      .n = n};
    double preparing = kernels->prepare && stride == k ? fastest(run_prepare, &run) : 0;
    run.args.x_stride = stride * kernels->element_bytes;
    double seconds = time_packed(&run);
    double gops = 2e-9 * (double)(m * n * k) / seconds;
    printf("%-11s %-4s %-26s %4zu x %5zu x %4zu %9.1f us %7.1f GOP/s", set->name,
           PRECISIONS[precision], PACKED_SHAPES[shape].what, m, n, k, 1e6 * seconds, gops);
    if (m <= KERNELS_FEW_ROWS)
        printf("  w at %.1f GB/s", 1e-9 * (double)bytes / seconds);
    else if (peak > 0)
        printf("  %.0f%% of peak", 100 * gops / peak);
    if (preparing > 0) printf(", rows in %.1f us", 1e6 * preparing);
    printf("\n");
    free(x), free(w), free(y), free(scales), free(data), free(rows);
}

static void print_packed(const struct kernels *set) {
    for (int p = 0; p < PRECISION_COUNT; p++) {
        double peak = peak_of(set->packed[p]);
        if (peak > 0) printf("%-11s %-4s peak %.1f GOP/s\n", set->name, PRECISIONS[p], peak);
        for (size_t i = 0; i < sizeof PACKED_SHAPES / sizeof *PACKED_SHAPES; i++)
            print_one_packed(set, (pst_precision)p, i, peak);
    }
}

/* --------------------------------------------------------------------------------------- rows */

struct row {
    const struct kernels *kernels;
    float *x, *y, *z; /* [n] each; x keeps its values between calls, near enough */
    size_t n;
    struct attend attend;
};

static volatile double row_sink;

static void run_copy(void *c) {
    struct row *r = c;
    memcpy(r->y, r->x, r->n * sizeof *r->x);
}
/* In-place kernels get fresh values each time; the copy is part of what is
 * measured (and printed). */
static void run_tanh(void *c) {
    struct row *r = c;
    run_copy(r);
    r->kernels->tanh(r->y, r->n);
}

static void run_asinh(void *c) {
    struct row *r = c;
    run_copy(r);
    r->kernels->asinh(r->y, r->n);
}
static void run_gelu(void *c) {
    struct row *r = c;
    run_copy(r);
    r->kernels->gelu(r->y, r->n);
}

static void run_silu(void *c) {
    struct row *r = c;
    run_copy(r);
    r->kernels->silu(r->y, r->n);
}
static void run_softmax(void *c) {
    struct row *r = c;
    run_copy(r);
    r->kernels->softmax(r->y, r->n);
}
static void run_silu_gate(void *c) {
    struct row *r = c;
    r->kernels->silu_gate(r->y, r->x, r->z, r->n);
}
static void run_log_softmax(void *c) {
    struct row *r = c;
    r->kernels->log_softmax(r->y, r->x, r->n);
}
static void run_layer_norm(void *c) {
    struct row *r = c;
    r->kernels->layer_norm(r->y, r->x, r->z, r->n, 1e-5f);
}
static void run_add(void *c) {
    struct row *r = c;
    r->kernels->add(r->y, r->x, r->n);
}
static void run_affine(void *c) {
    struct row *r = c;
    run_copy(r);
    r->kernels->affine(r->y, r->x, r->z, r->n);
}
static void run_sum(void *c) {
    struct row *r = c;
    row_sink = r->kernels->sum(r->x, r->n);
}
static void run_sum_squares(void *c) {
    struct row *r = c;
    row_sink = r->kernels->sum_squares(r->x, r->n, 0.1);
}
static void run_argmax(void *c) {
    struct row *r = c;
    row_sink = (double)r->kernels->argmax(r->x, r->n);
}
static void run_rotate(void *c) {
    struct row *r = c; /* one frame: 8 heads of 36, 16 pairs each */
    run_copy(r);
    r->kernels->rotate(r->y, 8, 36, r->x, r->z, 16);
}
static void run_attend(void *c) {
    struct row *r = c;
    r->kernels->attend(&r->attend);
}

static const struct {
    const char *what;
    size_t n;
    void (*run)(void *);
} ROWS[] = {
    {"copy (for comparison)", 288 * 64, run_copy},
    {"tanh", 288 * 64, run_tanh},
    {"asinh", 80 * 200, run_asinh},
    {"gelu", 1152 * 16, run_gelu},
    {"silu", 1152 * 16, run_silu},
    {"silu_gate", 1152, run_silu_gate},
    {"softmax", 415, run_softmax},
    {"log_softmax", 32768, run_log_softmax},
    {"layer_norm", 288, run_layer_norm},
    {"add", 288, run_add},
    {"affine", 288, run_affine},
    {"sum", 288 * 64, run_sum},
    {"sum_squares", 288 * 64, run_sum_squares},
    {"argmax", 32768, run_argmax},
    {"rotate", 288, run_rotate},
};

static void print_rows(const struct kernels *kernels) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        size_t n = ROWS[i].n;
        struct row r = {
            .kernels = kernels, .x = numbers(n), .y = numbers(n), .z = numbers(n), .n = n};
        double seconds = fastest(ROWS[i].run, &r);
        printf("%-9s %-22s n %5zu %9.3f us %7.3f ns a value\n", kernels->name, ROWS[i].what, n,
               1e6 * seconds, 1e9 * seconds / (double)n);
        free(r.x), free(r.y), free(r.z);
    }
    static const struct {
        size_t count, head_dim, stride;
    } HEADS[] = {{40, 36, 288}, {194, 36, 288}, {415, 36, 288}, {1300, 36, 288}, {415, 52, 416}};
    for (size_t i = 0; i < sizeof HEADS / sizeof *HEADS; i++) {
        size_t count = HEADS[i].count, dim = HEADS[i].head_dim, stride = HEADS[i].stride;
        struct row r = {.kernels = kernels,
                        .x = numbers(count * stride),
                        .y = numbers(count * stride),
                        .z = numbers(count + 2 * dim)};
        r.attend = (struct attend){.out = r.z,
                                   .q = r.z + dim,
                                   .k = r.x,
                                   .v = r.y,
                                   .scores = r.z + 2 * dim,
                                   .count = count,
                                   .stride = stride,
                                   .head_dim = dim,
                                   .scale = 0.1f};
        double seconds = fastest(run_attend, &r);
        printf("%-9s attend %4zu x %2zu of %3zu %11.3f us %7.1f GB/s\n", kernels->name, count, dim,
               stride, 1e6 * seconds, 8e-9 * (double)(count * dim) / seconds);
        free(r.x), free(r.y), free(r.z);
    }
}

int main(int argc, char **argv) {
    int packed_only = argc > 1 && !strcmp(argv[1], "--packed");
    int first = 1 + packed_only;
    if (!packed_only) print_memory_floor();
    const struct kernels *kernels;
    for (pst_cpu cpu = PST_CPU_AUTO; kernel_sets_next(&cpu, &kernels);) {
        int wanted = argc == first && cpu != PST_CPU_REFERENCE;
        for (int a = first; a < argc; a++) wanted |= !strcmp(argv[a], kernels->name);
        if (!wanted) continue;
        print_packed(kernels);
        if (packed_only) continue;
        print_matmul(kernels, peak_of(kernels->packed[PST_PRECISION_F32]));
        print_rows(kernels);
    }
    return 0;
}
