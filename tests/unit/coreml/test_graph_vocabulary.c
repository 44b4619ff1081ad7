/* test_graph_vocabulary.c - tables of tokens in parts: for sizes around those of a part and of a
 * block, embeddings are those of the table, scores are products with it, and the best token is the
 * first of those with the highest score. No axis is over what Neural Engines take. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coreml/check/check.h"
#include "coreml/graph/graph.h"
#include "coreml/interpret/interpret.h"
#include "model/config.h"
#include "model/weights.h"

enum { DIM = 8, AHEAD_MAX = 3, AXIS_MAX = 16384 };

static pst_error err;

static void must(pst_status status) {
    if (status) fail_msg("%s", err.message);
}

/* ------------------------------------------------------------------------------------ programs */

/* Tables with rows of small whole numbers, so that sums are exact in any order and in float16. */
struct tables {
    uint32_t vocab;
    int tied;
    float *values[2]; /* embedding, output: [vocab, DIM] */
    struct stored_module modules[2];
};

static int number_at(size_t i) {
    return (int)(i * 2654435761u >> 13 & 15) - 8;
}

static void make_tables(struct tables *tables, uint32_t vocab, int tied) {
    size_t count = (size_t)vocab * DIM;
    *tables = (struct tables){.vocab = vocab, .tied = tied};
    for (int t = 0; t < 2; t++) {
        tables->values[t] = malloc(count * sizeof(float));
        assert_non_null(tables->values[t]);
        for (size_t i = 0; i < count; i++)
            tables->values[t][i] = (float)number_at(tied ? i : i + 7u * (unsigned)t);
        tables->modules[t].weight = (struct stored){.form = STORED_FLOAT,
                                                    .dtype = MIL_F32,
                                                    .rows = vocab,
                                                    .columns = DIM,
                                                    .data = tables->values[t],
                                                    .bytes = count * sizeof(float)};
    }
}

static void free_tables(struct tables *tables) {
    free(tables->values[0]);
    free(tables->values[1]);
}

/* A function of tokens [1, ahead] to embeddings, and of x [1, DIM, 1, ahead] to scores; with ahead
 * 1 to the best token too. */
static struct mil_model *build(struct tables *tables, int32_t ahead, int32_t specification) {
    struct config config = {.vocab = tables->vocab, .dim = DIM};
    struct weights weights = {.embed_tokens.slot = 0, .proj_out.slot = tables->tied ? 0 : 1};
    struct stored_weights stored = {.modules = tables->modules, .count = 2};
    struct mil_model *model = mil_model_new();
    assert_non_null(model);
    struct graph g = {.model = model,
                      .dtype = MIL_F32,
                      .io = MIL_F32,
                      .specification = specification,
                      .config = &config,
                      .weights = &weights,
                      .stored = &stored,
                      .tied = tables->tied};
    struct graph_vocabulary vocabulary;
    graph_begin(&g, "main");
    struct mil_value *token = NULL, *score = NULL;
    struct mil_value *tokens = graph_input(&g, "tokens", MIL_I32, SHAPE(1, ahead), "tokens");
    struct mil_value *x = graph_input(&g, "x", MIL_F32, SHAPE(1, DIM, 1, ahead), "states");
    graph_vocabulary(&g, &vocabulary);
    graph_name(&g, "part");
    struct mil_value *embedded = graph_embed(&g, &vocabulary, tokens);
    struct mil_value *scores = graph_scores(&g, &vocabulary, x);
    if (ahead == 1) {
        graph_name(&g, "best");
        graph_best(&g, &vocabulary, x, &token, &score);
    }
    graph_output(&g, "embedded", embedded, "embeddings");
    graph_output(&g, "scores", scores, "scores");
    graph_output(&g, "token", token, "best");
    graph_output(&g, "score", score, "its score");
    graph_end(&g, 0);
    must(mil_model_check(model, &err));
    return model;
}

static void expect_short_axes(const struct mil_model *model) {
    const struct mil_block *block = model->functions[0]->block;
    for (size_t i = 0; i < block->item_count; i++) {
        const struct mil_op *op = block->items[i].op;
        for (size_t o = 0; op && o < op->output_count; o++) {
            if (strcmp(op->outputs[o]->name, "scores") == 0) continue; /* for the app */
            for (uint32_t d = 0; d < op->outputs[o]->type.rank; d++)
                assert_true(op->outputs[o]->type.dims[d] <= AXIS_MAX);
        }
    }
}

/* ------------------------------------------------------------------------------------- results */

static const struct mil_tensor *output_of(const struct mil_model *model,
                                          const struct mil_tensor *outputs, const char *name) {
    const struct mil_block *block = model->functions[0]->block;
    for (size_t i = 0; i < block->output_count; i++)
        if (strcmp(block->outputs[i]->name, name) == 0) return &outputs[i];
    return NULL;
}

static void expect_embeddings(const struct tables *tables, const struct mil_tensor *found,
                              const int32_t *tokens, int32_t ahead) {
    for (int32_t i = 0; i < ahead; i++)
        for (size_t d = 0; d < DIM; d++)
            assert_true(found->f[d * (size_t)ahead + (size_t)i] ==
                        tables->values[0][(size_t)tokens[i] * DIM + d]);
}

/* Sets `best` to the first token with the highest score, of ahead 1. */
static void expect_scores(const struct tables *tables, const struct mil_tensor *found,
                          const float *x, int32_t ahead, int32_t *best) {
    float highest = -INFINITY;
    assert_int_equal(mil_elements(&found->type), (size_t)tables->vocab * (size_t)ahead);
    for (int32_t i = 0; i < ahead; i++)
        for (size_t t = 0; t < tables->vocab; t++) {
            float sum = 0;
            for (size_t d = 0; d < DIM; d++)
                sum += tables->values[tables->tied ? 0 : 1][t * DIM + d] *
                       x[d * (size_t)ahead + (size_t)i];
            assert_true(found->f[(size_t)i * tables->vocab + t] == sum);
            if (sum > highest) *best = (int32_t)t;
            if (sum > highest) highest = sum;
        }
}

static void try_tokens(const struct tables *tables, const struct mil_model *model, int32_t ahead) {
    struct mil_machine *machine;
    struct mil_tensor outputs[4];
    float x[DIM * AHEAD_MAX];
    int32_t tokens[AHEAD_MAX], last = (int32_t)tables->vocab - 1, best = -1;
    const int32_t edges[] = {0, last, AXIS_MAX - 1, AXIS_MAX, 2 * AXIS_MAX - 1, 2 * AXIS_MAX, 2047};
    must(mil_machine_new(&machine, model, "main", MIL_ROUND_NONE, 1, &err));
    for (size_t run = 0; run < sizeof edges / sizeof *edges; run++) {
        for (size_t i = 0; i < AHEAD_MAX; i++) {
            tokens[i] = edges[(run + i) % (sizeof edges / sizeof *edges)];
            if (tokens[i] > last) tokens[i] = last;
        }
        for (size_t i = 0; i < DIM * AHEAD_MAX; i++) x[i] = (float)number_at(run * 100 + i);
        const struct mil_function *function = model->functions[0];
        const struct mil_tensor inputs[] = {
            {.name = "tokens", .type = function->inputs[0]->type, .i = tokens},
            {.name = "x", .type = function->inputs[1]->type, .f = x}};
        must(mil_machine_run(machine, inputs, 2, outputs, function->block->output_count, &err));
        expect_embeddings(tables, output_of(model, outputs, "embedded"), tokens, ahead);
        const struct mil_tensor *scores = output_of(model, outputs, "scores");
        expect_scores(tables, scores, x, ahead, &best);
        if (ahead > 1) continue;
        assert_int_equal(output_of(model, outputs, "token")->i[0], best);
        assert_true(output_of(model, outputs, "score")->f[0] == scores->f[best]);
    }
    mil_machine_free(machine);
}

static void parts_are_the_table(void **state) {
    (void)state;
    static const uint32_t SIZES[] = {1, 300, 2048, 2049, 5000, 16384, 16385, 18433, 32768, 33000};
    static const int32_t SYSTEMS[] = {GRAPH_IOS15, GRAPH_IOS16, GRAPH_IOS18};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
        for (int32_t ahead = 1; ahead <= AHEAD_MAX; ahead += 2) {
            struct tables tables;
            make_tables(&tables, SIZES[i], i % 3 != 1);
            struct mil_model *model = build(&tables, ahead, SYSTEMS[i % 3]);
            expect_short_axes(model);
            try_tokens(&tables, model, ahead);
            mil_model_free(model);
            free_tables(&tables);
        }
}

/* Where several have the highest score, in one block, in two, in two parts; and where one is not a
 * number. */
static void ties_and_no_numbers(void **state) {
    (void)state;
    static const struct {
        size_t first, second;
    } TIES[] = {{0, 32999}, {16383, 16384}, {5, 7}, {2047, 2048}, {20000, 32768}, {32768, 32999}};
    struct tables tables;
    float x[DIM] = {1};
    int32_t token = 0;
    make_tables(&tables, 33000, 1);
    struct mil_model *model = build(&tables, 1, GRAPH_IOS16);
    const struct mil_function *function = model->functions[0];
    const struct mil_tensor inputs[] = {
        {.name = "tokens", .type = function->inputs[0]->type, .i = &token},
        {.name = "x", .type = function->inputs[1]->type, .f = x}};
    for (size_t i = 0; i <= sizeof TIES / sizeof *TIES; i++) {
        struct mil_machine *machine;
        struct mil_tensor outputs[4];
        int numbers = i < sizeof TIES / sizeof *TIES;
        float *first = tables.values[0] + (numbers ? TIES[i].first : 777) * DIM;
        float *second = tables.values[0] + (numbers ? TIES[i].second : 777) * DIM;
        float before[] = {*first, *second};
        *first = *second = numbers ? 100 : NAN;
        must(mil_machine_new(&machine, model, "main", MIL_ROUND_NONE, 1, &err));
        must(mil_machine_run(machine, inputs, 2, outputs, 4, &err));
        const struct mil_tensor *found = output_of(model, outputs, "token");
        const struct mil_tensor *score = output_of(model, outputs, "score");
        assert_int_equal(found->i[0], numbers ? (int32_t)TIES[i].first : 33000);
        assert_true(numbers ? score->f[0] == 100 : isnan(score->f[0]));
        mil_machine_free(machine);
        *first = before[0];
        *second = before[1];
    }
    mil_model_free(model);
    free_tables(&tables);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_the_table),
        cmocka_unit_test(ties_and_no_numbers),
    };
    return cmocka_run_group_tests_name("graph vocabulary", tests, NULL, NULL);
}
