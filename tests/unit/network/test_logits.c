/* test_logits.c - the search of logits in two stages against a search of them all: the same token,
 * logit and margin to the bit on matrices made to mislead it, and honest surrender where it cannot
 * know. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "network/logits.h"
#include "network/workspace_layout.h"
#include "support/kernel_sets.h"

enum { VOCAB = 2600, DIM = 36, THREADS = 3 };

static pst_error err;
static uint64_t state_of_random = 0x9E3779B97F4A7C15u;

static float random_float(void) {
    state_of_random ^= state_of_random >> 12;
    state_of_random ^= state_of_random << 25;
    state_of_random ^= state_of_random >> 27;
    return (float)(int32_t)((state_of_random * 2685821657736338717u) >> 32) * 0x1p-31f;
}

static size_t random_below(size_t limit) {
    return (size_t)((random_float() * 0.5f + 0.5f) * 0.999999f * (float)limit);
}

/* As much of a model and a workspace as a row of logits needs. */
struct fixture {
    struct pst_model model;
    struct network network;
    struct module module; /* of every layer: none has a file behind it */
    struct workspace ws;
    struct arena arena;
    float weight[VOCAB * DIM];
};

static void fixture_open(struct fixture *fixture, const struct kernels *kernels) {
    *fixture = (struct fixture){0};
    pthread_mutex_init(&fixture->network.lock, NULL);
    struct config *config = &fixture->model.config;
    config->dim = config->encoder_ffn = config->decoder_ffn = DIM;
    config->heads = 1;
    config->head_dim = config->width = DIM;
    config->rotary_dim = 2;
    config->rotary_pairs = 1;
    config->vocab = VOCAB;
    fixture->network.kernels = kernels;
    fixture->model.weights.modules = &fixture->module;
    fixture->model.weights.module_count = 1;
    fixture->model.weights.proj_out =
        (struct linear){.weight = fixture->weight, .out = VOCAB, .in = DIM};
    struct workspace *ws = &fixture->ws;
    *ws = (struct workspace){
        .model = &fixture->model, .network = &fixture->network, .kernels = kernels};
    assert_int_equal(thread_pool_new(&ws->pool, THREADS, &err), PST_OK);
    struct extent extent = {.frames1 = 20, .frames2 = 10, .frames = 4, .beams = 5, .tokens = 4};
    struct arena counter = {0};
    workspace_lay_out(ws, &counter, &extent);
    assert_true(arena_allocate(&fixture->arena, counter.used));
    workspace_lay_out(ws, &fixture->arena, &extent);
    ws->extent = extent;
}

static void fixture_close(struct fixture *fixture) {
    pthread_mutex_destroy(&fixture->network.lock);
    thread_pool_free(fixture->ws.pool);
    arena_free(&fixture->arena);
}

/* What a search of all logits finds. */
static struct logits_best search_all(struct workspace *ws) {
    struct logits_best best;
    logits_compute(ws, 1);
    best.token = ws->kernels->argmax(ws->logits.all, VOCAB);
    best.logit = ws->logits.all[best.token];
    ws->logits.all[best.token] = -INFINITY;
    best.margin = best.logit - ws->logits.all[ws->kernels->argmax(ws->logits.all, VOCAB)];
    return best;
}

/* Returns whether the search in two stages knew; if it did, it was right. */
static int agrees(struct fixture *fixture) {
    struct workspace *ws = &fixture->ws;
    struct logits_best found = {0}, want;
    assert_int_equal(network_prepare(&fixture->network, &fixture->model, &err), PST_OK);
    ws->logits.searched = 0; /* of another row */
    int knew = logits_search(ws, 1, 0, &found);
    if (knew) {
        want = search_all(ws);
        assert_int_equal(found.token, want.token);
        assert_memory_equal(&found.logit, &want.logit, sizeof found.logit);
        assert_memory_equal(&found.margin, &want.margin, sizeof found.margin);
    }
    pack_close(&fixture->network.pack);
    return knew;
}

static float *row_of(struct fixture *fixture, size_t token) {
    return fixture->weight + token * DIM;
}

static void fill(struct fixture *fixture, float range) {
    for (size_t i = 0; i < VOCAB * DIM; i++) fixture->weight[i] = range * random_float();
    for (size_t i = 0; i < DIM; i++) fixture->ws.step.normed[i] = 3 * random_float();
}

/* Makes `token` a likely winner: a part of x itself. */
static void favour(struct fixture *fixture, size_t token, float part) {
    for (size_t i = 0; i < DIM; i++) row_of(fixture, token)[i] = part * fixture->ws.step.normed[i];
}

static void random_matrices(struct fixture *fixture) {
    int known = 0;
    for (int i = 0; i < 60; i++) {
        fill(fixture, i % 2 ? 1.0f : 1e-3f);
        if (i % 3) favour(fixture, random_below(VOCAB), 0.3f);
        known += agrees(fixture);
    }
    assert_true(known > 50);
}

/* Equal rows, rows a last bit apart, and a second place as contested as the first. */
static void ties(struct fixture *fixture) {
    int known = 0;
    for (int i = 0; i < 60; i++) {
        fill(fixture, 0.1f);
        size_t likely = random_below(VOCAB), tied = 1 + random_below(40);
        favour(fixture, likely, 0.7f);
        for (size_t j = 0; j < tied; j++) {
            float *row = row_of(fixture, random_below(VOCAB));
            memcpy(row, row_of(fixture, likely), DIM * sizeof *row);
            if (i % 3 == 1) row[random_below(DIM)] *= 1 + 0x1p-23f * random_float() * 8;
            if (i % 3 == 2) row[random_below(DIM)] *= 0.99f + 0.01f * random_float();
        }
        known += agrees(fixture);
    }
    assert_int_equal(known, 60);
}

/* One value that swallows the others of its row, in the matrix and in x: int8 keeps next to
 * nothing. */
static void outliers(struct fixture *fixture) {
    int known = 0;
    for (int i = 0; i < 60; i++) {
        fill(fixture, 1);
        for (size_t token = 0; token < VOCAB; token++)
            row_of(fixture, token)[random_below(DIM)] *= i % 2 ? 30.0f : 1e4f;
        fixture->ws.step.normed[random_below(DIM)] *= 1e3f;
        favour(fixture, random_below(VOCAB), 1e2f);
        known += agrees(fixture);
    }
    assert_true(known > 20);
}

/* Rows of nothing, of numbers at the ends of what float32 has, and negative logits everywhere. */
static void extremes(struct fixture *fixture) {
    static const float RANGES[] = {1e-38f, 1e-30f, 1e-20f, 1e20f};
    for (int i = 0; i < 40; i++) {
        fill(fixture, 1);
        for (size_t token = 0; token < VOCAB; token += 1 + random_below(3)) {
            float range = random_below(2) ? 0 : RANGES[random_below(i % 2 ? 4 : 3)];
            for (size_t l = 0; l < DIM; l++) row_of(fixture, token)[l] *= range;
        }
        agrees(fixture);
    }
    fill(fixture, 1);
    for (size_t token = 0; token < VOCAB; token++)
        favour(fixture, token, -1 - 1e-3f * (float)random_below(1000));
    agrees(fixture);
    memset(fixture->weight, 0, sizeof fixture->weight);
    assert_false(agrees(fixture)); /* all are candidates */
}

static void surrenders(struct fixture *fixture) {
    fill(fixture, 1);
    fixture->ws.step.normed[3] = NAN;
    assert_false(agrees(fixture));
    fixture->ws.step.normed[3] = INFINITY;
    assert_false(agrees(fixture));
    memset(fixture->ws.step.normed, 0, DIM * sizeof *fixture->ws.step.normed);
    assert_false(agrees(fixture));
    static const float BROKEN[] = {NAN, INFINITY, -INFINITY, 3e38f};
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        fill(fixture, 1);
        row_of(fixture, random_below(VOCAB))[random_below(DIM)] = BROKEN[i];
        assert_false(agrees(fixture));
    }
    fill(fixture, 1); /* three hundred within a last bit */
    favour(fixture, 100, 1);
    for (size_t token = 101; token < 400; token++)
        memcpy(row_of(fixture, token), row_of(fixture, 100), DIM * sizeof(float));
    assert_false(agrees(fixture));
    struct logits_best best = {7, 8, 9};
    assert_false(logits_search(&fixture->ws, 1, 0, &best)); /* nothing is packed here */
    assert_int_equal(best.token, 7);
}

/* Beams see near enough the same logits below float32, whatever rows stand beside them. */
static void approximate_rows(struct fixture *fixture) {
    struct workspace *ws = &fixture->ws;
    enum { ROWS = 5 };
    static float alone[VOCAB], exact[VOCAB];
    fill(fixture, 1);
    for (size_t i = 0; i < ROWS * DIM; i++) ws->step.normed[i] = 3 * random_float();
    assert_int_equal(network_prepare(&fixture->network, &fixture->model, &err), PST_OK);
    logits_compute(ws, 1);
    memcpy(exact, ws->logits.all, sizeof exact);
    fixture->network.precision = PST_PRECISION_INT8;
    logits_compute(ws, 1);
    memcpy(alone, ws->logits.all, sizeof alone);
    logits_compute(ws, ROWS);
    assert_memory_equal(alone, ws->logits.all, sizeof alone);
    double size = 0, largest = 0;
    for (size_t i = 0; i < DIM; i++) {
        size += ws->step.normed[i] * ws->step.normed[i];
        largest = fmax(largest, fabs(ws->step.normed[i]));
    }
    for (size_t token = 0; token < VOCAB; token++) {
        double bound = sqrt(size) * fixture->network.pack.output_error[token];
        for (size_t i = 0; i < DIM; i++) /* of half a step of x each */
            bound += largest / 254 * 1.02 * fabs(row_of(fixture, token)[i]);
        assert_true(fabs((double)alone[token] - exact[token]) <= bound);
    }
    fixture->network.precision = PST_PRECISION_F32;
    pack_close(&fixture->network.pack);
}

/* On every set this CPU has. */
static void run_all(void (*check)(struct fixture *fixture)) {
    static struct fixture fixture;
    const struct kernels *kernels;
    for (pst_cpu cpu = PST_CPU_AUTO; kernel_sets_next(&cpu, &kernels);) {
        fixture_open(&fixture, kernels);
        check(&fixture);
        fixture_close(&fixture);
    }
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state) {                                                        \
        (void)state;                                                                               \
        run_all(name);                                                                             \
    }
TEST(random_matrices)
TEST(ties)
TEST(outliers)
TEST(extremes)
TEST(surrenders)
TEST(approximate_rows)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_matrices), cmocka_unit_test(test_ties),
        cmocka_unit_test(test_outliers),        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_surrenders),      cmocka_unit_test(test_approximate_rows),
    };
    return cmocka_run_group_tests_name("logits", tests, NULL, NULL);
}
