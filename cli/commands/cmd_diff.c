/* cmd_diff.c - how far two checkpoints are apart: the proof of what a merge did. */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "command_table.h"
#include "console.h"
#include "engine.h"
#include "json_text.h"
#include "locate.h"
#include "output.h"
#include "potstill_tools.h"

static int run(const void *values, char **operands, int operand_count);

enum format { FORMAT_TEXT, FORMAT_JSON };

struct values {
    struct engine_choice engine;
    int format;
};

static const struct values defaults = {0};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"format", 0, OPTION_CHOICE, "text|json", AT(format), "how it is written (default: text)"},
    {0},
};

const struct command command_diff = {
    .name = "diff",
    .synopsis = "A B",
    .summary = "how far two models are apart, tensor by tensor",
    .details = "Compares the weights of two models, given as folders or hub ids. For each tensor\n"
               "that differs: the Frobenius norm of B - A, the same relative to that of A, the\n"
               "rank of B - A as a matrix, and the largest difference; then a summary. A merged\n"
               "adapter shows as differences of its rank.\n"
               "\n"
               "A direction counts towards the rank when it is stronger than all that rounding\n"
               "to the stored types can cause.",
    .groups = {{"Options", options, 0}, {NULL, engine_model_options, AT(engine)}},
    .operands_min = 2,
    .operands_max = 2,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

struct listing {
    FILE *stream;
    json_t *tensors; /* NULL: text */
    int rows;
};

static void print_row(struct listing *listing, const pst_tensor_diff *diff) {
    if (listing->rows++ == 0)
        fprintf(listing->stream, "%-52s %12s %12s %6s %12s\n", "tensor", "norm", "relative", "rank",
                "largest");
    fprintf(listing->stream, "%-52s ", diff->name);
    if (!diff->shape_a)
        fprintf(listing->stream, "only in B: %s %s\n", diff->dtype_b, diff->shape_b);
    else if (!diff->shape_b)
        fprintf(listing->stream, "only in A: %s %s\n", diff->dtype_a, diff->shape_a);
    else if (!diff->values)
        fprintf(listing->stream, "%s in A, %s in B\n", diff->shape_a, diff->shape_b);
    else if (diff->rank < 0)
        fprintf(listing->stream, "%12.6g %12.6g %6s %12.6g\n", diff->norm, diff->relative, "-",
                diff->max_abs);
    else
        fprintf(listing->stream, "%12.6g %12.6g %6lld %12.6g\n", diff->norm, diff->relative,
                (long long)diff->rank, diff->max_abs);
}

static void set_text(json_t *object, const char *key, const char *text) {
    json_object_set_new(object, key, text ? json_text(text) : json_null());
}

/* A number, null where JSON has none. */
static void set_real(json_t *object, const char *key, double number) {
    json_t *real = json_real(number);
    json_object_set_new(object, key, real ? real : json_null());
}

static void append_row(struct listing *listing, const pst_tensor_diff *diff) {
    json_t *object = need(json_object());
    set_text(object, "tensor", diff->name);
    set_text(object, "dtype_a", diff->dtype_a);
    set_text(object, "dtype_b", diff->dtype_b);
    set_text(object, "shape_a", diff->shape_a);
    set_text(object, "shape_b", diff->shape_b);
    if (diff->values) {
        json_object_set_new(object, "values", json_integer((json_int_t)diff->values));
        json_object_set_new(object, "changed", json_integer((json_int_t)diff->changed));
        set_real(object, "norm", diff->norm);
        set_real(object, "relative", diff->relative);
        json_object_set_new(object, "rank",
                            diff->rank < 0 ? json_null() : json_integer(diff->rank));
        set_real(object, "max_abs", diff->max_abs);
    }
    json_array_append_new(listing->tensors, object);
}

static void list(void *user, const pst_tensor_diff *diff) {
    struct listing *listing = user;
    if (listing->tensors)
        append_row(listing, diff);
    else
        print_row(listing, diff);
}

static void print_summary(struct listing *listing, const pst_diff_summary *found) {
    if (listing->rows) fprintf(listing->stream, "\n");
    fprintf(listing->stream,
            "%u of %u tensors differ, %u only in A, %u only in B, %u of other shape; norm %.6g, "
            "relative %.6g, largest rank %lld\n",
            found->changed, found->tensors, found->only_a, found->only_b, found->reshaped,
            found->norm, found->relative, (long long)found->rank);
}

static void dump(struct listing *listing, char **names, const pst_diff_summary *found) {
    json_t *object = need(json_object());
    set_text(object, "a", names[0]);
    set_text(object, "b", names[1]);
    const struct {
        const char *name;
        uint32_t number;
    } numbers[] = {
        {"compared", found->tensors}, {"changed", found->changed},   {"only_a", found->only_a},
        {"only_b", found->only_b},    {"reshaped", found->reshaped},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(object, numbers[i].name, json_integer(numbers[i].number));
    set_real(object, "norm", found->norm);
    set_real(object, "relative", found->relative);
    json_object_set_new(object, "rank", json_integer(found->rank));
    json_object_set(object, "tensors", listing->tensors);
    json_print(listing->stream, object, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(object);
}

static int compare(const struct values *values, char **names, char **dirs) {
    pst_error err;
    pst_diff_summary summary;
    struct output output;
    int code = output_open(&output, NULL);
    if (code) return code;
    struct listing listing = {.stream = output.stream};
    if (values->format == FORMAT_JSON) listing.tensors = need(json_array());
    if (pst_diff(dirs[0], dirs[1], list, &listing, &summary, &err))
        code = fail(exit_code_of(&err), "%s", err.message);
    else if (listing.tensors)
        dump(&listing, names, &summary);
    else
        print_summary(&listing, &summary);
    json_decref(listing.tensors);
    int closed = output_close(&output, 1);
    return code ? code : closed;
}

static int run(const void *chosen, char **operands, int operand_count) {
    (void)operand_count;
    const struct values *values = chosen;
    char *dirs[2] = {NULL, NULL};
    int code = 0;
    for (int i = 0; i < 2 && !code; i++)
        code = engine_locate(&values->engine, operands[i], PST_FIND_CHECKPOINT, &dirs[i]);
    if (!code) code = compare(values, operands, dirs);
    for (int i = 0; i < 2; i++) pst_free(dirs[i]);
    return code;
}
