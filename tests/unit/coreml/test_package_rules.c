/* test_package_rules.c - what Apple's validator refuses in a model file, beside what the program
 * itself breaks: descriptions, kinds of features, shapes, ranges, defaults, states, functions. Each
 * row damages the message of a sound package and names the reason that `verify` must give. */
#include "support/test.h"

#include <stdlib.h>

#include "base/file_view.h"
#include "coreml/package/package.h"
#include "package.pb-c.h"
#include "potstill_tools.h"
#include "support/package_sample.h"
#include "support/scratch.h"

#define MODEL_FILE "Data/com.apple.CoreML/model.mlmodel"

enum edit {
    NUMBER, /* the field becomes `number` */
    TEXT,   /* the field becomes `text` */
    EMPTY,  /* the list has no items, the message is not there */
    TWICE   /* the last item of the list comes again */
};

struct damage {
    const char *sample, *path; /* fields from the model down; "[i]" behind a list */
    enum edit edit;
    const char *text;
    int64_t number;
    const char *reason; /* part of one finding */
};

#define D "description."
#define F "program.functions[0].value."
#define SET(sample, path, number, reason)                                                          \
    { sample, path, NUMBER, NULL, number, reason }
#define SAY(sample, path, text, reason)                                                            \
    { sample, path, TEXT, text, 0, reason }
#define NONE(sample, path, reason)                                                                 \
    { sample, path, EMPTY, NULL, 0, reason }
#define AGAIN(sample, path, reason)                                                                \
    { sample, path, TWICE, NULL, 0, reason }

static const struct damage damages[] = {
    /* names and kinds */
    SAY("ios16", D "input[0].name", "", "an input, output or state has no name"),
    SAY("ios16", D "output[0].name", "", "an input, output or state has no name"),
    SAY("state", D "state[0].name", "", "an input, output or state has no name"),
    SAY("state", D "state[0].name", "other", "takes sum, which is not described"),
    NONE("ios16", D "input[0].type", "x has no type"),
    NONE("ios16", D "output[0].type", "y has no type"),
    NONE("state", D "state[0].type", "sum has no type"),
    NONE("state", D "state[0].type.state.array", "sum has no type"),
    SAY("ios16", D "input[0].type.int64", "", "x is an integer, expected an array"),
    SAY("ios16", D "input[0].type.double", "", "x is a number, expected an array"),
    SAY("ios16", D "input[0].type.text", "", "x is a text, expected an array"),
    SAY("ios16", D "input[0].type.image", "", "x is an image, expected an array"),
    SAY("ios16", D "output[0].type.dictionary", "", "y is a dictionary, expected an array"),
    SAY("ios16", D "output[0].type.sequence", "", "y is a sequence, expected an array"),
    AGAIN("ios16", D "input", "the input x is described twice"),
    AGAIN("ios16", D "output", "the output y is described twice"),
    AGAIN("state", D "state", "the state sum is described twice"),
    NONE("state", D "state", "takes sum, which is not described"),
    NONE("ios16", "description", "has no description"),
    /* what may be left out */
    SET("ios16", D "input[0].type.optional", 1, "all inputs are optional"),
    SET("functions", D "functions[1].input[0].type.optional", 1, "all inputs are optional"),
    SET("ios16", D "output[0].type.optional", 1, "the output y is optional"),
    SET("functions", D "functions[0].output[0].type.optional", 1, "the output y is optional"),
    SET("state", D "state[0].type.optional", 1, "a state cannot be optional"),
    SET("ios16", D "input[0].type.array.default_int", 1, "x is fp32 and has a default value for"),
    SET("loop", D "input[1].type.array.default_float", 0, "limit is int32 and has a default"),
    SET("loop", D "input[1].type.array.default_double", 0, "limit is int32 and has a default"),
    SET("ios16", D "input[0].type.array.default_double", 0, "x is fp32 and has a default value"),
    SET("state", D "input[0].type.array.default_int", 1, "x is fp16 and has a default value"),
    SET("state", D "state[0].type.state.array.default_float", 0, "optional, flexible or have a"),
    /* types and shapes */
    SET("ios16", D "input[0].type.array.dtype", 0, "x has the unknown array type 0"),
    SET("ios16", D "input[0].type.array.dtype", 65600, "x is described as fp64"),
    SET("ios16", D "output[0].type.array.dtype", 7, "y has the unknown array type 7"),
    SET("ios15", D "input[0].type.array.dtype", 65552, "fp16 needs specification 7, this is 6"),
    SET("ios18", D "output[0].type.array.dtype", 131080, "int8 needs specification 10"),
    SET("state", D "state[0].type.state.array.dtype", 65568, "a state of type fp32, expected fp16"),
    SET("state", D "state[0].type.state.array.dtype", 131104, "a state of type int32"),
    NONE("ios16", D "input[0].type.array.shape", "x: has no shape"),
    NONE("state", D "state[0].type.state.array.shape", "sum: has no shape"),
    SET("ios16", D "input[0].type.array.shape[1]", -4, "x has a dimension of -4"),
    SET("state", D "state[0].type.state.array.shape[1]", -4, "sum has a dimension of -4"),
    SET("state", D "state[0].type.state.array.shape[2]", 0, "sum: axis 2 is 0"),
    SET("state", D "state[0].type.state.array.shape[2]", 9, "the state sum is described as"),
    /* shapes that may vary */
    NONE("shapes", D "input[0].type.array.shapes.shapes", "lists 0 shapes, expected 1 to 128"),
    NONE("shapes", D "input[0].type.array.shapes.shapes[1].shape", "lists a shape of rank 0"),
    SET("shapes", D "input[0].type.array.shapes.shapes[1].shape[1]", 0, "of a listed shape is 0"),
    SET("shapes", D "input[0].type.array.shape[1]", 9, "its shape is not among the 2"),
    NONE("shapes", D "input[0].type.array.shape", "lists a shape of rank 2, expected 0"),
    NONE("range", D "input[0].type.array.ranges.ranges", "has 0 ranges, expected 2"),
    SET("range", D "input[0].type.array.ranges.ranges[1].lower", 65, "range of axis 1 is 65 to"),
    SET("range", D "input[0].type.array.ranges.ranges[1].lower", 9, "is 8 by default, its range"),
    SET("range", D "input[0].type.array.ranges.ranges[1].lower", 0, "begins at 0, expected 1"),
    SET("range", D "input[0].type.array.ranges.ranges[1].upper", 7, "is 8 by default, its range"),
    SET("range", D "input[0].type.array.ranges.ranges[0].upper", 3, "but the program fixes it"),
    /* versions */
    SET("ios16", "specification_version", 0, "the specification version is 0"),
    SET("ios16", "specification_version", 99, "the specification version is 99"),
    SET("state", "specification_version", 8, "specification 8 has no states"),
    SET("functions", "specification_version", 8, "which specification 8 does not have"),
    SET("ios16", "is_updatable", 1, "is updatable, which ML programs are not"),
    NONE("ios16", "program", "holds no ML program"),
    /* functions */
    SAY("functions", D "default_function", "three", "the default function three does not exist"),
    SAY("functions", D "default_function", "", "expected both or none"),
    SAY("ios18", D "default_function", "main", "expected both or none"),
    SAY("functions", D "functions[1].name", "one", "the function one is described twice"),
    SAY("functions", D "functions[1].name", "three", "the function three is described, but does"),
    SAY("functions", D "functions[1].name", "", "the function  is described, but does not exist"),
    AGAIN("functions", D "functions", "3 functions are described, the program has 2"),
    NONE("functions", D "functions[1].input", "the function two takes x, which is not described"),
    NONE("functions", D "functions[1].output", "the function two gives y, which is not described"),
    SAY("functions", D "predicted_feature_name", "y", "what a classifier predicts"),
    SAY("functions", D "functions[0].predicted_feature_name", "y", "what a classifier predicts"),
    SAY("ios16", D "predicted_probabilities_name", "p", "p is described as what a classifier"),
    SAY("functions", "program.functions[1].key", "one", "there are two functions one"),
    /* the program's own frame */
    NONE("ios16", F "blocks", "main has no single block for its"),
    AGAIN("ios16", F "blocks", "main has no single block for its"),
    SAY("ios16", F "blocks[0].key", "CoreML5", "no single block for its opset CoreML6"),
    NONE("ios16", F "inputs[0].type", "x has no type"),
    AGAIN("ios16", F "inputs", "x is defined twice"),
    SET("ios16", F "inputs[0].type.tensor.rank", 2, "x has rank 2 and 3 dimensions"),
};

enum { DAMAGE_COUNT = sizeof damages / sizeof damages[0] };

/* ---------------------------------------------------------------------------------- the message */

/* The message lies in the memory of a model, which goes with it: damages make two owners of one
 * part, and parts that nobody owns. */
static void *message_alloc(void *scratch, size_t bytes) {
    return mil_alloc(scratch, bytes);
}

static void message_free(void *scratch, void *part) {
    (void)scratch;
    (void)part;
}

static size_t item_bytes(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_STRING: return sizeof(void *);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    default: return 4;
    }
}

static void put_number(char *at, const ProtobufCFieldDescriptor *field, int64_t number) {
    int32_t narrow = (int32_t)number;
    float single = (float)number;
    double wide = (double)number;
    if (field->type == PROTOBUF_C_TYPE_DOUBLE)
        memcpy(at, &wide, sizeof wide);
    else if (field->type == PROTOBUF_C_TYPE_FLOAT)
        memcpy(at, &single, sizeof single);
    else if (item_bytes(field) == 8)
        memcpy(at, &number, sizeof number);
    else
        memcpy(at, &narrow, sizeof narrow);
}

/* The last item of a list once more, in memory that only the list of the damaged message has. */
static void repeat(struct mil_model *scratch, char *message,
                   const ProtobufCFieldDescriptor *field) {
    size_t *count = (size_t *)(void *)(message + field->quantifier_offset);
    size_t bytes = item_bytes(field);
    char *items, *more = mil_alloc(scratch, (*count + 1) * bytes);
    memcpy(&items, message + field->offset, sizeof items);
    memcpy(more, items, *count * bytes);
    memcpy(more + *count * bytes, more + (*count - 1) * bytes, bytes);
    memcpy(message + field->offset, &more, sizeof more);
    ++*count;
}

static void change(struct mil_model *scratch, char *message, const ProtobufCFieldDescriptor *field,
                   char *at, const struct damage *damage) {
    static char *const nothing = NULL;
    ProtobufCBinaryData no_bytes = {0};
    if (damage->edit == TWICE) {
        repeat(scratch, message, field);
        return;
    }
    if (damage->edit == EMPTY && field->label == PROTOBUF_C_LABEL_REPEATED)
        memset(message + field->quantifier_offset, 0, sizeof(size_t));
    else if (damage->edit == EMPTY)
        memcpy(at, &nothing, sizeof nothing);
    else if (damage->edit == NUMBER)
        put_number(at, field, damage->number);
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        memcpy(at, &no_bytes, sizeof no_bytes);
    else
        memcpy(at, &damage->text, sizeof damage->text);
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        memcpy(message + field->quantifier_offset, &field->id, sizeof field->id);
}

/* Walks to the field that the path names, and changes it. */
static void damage_message(struct mil_model *scratch, void *whole, const struct damage *damage) {
    char *message = whole;
    const char *path = damage->path;
    for (;;) {
        char name[64];
        size_t length = strcspn(path, "[."), index = 0;
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
            ((const ProtobufCMessage *)(void *)message)->descriptor, name);
        if (!field) fail_msg("no field %s in %s", name, damage->path);
        char *at = message + field->offset;
        path += length;
        if (*path == '[') {
            index = strtoul(path + 1, NULL, 10);
            path = strchr(path, ']') + 1;
            memcpy(&at, at, sizeof at);
            at += index * item_bytes(field);
        }
        if (*path == 0) {
            change(scratch, message, field, at, damage);
            return;
        }
        path++;
        memcpy(&message, at, sizeof message);
    }
}

/* -------------------------------------------------------------------------------------- on disk */

static void damage_file(const char *package, const struct damage *damage) {
    char path[1200];
    pst_error err;
    struct file_view view;
    snprintf(path, sizeof path, "%s/" MODEL_FILE, package);
    if (file_view_open(&view, path, SIZE_MAX, &err)) fail_msg("%s", err.message);
    struct mil_model *scratch = mil_model_new();
    ProtobufCAllocator allocator = {message_alloc, message_free, scratch};
    PstMil__Model *message = pst_mil__model__unpack(&allocator, view.size, view.data);
    file_view_close(&view);
    assert_non_null(message);
    damage_message(scratch, message, damage);
    size_t size = pst_mil__model__get_packed_size(message);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    pst_mil__model__pack(message, bytes);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
    mil_model_free(scratch);
}

struct found {
    const char *reason;
    int matches;
    char all[2048];
};

static void take(void *user, const pst_finding *finding) {
    struct found *found = user;
    size_t length = strlen(found->all);
    snprintf(found->all + length, sizeof found->all - length, "  %s\n", finding->message);
    found->matches += strstr(finding->message, found->reason) != NULL;
}

static void each_damage_is_found(void **state) {
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s/damaged.mlpackage", scratch_folder("rules"));
    for (size_t i = 0; i < DAMAGE_COUNT; i++) {
        const struct damage *damage = &damages[i];
        struct found found = {.reason = damage->reason};
        struct mil_model *model = sample_named(damage->sample);
        pst_error err = {0};
        pst_verify_options options;
        pst_verify_summary summary = {0};
        if (package_write(model, path, 1, NULL, &err)) fail_msg("%s", err.message);
        mil_model_free(model);
        damage_file(path, damage);
        pst_verify_options_init(&options);
        options.finding = take;
        options.user = &found;
        if (pst_verify(path, &options, &summary, &err)) fail_msg("%s", err.message);
        if (summary.problems == 0) fail_msg("%s: passed", damage->path);
        if (found.matches == 0)
            fail_msg("%s: expected \"%s\" among\n%s", damage->path, damage->reason, found.all);
    }
    printf("%d damaged descriptions, each with its reason\n", (int)DAMAGE_COUNT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_damage_is_found)};
    return cmocka_run_group_tests_name("package rules", tests, NULL, NULL);
}
