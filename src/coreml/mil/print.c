/* print.c - prints a program as MIL text.
 *
 * The idea to hold: a line is an operation. Parameters are read where they are used, so small
 * constants have no lines; weights have one, with the place in the weight file. */
#include "coreml/mil/print.h"

#include <string.h>

#include "formats/dtype.h"

/* Shown where it is used: a shape, axes, a few padding numbers. */
enum { SHORT_ELEMENTS = 8 };

static int is_short(const struct mil_value *value) {
    return value->data != NULL && value->blob_offset == 0 &&
           mil_elements(&value->type) <= SHORT_ELEMENTS;
}

static void print_type(struct buffer *text, const struct mil_type *type) {
    char string[MIL_TYPE_TEXT_SIZE];
    buffer_text(text, mil_type_text(type, string));
}

static void print_integer(struct buffer *text, const struct mil_value *value, size_t index) {
    int64_t integer;
    if (mil_bits(value->type.dtype) < 8 ||
        !mil_integer(value->type.dtype, value->data, index, &integer))
        buffer_text(text, "...");
    else if (value->type.dtype == MIL_BOOL)
        buffer_text(text, integer != 0 ? "true" : "false");
    else
        buffer_format(text, "%lld", (long long)integer);
}

static void print_element(struct buffer *text, const struct mil_value *value, size_t index) {
    static const struct {
        enum mil_dtype dtype;
        enum dtype numbers;
        uint32_t width;
    } floats[] = {{MIL_F16, DTYPE_F16, 2}, {MIL_F32, DTYPE_F32, 4}, {MIL_F64, DTYPE_F64, 8}};
    for (size_t i = 0; i < 3; i++) {
        float number = 0;
        if (floats[i].dtype != value->type.dtype) continue;
        dtype_to_float(floats[i].numbers,
                       (const unsigned char *)value->data + index * floats[i].width, 1, &number);
        buffer_format(text, "%g", (double)number);
        return;
    }
    print_integer(text, value, index);
}

static void print_texts(struct buffer *text, const struct mil_value *value) {
    const char *at = value->data, *end = at + value->bytes;
    for (int first = 1; at < end; first = 0) {
        buffer_format(text, "%s\"", first ? "" : ", ");
        for (; *at != 0; at++)
            buffer_format(text, (unsigned char)*at < 0x20 || *at == '"' ? "\\x%02x" : "%c",
                          (unsigned char)*at);
        buffer_text(text, "\"");
        at++;
    }
}

static void print_constant(struct buffer *text, const struct mil_value *value) {
    size_t count = mil_elements(&value->type);
    if (value->type.rank != 0) buffer_text(text, "[");
    if (value->type.dtype == MIL_STRING)
        print_texts(text, value);
    else
        for (size_t i = 0; i < count; i++) {
            if (i != 0) buffer_text(text, ", ");
            print_element(text, value, i);
        }
    if (value->type.rank != 0) buffer_text(text, "]");
}

static void print_use(struct buffer *text, const struct mil_value *value) {
    if (is_short(value)) {
        print_constant(text, value);
    } else if (value->inlined) {
        print_type(text, &value->type);
        buffer_format(text, " at %llu", (unsigned long long)value->blob_offset);
    } else {
        buffer_text(text, value->name);
    }
}

static void print_arguments(struct buffer *text, const struct mil_op *op) {
    for (size_t a = 0; a < op->argument_count; a++) {
        const struct mil_argument *argument = &op->arguments[a];
        buffer_format(text, "%s%s=", a == 0 ? "" : ", ", argument->name);
        if (argument->count != 1) buffer_text(text, "(");
        for (size_t v = 0; v < argument->count; v++) {
            buffer_text(text, v == 0 ? "" : ", ");
            print_use(text, argument->values[v]);
        }
        if (argument->count != 1) buffer_text(text, ")");
    }
}

static void print_values(struct buffer *text, struct mil_value *const *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buffer_format(text, "%s%s: ", i == 0 ? "" : ", ", values[i]->name);
        print_type(text, &values[i]->type);
    }
}

static void print_block(struct buffer *text, const struct mil_block *block, int depth);

static void print_op(struct buffer *text, const struct mil_op *op, int depth) {
    buffer_format(text, "%*s", 2 * depth, "");
    print_values(text, op->outputs, op->output_count);
    buffer_format(text, "%s%s(", op->output_count != 0 ? " = " : "", op->type);
    print_arguments(text, op);
    buffer_text(text, ")");
    for (size_t i = 0; i < op->block_count; i++) {
        buffer_text(text, " {");
        if (op->blocks[i]->input_count != 0) {
            buffer_text(text, " (");
            print_values(text, op->blocks[i]->inputs, op->blocks[i]->input_count);
            buffer_text(text, ")");
        }
        buffer_text(text, "\n");
        print_block(text, op->blocks[i], depth + 1);
        buffer_format(text, "%*s}", 2 * depth, "");
    }
    buffer_text(text, "\n");
}

static void print_block(struct buffer *text, const struct mil_block *block, int depth) {
    for (size_t i = 0; i < block->item_count; i++) {
        const struct mil_value *constant = block->items[i].constant;
        if (constant == NULL) {
            print_op(text, block->items[i].op, depth);
        } else if (!is_short(constant)) {
            buffer_format(text, "%*s%s: ", 2 * depth, "", constant->name);
            print_type(text, &constant->type);
            if (constant->blob_offset != 0)
                buffer_format(text, " at %llu\n", (unsigned long long)constant->blob_offset);
            else
                buffer_format(text, " of %zu bytes\n", constant->bytes);
        }
    }
    buffer_format(text, "%*sreturn ", 2 * depth, "");
    for (size_t i = 0; i < block->output_count; i++) {
        buffer_text(text, i == 0 ? "" : ", ");
        print_use(text, block->outputs[i]);
    }
    buffer_text(text, "\n");
}

void print_program(struct buffer *text, const struct mil_model *model) {
    for (size_t i = 0; i < model->function_count; i++) {
        const struct mil_function *function = model->functions[i];
        buffer_format(text, "%sfunc %s<%s>(", i == 0 ? "" : "\n", function->name, function->opset);
        print_values(text, function->inputs, function->input_count);
        buffer_text(text, ") {\n");
        print_block(text, function->block, 1);
        buffer_text(text, "}\n");
    }
}
