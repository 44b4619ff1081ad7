/* ane.c - examines a program for the Neural Engine.
 *
 * The idea to hold: Apple publishes no rules. These are limits that people met and wrote down; each
 * is given with where, and none of them is a promise that the rest will run there. */
#include "coreml/package/ane.h"

#include <math.h>
#include <string.h>

enum rule {
    RANK_REFUSED,
    RANK_FIVE,
    AXIS,
    OPEN,
    FLOAT32,
    LOOKUP,
    CONTROL,
    RECURRENT,
    STATE_WIDTH,
    MOVING_UPDATE,
    INFINITE,
    RULE_COUNT
};

static const struct {
    const char *rule, *source;
} rules[RULE_COUNT] = {
    [RANK_REFUSED] = {"rank above 5: Core ML has no such tensors",
                      "coremltools, mlmodel/format/MIL.proto and its converter"},
    [RANK_FIVE] = {"rank 5: the Neural Engine's compiler has refused such writes",
                   "FluidInference/FluidAudio issue 679"},
    [AXIS] = {"an axis over the limits (W, H, D 16384; C, N 65536)",
              "FluidInference/mobius, mel_encoder_ane_behavior.md"},
    [OPEN] = {"shapes that may vary: other than the default ones run elsewhere",
              "apple/coremltools issues 1764 and 2370"},
    [FLOAT32] = {"computes in float32, which is never done there",
                 "coremltools guide, Typed Execution"},
    [LOOKUP] = {"looks rows up (gather), which stays on the CPU",
                "apple/ml-ane-transformers README"},
    [CONTROL] = {"loops or branches: decided on the CPU at each turn",
                 "no source: by inference from Core ML's execution by segments"},
    [RECURRENT] = {"lstm: was seen on the CPU only", "FluidInference/FluidAudio ANE_Profiler.md"},
    [STATE_WIDTH] = {"a state whose last axis is not a multiple of 32",
                     "apple/coremltools issue 2631"},
    [MOVING_UPDATE] = {"slice_update at a place that is computed: can crash its compiler",
                       "apple/coreai-torch issue 6"},
    [INFINITE] = {"a constant with infinity, which sums turn into NaN in float16",
                  "apple/coremltools issues 2110 and 2728"},
};

struct examining {
    struct ane_report *report;
    size_t counts[RULE_COUNT];
    const char *first[RULE_COUNT];
};

static void note(struct examining *run, enum rule rule, const char *name) {
    if (run->counts[rule]++ == 0) run->first[rule] = name != NULL ? name : "";
}

/* Axes from the last: W, H, C, then depth or batch. */
static int is_over(const struct mil_type *type) {
    static const int64_t limits[] = {16384, 16384, 65536, 16384, 65536};
    for (uint32_t i = 0; i < type->rank && i < 5; i++) {
        int64_t limit = type->rank == 4 && i == 3 ? 65536 : limits[i];
        if (type->dims[type->rank - 1 - i] > limit) return 1;
    }
    return 0;
}

static void examine_value(struct examining *run, const struct mil_value *value) {
    if (value->type.rank > 5)
        note(run, RANK_REFUSED, value->name);
    else if (value->type.rank == 5)
        note(run, RANK_FIVE, value->name);
    if (is_over(&value->type)) note(run, AXIS, value->name);
    if (mil_has_unknown(&value->type)) note(run, OPEN, value->name);
}

static int has_infinity(const struct mil_value *value) {
    float numbers[MIL_FLOATS];
    for (size_t at = 0, some; (some = mil_floats(value, at, numbers)) != 0; at += some)
        for (size_t i = 0; i < some; i++)
            if (isinf(numbers[i])) return 1;
    return 0;
}

static void examine_block(struct examining *run, const struct mil_block *block);

static void examine_op(struct examining *run, const struct mil_op *op) {
    const char *name = op->output_count != 0 ? op->outputs[0]->name : op->type;
    const struct mil_value *begin = mil_op_value(op, "begin");
    run->report->operations++;
    if (strncmp(op->type, "constexpr_", 10) == 0) /* done when the program is loaded */
        return;
    for (size_t i = 0; i < op->output_count; i++) examine_value(run, op->outputs[i]);
    /* Casts to and from float32 are the borders of a float16 program. */
    if (op->output_count != 0 && op->outputs[0]->type.dtype == MIL_F32 &&
        strcmp(op->type, "cast") != 0)
        note(run, FLOAT32, name);
    if (strncmp(op->type, "gather", 6) == 0) note(run, LOOKUP, name);
    if (op->block_count != 0) note(run, CONTROL, name);
    if (strcmp(op->type, "lstm") == 0) note(run, RECURRENT, name);
    if (strcmp(op->type, "slice_update") == 0 && begin != NULL && begin->data == NULL)
        note(run, MOVING_UPDATE, name);
    for (size_t i = 0; i < op->block_count; i++) examine_block(run, op->blocks[i]);
}

static void examine_block(struct examining *run, const struct mil_block *block) {
    for (size_t i = 0; i < block->item_count; i++) {
        const struct mil_value *constant = block->items[i].constant;
        if (constant == NULL)
            examine_op(run, block->items[i].op);
        else if (has_infinity(constant))
            note(run, INFINITE, constant->name);
    }
}

void ane_examine(const struct mil_model *model, struct ane_report *report) {
    struct examining run = {.report = report};
    *report = (struct ane_report){0};
    for (size_t i = 0; i < model->function_count; i++) {
        const struct mil_function *function = model->functions[i];
        for (size_t v = 0; v < function->input_count; v++) {
            const struct mil_type *type = &function->inputs[v]->type;
            examine_value(&run, function->inputs[v]);
            if (type->state && type->rank != 0 && type->dims[type->rank - 1] % 32 != 0)
                note(&run, STATE_WIDTH, function->inputs[v]->name);
        }
        examine_block(&run, function->block);
    }
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (run.counts[i] != 0)
            report->findings[report->count++] =
                (struct ane_finding){rules[i].rule, rules[i].source, run.counts[i], run.first[i]};
}
