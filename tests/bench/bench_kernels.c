/* bench_kernels.c - how fast each kernel of each set is, at the shapes of the model, and how fast this
 * machine would let it be.
 *
 *     bench_kernels [set ...]        sets: reference avx2 avx512 neon; default: all but the reference
 *
 * The floors come first: fused multiply-adds a second from registers, and bytes a second read from a
 * buffer larger than the caches of a core. Every figure is the fastest of several runs, single thread:
 * a busy machine can only make a run slower. Not a test: it has no opinion. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

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

enum {
    FMA_ROUNDS = 100000,
    FMA_CHAINS = 12
}; /* 12 chains cover 4 cycles x 2 units, and then some */
static volatile float fma_sink;

#if defined(__x86_64__)
#define FMA_LOOP(name, isa, vector, set1, fmadd, lanes)                                            \
    __attribute__((target(isa))) static void name(void *unused) {                                  \
        (void)unused;                                                                              \
        vector sum[FMA_CHAINS], a = set1(0.999f), b = set1(0.001f);                                \
        for (int c = 0; c < FMA_CHAINS; c++) sum[c] = set1((float)c);                              \
        for (int i = 0; i < FMA_ROUNDS; i++)                                                       \
            for (int c = 0; c < FMA_CHAINS; c++) sum[c] = fmadd(sum[c], a, b);                     \
        for (int c = 1; c < FMA_CHAINS; c++) sum[0] += sum[c];                                     \
        float out[lanes];                                                                          \
        memcpy(out, &sum[0], sizeof out);                                                          \
        fma_sink = out[0];                                                                         \
    }
FMA_LOOP(fma_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, 8)
FMA_LOOP(fma_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, 16)
#elif defined(__aarch64__)
static void fma_neon(void *unused) {
    (void)unused;
    float32x4_t sum[FMA_CHAINS], a = vdupq_n_f32(0.999f), b = vdupq_n_f32(0.001f);
    for (int c = 0; c < FMA_CHAINS; c++) sum[c] = vdupq_n_f32((float)c);
    for (int i = 0; i < FMA_ROUNDS; i++)
        for (int c = 0; c < FMA_CHAINS; c++) sum[c] = vfmaq_f32(b, sum[c], a);
    for (int c = 1; c < FMA_CHAINS; c++) sum[0] = vaddq_f32(sum[0], sum[c]);
    fma_sink = vgetq_lane_f32(sum[0], 0);
}
#endif

/* The fastest this CPU multiplies and adds from registers, in GFLOP/s; 0 when not known. */
static double peak_of(const char *set) {
    (void)set;
#if defined(__x86_64__)
    if (!strcmp(set, "avx512")) return 2e-9 * 16 * FMA_CHAINS * FMA_ROUNDS / fastest(fma_avx512, 0);
    if (!strcmp(set, "avx2")) return 2e-9 * 8 * FMA_CHAINS * FMA_ROUNDS / fastest(fma_avx2, 0);
#elif defined(__aarch64__)
    if (!strcmp(set, "neon")) return 2e-9 * 4 * FMA_CHAINS * FMA_ROUNDS / fastest(fma_neon, 0);
#endif
    return 0;
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

/* Small matrices are tried in turn out of 40 MiB, as the decoder meets them: never twice in a row. */
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
/* In-place kernels get fresh values each time; the copy is part of what is measured (and printed). */
static void run_tanh(void *c) {
    struct row *r = c;
    run_copy(r);
    r->kernels->tanh(r->y, r->n);
}
static void run_gelu(void *c) {
    struct row *r = c;
    run_copy(r);
    r->kernels->gelu(r->y, r->n);
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
    {"gelu", 1152 * 16, run_gelu},
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
    static const struct {
        const char *name;
        pst_cpu cpu;
    } SETS[] = {{"reference", PST_CPU_REFERENCE},
                {"neon", PST_CPU_NEON},
                {"avx2", PST_CPU_AVX2},
                {"avx512", PST_CPU_AVX512}};
    print_memory_floor();
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++) {
        int wanted = argc == 1 && SETS[i].cpu != PST_CPU_REFERENCE;
        for (int a = 1; a < argc; a++) wanted |= !strcmp(argv[a], SETS[i].name);
        const struct kernels *kernels;
        if (!wanted || kernels_get(&kernels, SETS[i].cpu, NULL) != PST_OK) continue;
        double peak = peak_of(SETS[i].name);
        if (peak > 0) printf("%-9s peak %.1f GFLOP/s\n", SETS[i].name, peak);
        print_matmul(kernels, peak);
        print_rows(kernels);
    }
    return 0;
}
