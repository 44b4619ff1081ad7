/* test_package_damage.c - a sound package passes the structure check; each damaged one fails for
 * the reason that it was damaged by. */
#include "support/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file_view.h"
#include "coreml/package/package.h"
#include "potstill_tools.h"
#include "support/package_sample.h"
#include "support/scratch.h"

enum kind {
    DROP,      /* the argument `which` of the operation that gives `target` */
    ADD,       /* an argument of that name */
    DIMENSION, /* of the value `target`, axis `at`, becomes `number` */
    RANK,      /* of the value `target` */
    DTYPE,     /* of the value `target` */
    NUMBER,    /* element `at` of the constant `target`, of 32 bits */
    TEXT,      /* the constant text `target` */
    ATTRIBUTE, /* the attribute `which` of `target`: element `at`, of 32 bits */
    RETYPE,    /* the operation that gives `target` is one of type `which` */
    RENAME,    /* the value `target` */
    REMOVE,    /* what defines `target` */
    LAST,      /* what defines `target` moves to the end */
    CYCLE,     /* the operation that gives `target` takes its own result */
    INPUTS,    /* attributes of `target` become inputs */
    OUTPUTS,   /* of the block: `number` of them */
    MORE,      /* the operation that gives `target` gives another value */
    SPEC,      /* the specification version */
    OPSET,     /* the function's */
    FUNCTION,  /* the function's name */
    FEATURE,   /* `target` (x, y) is described as `which` */
    SHAPE,     /* the described shape of `target` */
    ARRAY,     /* the described type of `target` */
    LISTED,    /* how many of `target` (x, y) are described */
    BOUNDS,    /* the described input has a range `at` to `number` on axis 0 */
    MANIFEST,  /* `target` in the manifest becomes `which` */
    WEIGHTS,   /* byte `at` of the weight file is changed by adding `number` */
    PROGRAM,   /* the same of the program file */
    CUT,       /* the file `target` has `number` bytes left */
    GONE       /* the file `target` is not there */
};

struct damage {
    enum kind kind;
    const char *target, *which;
    int at, number;
    const char *reason; /* part of one finding */
};

#define MISSING(target, which)                                                                     \
    { DROP, target, which, 0, 0, which " is missing" }
#define WRONG_SIZE(target, at)                                                                     \
    { DIMENSION, target, NULL, at, 5, "what it gives is" }

static const struct damage damages[] = {
    /* parameters */
    MISSING("x_half", "x"),
    MISSING("x_half", "dtype"),
    MISSING("conv", "x"),
    MISSING("conv", "weight"),
    MISSING("conv", "strides"),
    MISSING("conv", "pad_type"),
    MISSING("conv", "pad"),
    MISSING("conv", "dilations"),
    MISSING("conv", "groups"),
    MISSING("norm", "x"),
    MISSING("norm", "axes"),
    MISSING("norm", "epsilon"),
    MISSING("linear", "x"),
    MISSING("linear", "weight"),
    MISSING("linear", "bias"),
    MISSING("linear_weight", "quantized_data"),
    MISSING("linear_weight", "zero_point"),
    MISSING("linear_weight", "scale"),
    MISSING("linear_weight", "axis"),
    MISSING("y", "dtype"),
    {ADD, "conv", "bias_too", 0, 0, "no parameter bias_too"},
    {ADD, "norm", "mode", 0, 0, "no parameter mode"},
    {INPUTS, "linear_weight", NULL, 0, 0, "expected an attribute"},
    /* shapes and types of results */
    WRONG_SIZE("x_half", 1),
    WRONG_SIZE("conv", 0),
    WRONG_SIZE("conv", 1),
    WRONG_SIZE("conv", 2),
    WRONG_SIZE("norm", 1),
    WRONG_SIZE("linear", 0),
    WRONG_SIZE("linear", 1),
    WRONG_SIZE("linear", 2),
    WRONG_SIZE("linear_weight", 0),
    WRONG_SIZE("linear_weight", 1),
    WRONG_SIZE("y", 2),
    {RANK, "conv", NULL, 0, 2, "what it gives is"},
    {RANK, "norm", NULL, 0, 4, "what it gives is"},
    {RANK, "linear", NULL, 0, 8, "expected at most 5"},
    {DTYPE, "x_half", NULL, 0, MIL_F32, "what it gives is"},
    {DTYPE, "conv", NULL, 0, MIL_F32, "what it gives is"},
    {DTYPE, "norm", NULL, 0, MIL_I32, "what it gives is"},
    {DTYPE, "linear", NULL, 0, MIL_F32, "what it gives is"},
    {DTYPE, "linear_weight", NULL, 0, MIL_F32, "what it gives is"},
    {DTYPE, "y", NULL, 0, MIL_F16, "what it gives is"},
    {DTYPE, "y", NULL, 0, 99, "unknown data type 99"},
    /* types of parameters */
    {DTYPE, "conv_strides", NULL, 0, MIL_F32, "strides is fp32, expected an integer"},
    {DTYPE, "conv_pad", NULL, 0, MIL_F32, "pad is fp32, expected an integer"},
    {DTYPE, "conv_dilations", NULL, 0, MIL_U32, "dilations is uint32, expected an integer"},
    {DTYPE, "conv_groups", NULL, 0, MIL_F32, "groups is fp32, expected an integer"},
    {DTYPE, "conv_weight", NULL, 0, MIL_I16, "weight is int16, expected a float"},
    {DTYPE, "conv_bias", NULL, 0, MIL_U16, "bias is uint16, expected a float"},
    {DTYPE, "norm_axes", NULL, 0, MIL_F32, "axes is fp32, expected an integer"},
    {DTYPE, "norm_epsilon", NULL, 0, MIL_I16, "epsilon is int16, expected a float"},
    {RANK, "conv_groups", NULL, 0, 1, "its type needs"},
    {DIMENSION, "conv_weight", NULL, 1, 5, "constant conv_weight has"},
    {DIMENSION, "conv_bias", NULL, 0, 7, "constant conv_bias has"},
    /* values of parameters */
    {NUMBER, "conv_strides", NULL, 0, 0, "stride or dilation is below 1"},
    {NUMBER, "conv_strides", NULL, 0, 2, "what it gives is"},
    {NUMBER, "conv_dilations", NULL, 0, -1, "stride or dilation is below 1"},
    {NUMBER, "conv_dilations", NULL, 0, 9, "is longer than axis"},
    {NUMBER, "conv_pad", NULL, 1, -1, "a pad below 0"},
    {NUMBER, "conv_groups", NULL, 0, 0, "groups is 0"},
    {NUMBER, "conv_groups", NULL, 0, 4, "groups is 4 for 6 channels"},
    {NUMBER, "conv_groups", NULL, 0, 2, "x has 4 channels, the weight takes 8"},
    {NUMBER, "norm_axes", NULL, 0, 3, "axis 3 of a tensor of rank 3"},
    {NUMBER, "norm_axes", NULL, 0, -4, "axis -4 of a tensor of rank 3"},
    {ATTRIBUTE, "linear_weight", "axis", 0, 2, "axis 2 of a tensor of rank 2"},
    {ATTRIBUTE, "linear_weight", "axis", 0, 1, "has neither one element nor 6"},
    {TEXT, "conv_pad_type", "vapid", 0, 0, "pad_type is vapid"},
    {TEXT, "x_half_dtype", "fp17", 0, 0, "dtype is fp17"},
    {TEXT, "x_half_dtype", "int8", 0, 0, "dtype is int8"},
    {TEXT, "y_dtype", "bool", 0, 0, "what it gives is bool"},
    /* operations */
    {RETYPE, "conv", "konv", 0, 0, "does not know the operation"},
    {RETYPE, "norm", "instance_norm", 0, 0, "no parameter axes"},
    {RETYPE, "linear", "matmul", 0, 0, "y is missing"},
    {RETYPE, "x_half", "scaled_dot_product_attention", 0, 0, "not in this opset"},
    {RETYPE, "norm", "while_loop", 0, 0, "has 0 blocks, expected 2"},
    {MORE, "conv", NULL, 0, 0, "has 2 outputs, expected 1"},
    {MORE, "y", NULL, 0, 0, "has 2 outputs, expected 1"},
    /* names and order */
    {RENAME, "conv", "1conv", 0, 0, "is not an identifier"},
    {RENAME, "conv", "a-b", 0, 0, "is not an identifier"},
    {RENAME, "norm", "a b", 0, 0, "is not an identifier"},
    {RENAME, "norm", "fp16", 0, 0, "reserved word"},
    {RENAME, "linear", "tensor", 0, 0, "reserved word"},
    {RENAME, "linear", "", 0, 0, "is not an identifier"},
    {RENAME, "conv", "norm", 0, 0, "defined twice"},
    {RENAME, "linear", "x", 0, 0, "defined twice"},
    {RENAME, "conv_pad", "conv_groups", 0, 0, "defined twice"},
    {REMOVE, "conv_weight", NULL, 0, 0, "uses conv_weight as weight, which is not defined"},
    {REMOVE, "conv_groups", NULL, 0, 0, "uses conv_groups as groups, which is not defined"},
    {REMOVE, "norm_axes", NULL, 0, 0, "uses norm_axes as axes, which is not defined"},
    {REMOVE, "linear_weight", NULL, 0, 0, "uses linear_weight as weight, which is not defined"},
    {REMOVE, "y", NULL, 0, 0, "the output y of a block is not defined"},
    {LAST, "conv", NULL, 0, 0, "uses conv as x, which is not defined"},
    {LAST, "norm", NULL, 0, 0, "uses norm as x, which is not defined"},
    {LAST, "conv_bias", NULL, 0, 0, "uses conv_bias as bias, which is not defined"},
    {CYCLE, "conv", NULL, 0, 0, "uses conv as x, which is not defined"},
    {CYCLE, "linear", NULL, 0, 0, "uses linear as x, which is not defined"},
    /* versions and functions */
    {SPEC, NULL, NULL, 0, 5, "specification version is 5"},
    {SPEC, NULL, NULL, 0, 11, "specification version is 11"},
    {SPEC, NULL, NULL, 0, 8, "opset CoreML6, expected CoreML7"},
    {SPEC, NULL, NULL, 0, 6, "not in this opset"},
    {OPSET, NULL, "CoreML5", 0, 0, "opset CoreML5, expected CoreML6"},
    {OPSET, NULL, "", 0, 0, "expected CoreML6"},
    {FUNCTION, NULL, "other", 0, 0, "none of that name"},
    {OUTPUTS, NULL, NULL, 0, 0, "has no output"},
    {OUTPUTS, NULL, NULL, 0, 2, "gives norm, which is not described"},
    /* the description */
    {FEATURE, "x", "waveform", 0, 0, "the function main has none"},
    {FEATURE, "x", "waveform", 0, 0, "takes x, which is not described"},
    {FEATURE, "y", "logits", 0, 0, "gives y, which is not described"},
    {SHAPE, "x", NULL, 0, 2, "is described as fp32 [2, 4, 8]"},
    {SHAPE, "x", NULL, 2, 0, "axis 2 is 0"},
    {SHAPE, "y", NULL, 1, 7, "is described as fp32 [1, 7, 12]"},
    {ARRAY, "x", NULL, 0, MIL_F16, "is described as fp16"},
    {ARRAY, "x", NULL, 0, MIL_I8, "int8 needs specification 10"},
    {ARRAY, "y", NULL, 0, MIL_I32, "is described as int32"},
    {ARRAY, "y", NULL, 0, MIL_BOOL, "unknown array type 0"},
    {LISTED, "x", NULL, 0, 0, "there is no input"},
    {LISTED, "y", NULL, 0, 0, "gives y, which is not described"},
    {BOUNDS, NULL, NULL, 2, 4, "is 1 by default, its range 2 to 4"},
    {BOUNDS, NULL, NULL, 1, 4, "but the program fixes it"},
    {BOUNDS, NULL, NULL, 1, 0, "the range of axis 0 is 1 to 0"},
    /* the manifest */
    {MANIFEST, "1.0.0", "1.0.1", 0, 0, "fileFormatVersion is 1.0.1"},
    {MANIFEST, "1.0.0", "2", 0, 0, "fileFormatVersion is 2"},
    {MANIFEST, "fileFormatVersion", "version", 0, 0, "fileFormatVersion is missing"},
    {MANIFEST, "rootModelIdentifier\": \"", "rootModelIdentifier\": \"0", 0, 0,
     "expected a key of itemInfoEntries"},
    {MANIFEST, "rootModelIdentifier", "root", 0, 0, "rootModelIdentifier is missing"},
    {MANIFEST, "itemInfoEntries", "items", 0, 0, "expected a key of itemInfoEntries"},
    {MANIFEST, "\"author\"", "\"maker\"", 0, 0, "has no author"},
    {MANIFEST, "\"path\"", "\"place\"", 0, 0, "has no path"},
    {MANIFEST, "com.apple.CoreML/model.mlmodel", "../../model.mlmodel", 0, 0, "leads out"},
    {MANIFEST, "com.apple.CoreML/model.mlmodel", "/etc/passwd", 0, 0, "leads out"},
    {MANIFEST, "com.apple.CoreML/weights", "com.apple.CoreML/none", 0, 0, "which is not there"},
    {MANIFEST, "com.apple.CoreML/model.mlmodel", "com.apple.CoreML/none", 0, 0,
     "which is not there"},
    {MANIFEST, "{", "[", 0, 0, "Manifest.json"},
    {CUT, "Manifest.json", NULL, 0, 100, "Manifest.json"},
    {GONE, "Data/com.apple.CoreML/model.mlmodel", NULL, 0, 0, "which is not there"},
    {GONE, "Data/com.apple.CoreML/weights/weight.bin", NULL, 0, 0, "weight.bin: is missing"},
    /* the weight file */
    {WEIGHTS, NULL, NULL, 0, 1, "its header counts other records"},
    {WEIGHTS, NULL, NULL, 4, 1, "no header of version 2"},
    {WEIGHTS, NULL, NULL, 64, 1, "no record at 64"},
    {WEIGHTS, NULL, NULL, 68, 1, "has data type 2, expected 1"},
    {WEIGHTS, NULL, NULL, 72, 2, "its type needs 144"},
    {WEIGHTS, NULL, NULL, 79, 1, "its type needs 144"},
    {WEIGHTS, NULL, NULL, 80, 64, "expected at 128"},
    {WEIGHTS, NULL, NULL, 87, 1, "expected at 128"},
    {WEIGHTS, NULL, NULL, 88, 1, "unused bits are counted wrongly"},
    {WEIGHTS, NULL, NULL, 320, 1, "no record at 320"},
    {WEIGHTS, NULL, NULL, 131, 0x40, "has NaN"},
    {CUT, "Data/com.apple.CoreML/weights/weight.bin", NULL, 0, 0, "weight.bin"},
    {CUT, "Data/com.apple.CoreML/weights/weight.bin", NULL, 0, 64, "weight.bin"},
    {CUT, "Data/com.apple.CoreML/weights/weight.bin", NULL, 0, 200, "weight.bin"},
    {CUT, "Data/com.apple.CoreML/weights/weight.bin", NULL, 0, 330, "weight.bin"},
    /* the program file */
    {PROGRAM, NULL, NULL, 0, 1, "another wire type"},
    {PROGRAM, NULL, NULL, 0, 0x60, "Model has a field 13"},
    {PROGRAM, NULL, NULL, 2, 8, "Model has a field 3"},
    {PROGRAM, NULL, NULL, 5, 0x43, "goes past the end"},
    {CUT, "Data/com.apple.CoreML/model.mlmodel", NULL, 0, 0, "holds no ML program"},
    {CUT, "Data/com.apple.CoreML/model.mlmodel", NULL, 0, 1, "is cut off"},
    {CUT, "Data/com.apple.CoreML/model.mlmodel", NULL, 0, 100, "goes past the end"},
    {CUT, "Data/com.apple.CoreML/model.mlmodel", NULL, 0, 1000, "goes past the end"},
};

enum { DAMAGE_COUNT = sizeof damages / sizeof damages[0] };

/* ------------------------------------------------------------------------- damage in memory */

static struct mil_block *block_of(struct mil_model *model) {
    return model->functions[0]->block;
}

/* The item that defines `name`. */
static size_t item_of(struct mil_model *model, const char *name) {
    struct mil_block *block = block_of(model);
    for (size_t i = 0; i < block->item_count; i++) {
        struct mil_item *item = &block->items[i];
        const struct mil_value *value =
            item->constant != NULL ? item->constant : item->op->outputs[0];
        if (strcmp(value->name, name) == 0) return i;
    }
    fail_msg("%s is not in the sample", name);
    return 0;
}

static struct mil_value *value_of(struct mil_model *model, const char *name) {
    struct mil_item *item = &block_of(model)->items[item_of(model, name)];
    return item->constant != NULL ? item->constant : item->op->outputs[0];
}

static struct mil_op *op_of(struct mil_model *model, const char *name) {
    return block_of(model)->items[item_of(model, name)].op;
}

static void set_word(const void *data, int at, int32_t number) {
    memcpy((char *)data + 4 * at, &number, 4); /* the sample's constants are copies in the model */
}

static void damage_op(struct mil_model *model, const struct damage *damage) {
    struct mil_op *op = op_of(model, damage->target);
    struct mil_argument *argument =
        damage->which != NULL ? (struct mil_argument *)mil_op_find(op, damage->which) : NULL;
    switch (damage->kind) {
    case DROP: *argument = op->arguments[--op->argument_count]; break;
    case ADD: mil_op_argument(model, op, damage->which, value_of(model, "conv_groups")); break;
    case ATTRIBUTE: set_word(argument->values[0]->data, damage->at, damage->number); break;
    case RETYPE: op->type = damage->which; break;
    case CYCLE: ((struct mil_argument *)mil_op_find(op, "x"))->values[0] = op->outputs[0]; break;
    case MORE: mil_op_output(model, op, "more", op->outputs[0]->type); break;
    default:
        for (size_t i = 0; i < op->argument_count; i++) op->arguments[i].attribute = 0;
    }
}

static void damage_value(struct mil_model *model, const struct damage *damage) {
    struct mil_value *value = value_of(model, damage->target);
    switch (damage->kind) {
    case DIMENSION: value->type.dims[damage->at] = damage->number; break;
    case RANK:
        for (uint32_t i = value->type.rank; i < (uint32_t)damage->number; i++)
            value->type.dims[i] = 2;
        value->type.rank = (uint32_t)damage->number;
        break;
    case DTYPE: value->type.dtype = (enum mil_dtype)damage->number; break;
    case NUMBER: set_word(value->data, damage->at, damage->number); break;
    case TEXT:
        value->data = damage->which;
        value->bytes = strlen(damage->which) + 1;
        break;
    default: value->name = damage->which;
    }
}

static void damage_order(struct mil_model *model, const struct damage *damage) {
    struct mil_block *block = block_of(model);
    size_t at = item_of(model, damage->target);
    struct mil_item item = block->items[at];
    memmove(&block->items[at], &block->items[at + 1], (block->item_count - at - 1) * sizeof item);
    if (damage->kind == REMOVE)
        block->item_count--;
    else
        block->items[block->item_count - 1] = item;
}

static void damage_interface(struct mil_model *model, const struct damage *damage) {
    static int64_t lower[3], upper[3];
    struct mil_interface *interface = &model->interfaces[0];
    int output = damage->target != NULL && strcmp(damage->target, "y") == 0;
    struct mil_feature *feature = output ? interface->outputs : interface->inputs;
    switch (damage->kind) {
    case FEATURE: feature->name = damage->which; break;
    case SHAPE: feature->type.dims[damage->at] = damage->number; break;
    case ARRAY: feature->type.dtype = (enum mil_dtype)damage->number; break;
    case LISTED:
        *(output ? &interface->output_count : &interface->input_count) = (size_t)damage->number;
        break;
    default:
        for (int i = 0; i < 3; i++) lower[i] = upper[i] = feature->type.dims[i];
        lower[0] = damage->at;
        upper[0] = damage->number;
        feature->lower = lower;
        feature->upper = upper;
    }
}

/* Damages that the writer would refuse are done to the file behind its back. */
static void damage_model(struct mil_model *model, const struct damage *damage) {
    switch (damage->kind) {
    case DROP:
    case ADD:
    case ATTRIBUTE:
    case RETYPE:
    case CYCLE:
    case MORE:
    case INPUTS: damage_op(model, damage); break;
    case DIMENSION:
    case RANK:
    case DTYPE:
    case NUMBER:
    case TEXT:
    case RENAME: damage_value(model, damage); break;
    case REMOVE:
    case LAST: damage_order(model, damage); break;
    case SPEC: model->specification = damage->number; break;
    case OPSET: model->functions[0]->opset = damage->which; break;
    case FUNCTION: model->functions[0]->name = damage->which; break;
    case OUTPUTS:
        if (damage->number == 0)
            block_of(model)->output_count = 0;
        else
            mil_block_output(model, block_of(model), value_of(model, "norm"));
        break;
    case FEATURE:
    case SHAPE:
    case ARRAY:
    case LISTED:
    case BOUNDS: damage_interface(model, damage); break;
    default: break;
    }
}

/* --------------------------------------------------------------------------- damage on disk */

static void edit_bytes(const char *path, int at, int number) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc((byte + number) & 0xff, file);
    assert_int_equal(fclose(file), 0);
}

/* The first `from` in the file becomes `to`. */
static void edit_text(const char *path, const char *from, const char *to) {
    char text[4096] = {0};
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    const char *found = strstr(text, from);
    assert_non_null(found);
    rewind(file);
    assert_int_equal(ftruncate(fileno(file), 0), 0);
    fprintf(file, "%.*s%s%s", (int)(found - text), text, to, found + strlen(from));
    assert_int_equal(fclose(file), 0);
}

static void damage_files(const char *package, const struct damage *damage) {
    char path[2048];
    const char *name = damage->target;
    if (damage->kind == WEIGHTS) name = "Data/com.apple.CoreML/weights/weight.bin";
    if (damage->kind == PROGRAM) name = "Data/com.apple.CoreML/model.mlmodel";
    if (damage->kind == MANIFEST) name = "Manifest.json";
    snprintf(path, sizeof path, "%s/%s", package, name != NULL ? name : "");
    switch (damage->kind) {
    case MANIFEST: edit_text(path, damage->target, damage->which); break;
    case WEIGHTS:
    case PROGRAM: edit_bytes(path, damage->at, damage->number); break;
    case CUT: assert_int_equal(truncate(path, damage->number), 0); break;
    case GONE: assert_int_equal(unlink(path), 0); break;
    default: break;
    }
}

/* ------------------------------------------------------------------------------------- tests */

struct found {
    const char *reason;
    int matches;
    char all[2048];
};

static void take(void *user, const pst_finding *finding) {
    struct found *found = user;
    char line[640];
    snprintf(line, sizeof line, "%s: %s", finding->file, finding->message);
    size_t length = strlen(found->all);
    snprintf(found->all + length, sizeof found->all - length, "  %s\n", line);
    found->matches += strstr(line, found->reason) != NULL;
}

static uint32_t verify(const char *path, struct found *found) {
    pst_verify_options options;
    pst_verify_summary summary;
    pst_error err;
    pst_verify_options_init(&options);
    options.finding = take;
    options.user = found;
    pst_status status = pst_verify(path, &options, &summary, &err);
    if (status) { /* a package without a manifest is no package */
        snprintf(found->all, sizeof found->all, "%s", err.message);
        found->matches += strstr(err.message, found->reason) != NULL;
        return 1;
    }
    assert_string_equal(summary.kind, "package");
    return summary.problems;
}

static void test_sound_packages_pass(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        char path[1024];
        struct found found = {.reason = "?"};
        struct mil_model *model = sample_named(sample_names[i]);
        snprintf(path, sizeof path, "%s/sound.mlpackage", scratch_folder("damage"));
        assert_int_equal(package_write(model, path, 1, NULL, NULL), PST_OK);
        assert_int_equal(verify(path, &found), 0);
        assert_string_equal(found.all, "");
        mil_model_free(model);
    }
}

static void test_damaged_packages_fail(void **state) {
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s/damaged.mlpackage", scratch_folder("damage"));
    assert_true(DAMAGE_COUNT >= 100);
    for (size_t i = 0; i < DAMAGE_COUNT; i++) {
        const struct damage *damage = &damages[i];
        struct found found = {.reason = damage->reason};
        struct mil_model *model = sample_plain(7);
        pst_error err = {0};
        damage_model(model, damage);
        if (package_write(model, path, 1, NULL, &err)) { /* the writer has seen it already */
            snprintf(found.all, sizeof found.all, "%s", err.message);
            found.matches += strstr(err.message, damage->reason) != NULL;
        } else {
            damage_files(path, damage);
            if (verify(path, &found) == 0) fail_msg("damage %zu (%s) passed", i, damage->reason);
        }
        if (found.matches == 0)
            fail_msg("damage %zu: expected \"%s\" among\n%s", i, damage->reason, found.all);
        mil_model_free(model);
    }
    printf("%d damaged packages, each with its reason\n", (int)DAMAGE_COUNT);
}

/* An array among the states, a state among the inputs and among the outputs: what the description
 * says must be of the kind of its list. */
static void test_kinds_of_features(void **state) {
    (void)state;
    static const char *const reasons[] = {"sum: is described among the states as an array",
                                          "the input x is described as a state",
                                          "the output y is described as a state"};
    char path[1024];
    snprintf(path, sizeof path, "%s/kinds.mlpackage", scratch_folder("damage"));
    for (size_t i = 0; i < 3; i++) {
        struct found found = {.reason = reasons[i]};
        struct mil_model *model = sample_state();
        struct mil_interface *interface = &model->interfaces[0];
        struct mil_feature *of[] = {interface->states, interface->inputs, interface->outputs};
        of[i]->type.state = !of[i]->type.state;
        assert_int_equal(package_write(model, path, 1, NULL, NULL), PST_OK);
        assert_true(verify(path, &found) > 0);
        if (found.matches == 0) fail_msg("expected \"%s\" among\n%s", reasons[i], found.all);
        mil_model_free(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound_packages_pass),
                                       cmocka_unit_test(test_kinds_of_features),
                                       cmocka_unit_test(test_damaged_packages_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
