/* mil.c - builds programs: one allocation list for all that a model owns.
 *
 * The idea to hold: nothing is freed alone. Small pieces are cut from chunks, large ones get a
 * chunk of their own. A list grows by moving to twice its length and leaves the old one behind, so
 * lists take at most twice what they need. Weights should be borrowed, not copied. What a program
 * means is left to check.c. */
#include "coreml/mil/mil.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "formats/dtype.h"

/* ------------------------------------------------------------------------------------ memory */

/* A program of some thousand operations takes about a megabyte. */
enum { CHUNK_BYTES = 64 * 1024 };
/* Of every piece: wide enough for any type, and for vectors over constants. */
enum { PIECE_ALIGNMENT = 16 };

struct mil_chunk {
    struct mil_chunk *next;
    size_t used, size;
    _Alignas(PIECE_ALIGNMENT) unsigned char bytes[];
};

static struct mil_chunk *add_chunk(struct mil_model *model, size_t size) {
    size_t total;
    struct mil_chunk *chunk = NULL;
    if (checked_add(sizeof *chunk, size, &total)) chunk = calloc(1, total);
    if (chunk == NULL) {
        model->failed = 1;
        return NULL;
    }
    chunk->size = size;
    /* A chunk for one large piece goes behind the chunk in use, which still has space. */
    if (size > CHUNK_BYTES && model->chunks != NULL) {
        chunk->next = model->chunks->next;
        model->chunks->next = chunk;
    } else {
        chunk->next = model->chunks;
        model->chunks = chunk;
    }
    return chunk;
}

void *mil_alloc(struct mil_model *model, size_t bytes) {
    size_t size;
    if (model == NULL || model->failed) return NULL;
    if (!checked_add(bytes, PIECE_ALIGNMENT - 1, &size)) {
        model->failed = 1;
        return NULL;
    }
    size -= size % PIECE_ALIGNMENT;
    struct mil_chunk *chunk = model->chunks;
    if (chunk == NULL || size > chunk->size - chunk->used)
        chunk = add_chunk(model, size > CHUNK_BYTES ? size : (size_t)CHUNK_BYTES);
    if (chunk == NULL) return NULL;
    void *piece = chunk->bytes + chunk->used;
    chunk->used += size;
    return piece;
}

const char *mil_text(struct mil_model *model, const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    char *text = length < 0 ? NULL : mil_alloc(model, (size_t)length + 1);
    if (text != NULL) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(list);
    return text;
}

static const char *copy_text(struct mil_model *model, const char *text) {
    return text == NULL ? NULL : mil_text(model, "%s", text);
}

/* The capacity is doubled when the count reaches a power of two, so it needs no field. */
void *mil_grow(struct mil_model *model, void *list, size_t count, size_t size) {
    size_t bytes;
    if (model == NULL || model->failed) return NULL;
    if (count != 0 && (count & (count - 1)) != 0) return list;
    if (!checked_mul(count == 0 ? 1 : count, 2 * size, &bytes)) {
        model->failed = 1;
        return NULL;
    }
    void *longer = mil_alloc(model, bytes);
    if (longer != NULL && count != 0) memcpy(longer, list, count * size);
    return longer;
}

/* Lists of pointers to constant and to other values share it, by memcpy. */
int mil_append(struct mil_model *model, void *list, size_t *count, const void *item) {
    void **old;
    memcpy(&old, list, sizeof old);
    void **items = mil_grow(model, old, *count, sizeof item);
    if (items == NULL) return 0;
    memcpy(&items[*count], &item, sizeof item);
    memcpy(list, &items, sizeof items);
    ++*count;
    return 1;
}

/* ------------------------------------------------------------------------------------- model */

struct mil_model *mil_model_new(void) {
    return calloc(1, sizeof(struct mil_model));
}

void mil_model_free(struct mil_model *model) {
    if (model == NULL) return;
    for (struct mil_chunk *chunk = model->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    if (model->weights.data != NULL) file_view_close(&model->weights);
    free(model);
}

pst_status mil_model_check(const struct mil_model *model, pst_error *err) {
    return model == NULL || model->failed ? error_memory(err, 0) : PST_OK;
}

static struct mil_value *new_value(struct mil_model *model, const char *name,
                                   struct mil_type type) {
    struct mil_value *value = mil_alloc(model, sizeof *value);
    if (value == NULL) return NULL;
    value->name = copy_text(model, name);
    value->type = type;
    return value;
}

/* A value at the end of a list of values. */
static struct mil_value *add_value(struct mil_model *model, struct mil_value ***list, size_t *count,
                                   const char *name, struct mil_type type) {
    struct mil_value *value = new_value(model, name, type);
    return value != NULL && mil_append(model, list, count, value) ? value : NULL;
}

struct mil_block *mil_block_new(struct mil_model *model) {
    return mil_alloc(model, sizeof(struct mil_block));
}

struct mil_function *mil_function_new(struct mil_model *model, const char *name,
                                      const char *opset) {
    struct mil_function *function = mil_alloc(model, sizeof *function);
    if (function == NULL) return NULL;
    function->name = copy_text(model, name);
    function->opset = copy_text(model, opset);
    function->block = mil_block_new(model);
    if (!mil_append(model, &model->functions, &model->function_count, function)) return NULL;
    return function;
}

struct mil_value *mil_function_input(struct mil_model *model, struct mil_function *function,
                                     const char *name, struct mil_type type) {
    return function == NULL
               ? NULL
               : add_value(model, &function->inputs, &function->input_count, name, type);
}

/* ------------------------------------------------------------------------------------ blocks */

struct mil_value *mil_block_input(struct mil_model *model, struct mil_block *block,
                                  const char *name, struct mil_type type) {
    return block == NULL ? NULL : add_value(model, &block->inputs, &block->input_count, name, type);
}

void mil_block_output(struct mil_model *model, struct mil_block *block,
                      const struct mil_value *value) {
    if (block != NULL && value != NULL)
        mil_append(model, &block->outputs, &block->output_count, value);
}

static int add_item(struct mil_model *model, struct mil_block *block, struct mil_op *op,
                    struct mil_value *constant) {
    struct mil_item *items = mil_grow(model, block->items, block->item_count, sizeof *items);
    if (items == NULL) return 0;
    block->items = items;
    items[block->item_count++] = (struct mil_item){.op = op, .constant = constant};
    return 1;
}

/* --------------------------------------------------------------------------------- constants */

struct mil_value *mil_const(struct mil_model *model, struct mil_block *block, const char *name,
                            struct mil_type type, const void *data, size_t bytes, int borrowed) {
    struct mil_value *value = new_value(model, name, type);
    if (value == NULL) return NULL;
    value->bytes = bytes;
    value->inlined = block == NULL;
    value->data = data;
    if (!borrowed || data == NULL) {
        void *copy = mil_alloc(model, bytes != 0 ? bytes : 1); /* never NULL: that means computed */
        if (copy == NULL) return NULL;
        if (bytes != 0 && data != NULL) memcpy(copy, data, bytes);
        value->data = copy;
    }
    if (block != NULL && !add_item(model, block, NULL, value)) return NULL;
    return value;
}

/* -------------------------------------------------------------------------------- operations */

struct mil_op *mil_op_new(struct mil_model *model, struct mil_block *block, const char *type) {
    struct mil_op *op = block == NULL ? NULL : mil_alloc(model, sizeof *op);
    if (op == NULL) return NULL;
    op->type = copy_text(model, type);
    return add_item(model, block, op, NULL) ? op : NULL;
}

void mil_op_arguments(struct mil_model *model, struct mil_op *op, const char *name,
                      const struct mil_value *const *values, size_t count) {
    if (op == NULL || values == NULL) return;
    for (size_t i = 0; i < count; i++)
        if (values[i] == NULL) return;
    struct mil_argument *arguments =
        mil_grow(model, op->arguments, op->argument_count, sizeof *arguments);
    const struct mil_value **list = mil_alloc(model, count * sizeof *list);
    const char *copy = copy_text(model, name);
    if (arguments == NULL || list == NULL || copy == NULL) return;
    if (count != 0) memcpy(list, values, count * sizeof *list);
    op->arguments = arguments;
    arguments[op->argument_count++] =
        (struct mil_argument){.name = copy, .values = list, .count = count};
}

void mil_op_argument(struct mil_model *model, struct mil_op *op, const char *name,
                     const struct mil_value *value) {
    mil_op_arguments(model, op, name, &value, 1);
}

void mil_op_attribute(struct mil_model *model, struct mil_op *op, const char *name,
                      struct mil_value *value) {
    if (op == NULL || value == NULL) return;
    size_t before = op->argument_count;
    value->inlined = 1;
    mil_op_argument(model, op, name, value);
    if (op->argument_count > before) op->arguments[before].attribute = 1;
}

struct mil_value *mil_op_output(struct mil_model *model, struct mil_op *op, const char *name,
                                struct mil_type type) {
    struct mil_value *value =
        op == NULL ? NULL : add_value(model, &op->outputs, &op->output_count, name, type);
    if (value != NULL) value->op = op;
    return value;
}

void mil_op_block(struct mil_model *model, struct mil_op *op, struct mil_block *block) {
    if (op != NULL && block != NULL) mil_append(model, &op->blocks, &op->block_count, block);
}

const struct mil_argument *mil_op_find(const struct mil_op *op, const char *name) {
    for (size_t i = 0; op != NULL && i < op->argument_count; i++)
        if (strcmp(op->arguments[i].name, name) == 0) return &op->arguments[i];
    return NULL;
}

const struct mil_value *mil_op_value(const struct mil_op *op, const char *name) {
    const struct mil_argument *argument = mil_op_find(op, name);
    return argument != NULL && argument->count == 1 ? argument->values[0] : NULL;
}

/* ------------------------------------------------------------------------------------- visits */

typedef pst_status (*visit_fn)(void *user, struct mil_value *value, const char *name);

static pst_status each_of_block(const struct mil_block *block, visit_fn visit, void *user) {
    pst_status status = PST_OK;
    for (size_t i = 0; i < block->item_count && !status; i++) {
        struct mil_value *constant = block->items[i].constant;
        const struct mil_op *op = block->items[i].op;
        if (constant != NULL) status = visit(user, constant, constant->name);
        for (size_t a = 0; op != NULL && a < op->argument_count; a++)
            for (size_t v = 0; v < op->arguments[a].count && !status; v++) {
                /* Arguments only look at values, but this one the model owns. */
                struct mil_value *value = (struct mil_value *)op->arguments[a].values[v];
                if (value->inlined) status = visit(user, value, op->arguments[a].name);
            }
        for (size_t b = 0; op != NULL && b < op->block_count && !status; b++)
            status = each_of_block(op->blocks[b], visit, user);
    }
    return status;
}

pst_status mil_each_constant(const struct mil_model *model, visit_fn visit, void *user) {
    pst_status status = PST_OK;
    for (size_t i = 0; i < model->function_count && !status; i++)
        status = each_of_block(model->functions[i]->block, visit, user);
    return status;
}

size_t mil_floats(const struct mil_value *value, size_t from, float numbers[MIL_FLOATS]) {
    size_t count = mil_elements(&value->type), left = count > from ? count - from : 0;
    int half = value->type.dtype == MIL_F16;
    if (!mil_is_float(value->type.dtype)) return 0;
    if (left > MIL_FLOATS) left = MIL_FLOATS;
    dtype_to_float(half ? DTYPE_F16 : DTYPE_F32,
                   (const unsigned char *)value->data + from * (half ? 2 : 4), left, numbers);
    return left;
}

struct mil_function *mil_function_find(const struct mil_model *model, const char *name) {
    for (size_t i = 0; i < model->function_count; i++)
        if (strcmp(model->functions[i]->name, name) == 0) return model->functions[i];
    return NULL;
}
