/* kernel_check.h - what the kernel tests share: numbers that end at an unmapped page, a generator
 * with a printed seed, and one test a kernel and set. To be included first.
 *
 * A buffer is taken from a region between two unmapped pages, and touches one of them: the one
 * after its end, or (every other time, at random) the one before its start. So reading or writing
 * one float too many ends the test, even where the value would have been right; and starts have any
 * alignment. On the other side stand canaries. */
#ifndef PST_TESTS_KERNEL_CHECK_H
#define PST_TESTS_KERNEL_CHECK_H

#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels/kernels.h"
#include "support/kernel_sets.h"

/* Half the distance from 1 to the next float: the relative error of one rounding. */
#define ROUNDING 0x1p-24

/* ----------------------------------------------------------------------------------- generator */

static uint64_t check_state; /* xorshift64*, never 0 */

static inline uint64_t check_random(void) {
    check_state ^= check_state >> 12;
    check_state ^= check_state << 25;
    check_state ^= check_state >> 27;
    return check_state * 2685821657736338717u;
}

/* 0 to limit - 1. */
static inline size_t check_below(size_t limit) {
    return (size_t)(check_random() >> 33) % limit;
}

/* -1 to 1. */
static inline float check_float(void) {
    return (float)(int32_t)(check_random() >> 32) * 0x1p-31f;
}

/* ------------------------------------------------------------------------------------- buffers */

enum { CHECK_REGIONS = 8, CHECK_REGION_BYTES = 16 << 20, CHECK_CANARIES = 64 };

struct check_buffer {
    float *data;
    size_t count, before, after; /* canaries */
};

static struct { char *low, *high; /* edges of the unmapped pages */ } check_regions[CHECK_REGIONS];

static inline float check_canary(void) {
    const uint32_t bits = 0x7FC0BEEF; /* a NaN that no operation makes */
    float canary;
    memcpy(&canary, &bits, sizeof canary);
    return canary;
}

static inline int check_is_canary(float value) {
    const float canary = check_canary();
    return memcmp(&value, &canary, sizeof value) == 0;
}

static inline void check_map_regions(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < CHECK_REGIONS; i++) {
        char *map = mmap(NULL, CHECK_REGION_BYTES + 2 * page, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED ||
            mprotect(map + page, CHECK_REGION_BYTES, PROT_READ | PROT_WRITE) != 0) {
            perror("mmap");
            exit(1);
        }
        check_regions[i].low = map + page;
        check_regions[i].high = map + page + CHECK_REGION_BYTES;
    }
}

/* `count` canaries in a region, which holds nothing else until it is taken again. */
static inline struct check_buffer check_take(size_t region, size_t count) {
    assert_true(count * sizeof(float) + CHECK_CANARIES * sizeof(float) <= CHECK_REGION_BYTES);
    struct check_buffer b = {.count = count};
    if (check_below(2)) {
        b.data = (float *)(void *)check_regions[region].high - count;
        b.before = CHECK_CANARIES;
    } else {
        b.data = (float *)(void *)check_regions[region].low;
        b.after = CHECK_CANARIES;
    }
    for (size_t i = 0; i < b.before + count + b.after; i++) (b.data - b.before)[i] = check_canary();
    return b;
}

/* The same, filled with numbers from -range to range. */
static inline float *check_numbers(size_t region, size_t count, float range) {
    struct check_buffer b = check_take(region, count);
    for (size_t i = 0; i < count; i++) b.data[i] = range * check_float();
    return b.data;
}

/* Nothing was written outside. */
static inline void check_surroundings(const struct check_buffer *b) {
    for (size_t i = 0; i < b->before; i++)
        if (!check_is_canary(*(b->data - 1 - i))) fail_msg("wrote %zu before the start", i + 1);
    for (size_t i = 0; i < b->after; i++)
        if (!check_is_canary(b->data[b->count + i])) fail_msg("wrote %zu past the end", i + 1);
}

/* |got - want| <= bound; the message says where. NaN is never near anything but NaN. */
#define check_near(got, want, bound, ...)                                                          \
    do {                                                                                           \
        double got_ = (got), want_ = (want), bound_ = (bound);                                     \
        if (isnan(want_) ? !isnan(got_) : got_ != want_ && !(fabs(got_ - want_) <= bound_)) {      \
            char where_[200];                                                                      \
            snprintf(where_, sizeof where_, __VA_ARGS__);                                          \
            fail_msg("%s: got %.9g, want %.9g, off by %.3g, bound %.3g", where_, got_, want_,      \
                     got_ - want_, bound_);                                                        \
        }                                                                                          \
    } while (0)

/* ---------------------------------------------------------------------------------------- main */

struct check {
    const char *name;
    CMUnitTestFunction run; /* *state is the const struct kernels * */
};

/* Runs every check on every set of kernels this CPU has. */
static inline int check_main(const char *group, const struct check *checks, size_t count) {
    enum { TESTS_MAX = 32 * 16 };
    static struct CMUnitTest tests[TESTS_MAX];
    static char names[TESTS_MAX][64];
    size_t tests_count = 0;

    const char *seed = getenv("POTSTILL_SEED");
    check_state = seed ? strtoull(seed, NULL, 0) : 1;
    printf("POTSTILL_SEED=%llu\n", (unsigned long long)check_state);
    check_state = check_state * 0x9E3779B97F4A7C15u | 1; /* small seeds start far apart */
    check_map_regions();

    const struct kernels *kernels;
    for (pst_cpu cpu = PST_CPU_AUTO; kernel_sets_next(&cpu, &kernels);) {
        for (size_t c = 0; c < count; c++, tests_count++) {
            if (tests_count == TESTS_MAX) abort();
            snprintf(names[tests_count], sizeof *names, "%s %s", kernels->name, checks[c].name);
            tests[tests_count] = (struct CMUnitTest){
                .name = names[tests_count],
                .test_func = checks[c].run,
                .initial_state = (void *)(uintptr_t)kernels,
            };
        }
    }
    return _cmocka_run_group_tests(group, tests, tests_count, NULL, NULL);
}

#endif
