/* check_interface.c - see check_interface.h. */
#include "coreml/check/check_interface.h"

#include <string.h>

/* ------------------------------------------------------------------------------------ shapes */

/* May axis `axis` of the feature vary? */
static int is_open(const struct mil_feature *feature, uint32_t axis) {
    if (feature->enumerated == 0)
        return feature->lower != NULL && feature->lower[axis] != feature->upper[axis];
    for (int i = 1; i < feature->enumerated; i++)
        if (feature->lower[(size_t)i * feature->type.rank + axis] != feature->lower[axis]) return 1;
    return 0;
}

static void check_ranges(struct checker *checker, const struct mil_feature *feature) {
    for (uint32_t i = 0; i < feature->type.rank; i++) {
        int64_t lower = feature->lower[i], upper = feature->upper[i], size = feature->type.dims[i];
        if (upper >= 0 && upper < lower)
            checker_problem(checker, "%s: the range of axis %u is %lld to %lld", feature->name,
                            (unsigned)i, (long long)lower, (long long)upper);
        else if (lower < 1)
            checker_problem(checker, "%s: the range of axis %u begins at %lld, expected 1 or more",
                            feature->name, (unsigned)i, (long long)lower);
        else if (size < lower || (upper >= 0 && size > upper))
            checker_problem(checker, "%s: axis %u is %lld by default, its range %lld to %lld",
                            feature->name, (unsigned)i, (long long)size, (long long)lower,
                            (long long)upper);
        else if (upper < 0)
            checker_warning(checker, "%s: axis %u has no upper bound, which coremltools refuses",
                            feature->name, (unsigned)i);
    }
}

static void check_shapes(struct checker *checker, const struct mil_feature *feature) {
    size_t rank = feature->type.rank;
    if (rank == 0) checker_problem(checker, "%s: lists shapes without an axis", feature->name);
    for (size_t i = 0; i < (size_t)feature->enumerated * rank; i++)
        if (feature->lower[i] < 1)
            checker_problem(checker, "%s: axis %u of a listed shape is %lld", feature->name,
                            (unsigned)(i % rank), (long long)feature->lower[i]);
    for (int i = 0; i < feature->enumerated; i++)
        if (memcmp(feature->lower + (size_t)i * rank, feature->type.dims, rank * sizeof(int64_t)) ==
            0)
            return;
    checker_problem(checker, "%s: its shape is not among the %d that are listed", feature->name,
                    feature->enumerated);
}

/* ----------------------------------------------------------------------------------- features */

static void check_state(struct checker *checker, const struct mil_feature *feature) {
    int32_t specification = checker->model->specification;
    if (!feature->type.state)
        checker_problem(checker, "%s: is described among the states as an array, expected a state",
                        feature->name);
    if (specification < 9)
        checker_problem(checker, "%s: specification %d has no states", feature->name,
                        (int)specification);
    if (feature->type.dtype != MIL_F16 && !(feature->type.dtype == MIL_I8 && specification >= 10))
        checker_problem(checker, "%s: a state of type %s, expected fp16", feature->name,
                        mil_dtype_name(feature->type.dtype));
    if (feature->optional || feature->lower != NULL || feature->has_default)
        checker_problem(checker, "%s: a state cannot be optional, flexible or have a default",
                        feature->name);
}

static void check_feature(struct checker *checker, const struct mil_feature *feature, int output) {
    int32_t specification = checker->model->specification;
    if (feature->name[0] == 0) checker_problem(checker, "an input, output or state has no name");
    if (output && feature->optional)
        checker_problem(checker, "the output %s is optional, which only inputs can be",
                        feature->name);
    if (feature->type.dtype == MIL_F16 && specification < 7)
        checker_problem(checker, "%s: fp16 needs specification 7, this is %d", feature->name,
                        (int)specification);
    if (feature->type.dtype == MIL_I8 && specification < 10)
        checker_problem(checker, "%s: int8 needs specification 10, this is %d", feature->name,
                        (int)specification);
    if (feature->type.rank == 0 && !output)
        checker_problem(checker, "%s: has no shape; a scalar is declared as [1]", feature->name);
    for (uint32_t i = 0; i < feature->type.rank; i++)
        if (feature->type.dims[i] < 1)
            checker_problem(checker, "%s: axis %u is %lld", feature->name, (unsigned)i,
                            (long long)feature->type.dims[i]);
    if (feature->enumerated != 0)
        check_shapes(checker, feature);
    else if (feature->lower != NULL)
        check_ranges(checker, feature);
}

/* The declared type against the program's. Outputs may leave their shape open. */
static void compare(struct checker *checker, const struct mil_feature *feature,
                    const struct mil_value *value, const char *what) {
    char declared[MIL_TYPE_TEXT_SIZE], actual[MIL_TYPE_TEXT_SIZE];
    struct mil_type type = feature->type;
    int open_output = type.rank == 0 && strcmp(what, "output") == 0;
    if (open_output) {
        type = value->type;
        type.dtype = feature->type.dtype;
    }
    for (uint32_t i = 0; i < type.rank && feature->lower != NULL; i++)
        if (is_open(feature, i)) {
            if (i < value->type.rank && value->type.dims[i] != MIL_UNKNOWN)
                checker_problem(checker,
                                "the %s %s may vary along axis %u, but the program fixes it", what,
                                feature->name, (unsigned)i);
            type.dims[i] = MIL_UNKNOWN;
        }
    type.state = value->type.state;
    if (!mil_types_agree(&type, &value->type))
        checker_problem(checker, "the %s %s is described as %s, the program has %s", what,
                        feature->name, mil_type_text(&feature->type, declared),
                        mil_type_text(&value->type, actual));
    else if (strcmp(what, "input") == 0 && feature->lower == NULL)
        for (uint32_t i = 0; i < type.rank; i++)
            if (value->type.dims[i] == MIL_UNKNOWN) {
                checker_problem(
                    checker,
                    "the input %s is described with one shape, the program leaves axis %u "
                    "open",
                    feature->name, (unsigned)i);
                break;
            }
}

/* `state`: 1 a state, 0 none, -1 of either kind. */
static const struct mil_value *find_value(const struct mil_value *const *values, size_t count,
                                          const char *name, int state) {
    for (size_t i = 0; i < count; i++)
        if ((state < 0 || !values[i]->type.state == !state) && values[i]->name != NULL &&
            strcmp(values[i]->name, name) == 0)
            return values[i];
    return NULL;
}

static int is_listed(const struct mil_feature *features, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (name != NULL && strcmp(features[i].name, name) == 0) return 1;
    return 0;
}

/* Every feature of one kind: its own rules, its counterpart, and that there is one of it. */
static void check_list(struct checker *checker, const struct mil_function *function,
                       const struct mil_feature *features, size_t count, const char *what) {
    int output = strcmp(what, "output") == 0, state = strcmp(what, "state") == 0;
    for (size_t i = 0; i < count; i++) {
        const struct mil_feature *feature = &features[i];
        const struct mil_value *value =
            output ? find_value(function->block->outputs, function->block->output_count,
                                feature->name, -1)
                   : find_value((const struct mil_value *const *)function->inputs,
                                function->input_count, feature->name, state);
        check_feature(checker, feature, output);
        if (state)
            check_state(checker, feature);
        else if (feature->type.state)
            checker_problem(checker, "the %s %s is described as a state, expected an array", what,
                            feature->name);
        if (value != NULL)
            compare(checker, feature, value, what);
        else
            checker_problem(checker, "the %s %s is described, but the function %s has none", what,
                            feature->name, function->name);
        if (is_listed(features, i, feature->name))
            checker_problem(checker, "the %s %s is described twice", what, feature->name);
    }
}

/* --------------------------------------------------------------------------------- interfaces */

static void check_flexible(struct checker *checker, const struct mil_interface *interface) {
    size_t listed = 0, ranges = 0, optional = 0;
    for (size_t i = 0; i < interface->input_count; i++) {
        listed += interface->inputs[i].enumerated != 0;
        ranges += interface->inputs[i].enumerated == 0 && interface->inputs[i].lower != NULL;
        optional += interface->inputs[i].optional != 0;
    }
    if (optional != 0 && optional == interface->input_count)
        checker_problem(checker, "all inputs are optional, expected one that is not");
    if (listed > 1 && checker->model->specification < 9)
        checker_problem(checker, "%zu inputs list shapes; before iOS 18 one can", listed);
    if (listed != 0 && ranges != 0)
        checker_problem(checker, "some inputs list shapes and some have ranges");
    if (interface->input_count == 0 && checker->model->specification < 9)
        checker_problem(checker, "there is no input, which needs specification 9");
}

static void check_against(struct checker *checker, const struct mil_interface *interface,
                          const struct mil_function *function) {
    check_list(checker, function, interface->inputs, interface->input_count, "input");
    check_list(checker, function, interface->outputs, interface->output_count, "output");
    check_list(checker, function, interface->states, interface->state_count, "state");
    check_flexible(checker, interface);
    for (size_t i = 0; i < function->input_count; i++) {
        const struct mil_value *input = function->inputs[i];
        const struct mil_feature *features =
            input->type.state ? interface->states : interface->inputs;
        size_t count = input->type.state ? interface->state_count : interface->input_count;
        if (!is_listed(features, count, input->name))
            checker_problem(checker, "the function %s takes %s, which is not described",
                            function->name, input->name != NULL ? input->name : "?");
    }
    for (size_t i = 0; i < function->block->output_count; i++) {
        const char *name = function->block->outputs[i]->name;
        if (!is_listed(interface->outputs, interface->output_count, name))
            checker_problem(checker, "the function %s gives %s, which is not described",
                            function->name, name != NULL ? name : "?");
    }
}

void check_interfaces(struct checker *checker) {
    const struct mil_model *model = checker->model;
    if (model->interface_count == 0) {
        checker_problem(checker, "there is no description");
        return;
    }
    if (model->interfaces[0].function == NULL) { /* the only one: of the only function, main */
        const struct mil_function *function = mil_function_find(model, "main");
        if (function == NULL || model->function_count != 1)
            checker_problem(
                checker, "the description is of one function main, the program has %zu%s",
                model->function_count, function == NULL ? " and none of that name" : "");
        if (function != NULL) check_against(checker, &model->interfaces[0], function);
        return;
    }
    if (model->specification < 9)
        checker_problem(checker, "functions are described one by one, which needs "
                                 "specification 9");
    if (model->default_function == NULL ||
        mil_function_find(model, model->default_function) == NULL)
        checker_problem(checker, "the default function %s does not exist",
                        model->default_function != NULL ? model->default_function : "");
    if (model->interface_count != model->function_count)
        checker_problem(checker, "%zu functions are described, the program has %zu",
                        model->interface_count, model->function_count);
    for (size_t i = 0; i < model->interface_count; i++) {
        const char *name = model->interfaces[i].function;
        const struct mil_function *function = name != NULL ? mil_function_find(model, name) : NULL;
        for (size_t j = 0; j < i && name != NULL; j++)
            if (model->interfaces[j].function != NULL &&
                strcmp(model->interfaces[j].function, name) == 0)
                checker_problem(checker, "the function %s is described twice", name);
        if (function == NULL)
            checker_problem(checker, "the function %s is described, but does not exist",
                            name != NULL ? name : "");
        else
            check_against(checker, &model->interfaces[i], function);
    }
}
