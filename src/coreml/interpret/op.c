/* op.c - see op.h: arguments, results, walking and products, for the code of every operation. */
#include "coreml/interpret/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *op_name(const struct op_call *call) {
    return call->step->output_count ? call->step->outputs[0]->tensor.name : "";
}

void op_record(const struct op_call *call, pst_status code, const char *format, ...) {
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    error_record(call->err, code, "%s '%s': %s", call->step->op->type, op_name(call), text);
}

/* "[1, 288, ?] fp16" */
static const char *describe(const struct mil_type *type, char text[160]) {
    size_t at = 0;
    text[at++] = '[';
    for (uint32_t i = 0; i < type->rank; i++) {
        const char *comma = i ? ", " : "";
        if (type->dims[i] < 0)
            at += (size_t)snprintf(text + at, 160 - at, "%s?", comma);
        else
            at += (size_t)snprintf(text + at, 160 - at, "%s%lld", comma, (long long)type->dims[i]);
        if (at > 110) break;
    }
    snprintf(text + at, 160 - at, "] %s", mil_dtype_name(type->dtype));
    return text;
}

/* ----------------------------------------------------------------------------------------- arguments */

const struct step_argument *op_argument(const struct op_call *call, const char *name) {
    for (size_t i = 0; i < call->step->argument_count; i++)
        if (strcmp(call->step->arguments[i].name, name) == 0) return &call->step->arguments[i];
    return NULL;
}

/* The only slot of an argument, or NULL. */
static const struct slot *find_slot(const struct op_call *call, const char *name) {
    const struct step_argument *argument = op_argument(call, name);
    return argument && argument->count == 1 ? argument->slots[0] : NULL;
}

static int is_filled(const struct slot *slot) {
    return slot->tensor.f || slot->tensor.i;
}

pst_status op_tensor(const struct op_call *call, const char *name,
                     const struct mil_tensor **tensor) {
    const struct slot *slot = find_slot(call, name);
    if (slot == NULL || !is_filled(slot) || slot->value->type.state)
        return op_error(call, PST_ERR_MODEL, "needs a tensor as %s", name);
    *tensor = &slot->tensor;
    return PST_OK;
}

pst_status op_floats(const struct op_call *call, const char *name,
                     const struct mil_tensor **tensor) {
    pst_status status = op_tensor(call, name, tensor);
    if (status == PST_OK && (*tensor)->f == NULL)
        return op_error(call, PST_ERR_UNSUPPORTED, "%s of type %s is not supported", name,
                        mil_dtype_name((*tensor)->type.dtype));
    return status;
}

pst_status op_integers(const struct op_call *call, const char *name,
                       const struct mil_tensor **tensor) {
    pst_status status = op_tensor(call, name, tensor);
    if (status == PST_OK && (*tensor)->i == NULL)
        return op_error(call, PST_ERR_MODEL, "%s should hold integers", name);
    return status;
}

pst_status op_optional(const struct op_call *call, const char *name, int is_float,
                       const struct mil_tensor **tensor) {
    *tensor = NULL;
    if (op_argument(call, name) == NULL) return PST_OK;
    return is_float ? op_floats(call, name, tensor) : op_integers(call, name, tensor);
}

static pst_status find_number(const struct op_call *call, const char *name, int is_float,
                              const struct mil_tensor **tensor) {
    pst_status status = op_optional(call, name, is_float, tensor);
    size_t count = 1;
    if (status == PST_OK && *tensor && (!type_count(&(*tensor)->type, &count) || count != 1))
        return op_error(call, PST_ERR_MODEL, "%s should be one number", name);
    return status;
}

pst_status op_int(const struct op_call *call, const char *name, int32_t *value) {
    const struct mil_tensor *tensor;
    pst_status status = find_number(call, name, 0, &tensor);
    if (status == PST_OK && tensor) *value = tensor->i[0];
    return status;
}

pst_status op_float(const struct op_call *call, const char *name, float *value) {
    const struct mil_tensor *tensor;
    pst_status status = find_number(call, name, 1, &tensor);
    if (status == PST_OK && tensor) *value = tensor->f[0];
    return status;
}

pst_status op_choice(const struct op_call *call, const char *name, const char *words, int *choice) {
    const struct slot *slot = find_slot(call, name);
    if (slot == NULL && op_argument(call, name) == NULL) return PST_OK;
    const char *text = slot ? slot->value->data : NULL;
    if (text == NULL || slot->value->type.dtype != MIL_STRING ||
        memchr(text, 0, slot->value->bytes) == NULL)
        return op_error(call, PST_ERR_MODEL, "%s should be a word", name);
    size_t length = strlen(text);
    int index = 0;
    for (const char *word = words; word; index++) {
        const char *end = strchr(word, '|');
        if ((end ? (size_t)(end - word) : strlen(word)) == length &&
            memcmp(word, text, length) == 0) {
            *choice = index;
            return PST_OK;
        }
        word = end ? end + 1 : NULL;
    }
    return op_error(call, PST_ERR_UNSUPPORTED, "%s \"%s\" is not supported", name, text);
}

pst_status op_ints(const struct op_call *call, const char *name, size_t max, int32_t *values,
                   int *count) {
    const struct mil_tensor *tensor;
    *count = -1;
    pst_status status = op_optional(call, name, 0, &tensor);
    if (status || tensor == NULL) return status;
    size_t found;
    if (!type_count(&tensor->type, &found) || tensor->type.rank > 1 || found > max)
        return op_error(call, PST_ERR_MODEL, "%s should be a vector of at most %zu numbers", name,
                        max);
    memcpy(values, tensor->i, found * sizeof *values);
    *count = (int)found;
    return PST_OK;
}

pst_status op_ints_of(const struct op_call *call, const char *name, size_t count, int32_t *values) {
    int32_t found[2 * MIL_RANK_MAX];
    int found_count;
    pst_status status = op_ints(call, name, 2 * MIL_RANK_MAX, found, &found_count);
    if (status || found_count < 0) return status;
    if ((size_t)found_count != count)
        return op_error(call, PST_ERR_MODEL, "%s has %d numbers where %zu are needed", name,
                        found_count, count);
    memcpy(values, found, count * sizeof *values);
    return PST_OK;
}

pst_status op_values(const struct op_call *call, const struct step_argument **values) {
    *values = op_argument(call, "values");
    if (*values == NULL || (*values)->count == 0)
        return op_error(call, PST_ERR_MODEL, "needs tensors as values");
    const struct slot *first = (*values)->slots[0];
    for (size_t i = 0; i < (*values)->count; i++) {
        const struct slot *slot = (*values)->slots[i];
        if (!is_filled(slot) || slot->tensor.type.dtype != first->tensor.type.dtype)
            return op_error(call, PST_ERR_MODEL, "values should be tensors of one type");
    }
    return PST_OK;
}

pst_status op_axis(const struct op_call *call, const char *name, uint32_t rank, uint32_t *axis) {
    int32_t given = (int32_t)*axis;
    pst_status status = op_int(call, name, &given);
    if (status) return status;
    int64_t place = given < 0 ? (int64_t)given + rank : given;
    if (place < 0 || place >= rank)
        return op_error(call, PST_ERR_MODEL, "%s %d of a tensor of rank %u", name, given, rank);
    *axis = (uint32_t)place;
    return PST_OK;
}

pst_status op_axes(const struct op_call *call, const char *name, uint32_t rank, int *flags) {
    int32_t given[MIL_RANK_MAX];
    int count;
    pst_status status = op_ints(call, name, MIL_RANK_MAX, given, &count);
    if (status) return status;
    for (uint32_t i = 0; i < rank; i++) flags[i] = count < 0;
    for (int i = 0; i < count; i++) {
        int64_t place = given[i] < 0 ? (int64_t)given[i] + rank : given[i];
        if (place < 0 || place >= rank || flags[place])
            return op_error(call, PST_ERR_MODEL, "%s has %d for a tensor of rank %u", name,
                            given[i], rank);
        flags[place] = 1;
    }
    return PST_OK;
}

/* ------------------------------------------------------------------------------------------- results */

pst_status op_output(struct op_call *call, size_t index, const struct mil_type *type,
                     struct mil_tensor **output) {
    if (index >= call->step->output_count)
        return op_error(call, PST_ERR_MODEL, "declares %zu results, too few",
                        call->step->output_count);
    struct slot *slot = call->step->outputs[index];
    const struct mil_type *declared = &slot->value->type;
    int fits = type->dtype == declared->dtype && type->rank == declared->rank;
    for (uint32_t i = 0; fits && i < type->rank; i++)
        fits = declared->dims[i] < 0 || declared->dims[i] == type->dims[i];
    if (!fits) {
        char gives[160], says[160];
        return op_error(call, PST_ERR_MODEL, "gives %s, the program declares %s",
                        describe(type, gives), describe(declared, says));
    }
    pst_status status = slot_fill(call->machine, slot, type, call->err);
    if (status) return status;
    slot->tensor.type.state = 0;
    *output = &slot->tensor;
    size_t count = 0;
    return type_count(type, &count) ? op_work(call, count, 1, 1) : PST_OK;
}

pst_status op_copy(struct op_call *call, size_t index, const struct mil_tensor *x,
                   const struct mil_type *type) {
    size_t count, wanted;
    if (!type_count(&x->type, &count) || !type_count(type, &wanted) || count != wanted) {
        char from[160], to[160];
        return op_error(call, PST_ERR_MODEL, "%s cannot become %s", describe(&x->type, from),
                        describe(type, to));
    }
    struct mil_tensor *y;
    pst_status status = op_output(call, index, type, &y);
    if (status) return status;
    if (x->f)
        memcpy(y->f, x->f, count * sizeof *y->f);
    else
        memcpy(y->i, x->i, count * sizeof *y->i);
    return PST_OK;
}

pst_status op_work(struct op_call *call, size_t a, size_t b, size_t c) {
    size_t product;
    struct mil_machine *machine = call->machine;
    if (!checked_mul(a, b, &product) || !checked_mul(product, c, &product) ||
        product > machine->limits.work - machine->work)
        return op_error(call, PST_ERR_UNSUPPORTED, "the program would run too long");
    machine->work += product;
    return PST_OK;
}

pst_status op_floats_new(struct op_call *call, size_t count, float **floats) {
    size_t bytes;
    const struct mil_machine *machine = call->machine;
    if (!checked_mul(count ? count : 1, sizeof(float), &bytes) ||
        bytes > machine->limits.bytes - machine->bytes)
        return op_error(call, PST_ERR_UNSUPPORTED, "needs more than %zu MB of memory",
                        machine->limits.bytes >> 20);
    *floats = malloc(bytes);
    return *floats ? PST_OK : error_memory(call->err, bytes);
}

/* ------------------------------------------------------------------------------------------ spreading */

struct spread {
    size_t total, piece;
    void (*task)(void *context, size_t first, size_t count);
    void *context;
};

static void run_piece(void *context, size_t index, unsigned thread) {
    const struct spread *spread = context;
    (void)thread;
    size_t first = index * spread->piece, left = spread->total - first;
    spread->task(spread->context, first, left < spread->piece ? left : spread->piece);
}

void op_spread(struct op_call *call, size_t total, size_t piece,
               void (*task)(void *context, size_t first, size_t count), void *context) {
    struct spread spread = {total, piece, task, context};
    size_t pieces = total / piece + (total % piece != 0);
    if (pieces == 1)
        task(context, 0, total);
    else if (pieces)
        thread_pool_run(call->machine->pool, pieces, run_piece, &spread);
}

/* ------------------------------------------------------------------------------------------- products */

struct product {
    const struct matmul *whole;
    const struct kernels *kernels;
    size_t columns; /* of a task */
    char *scratch;
    size_t scratch_bytes; /* of a thread */
};

static void run_columns(void *context, size_t index, unsigned thread) {
    const struct product *product = context;
    struct matmul part = *product->whole;
    size_t first = index * product->columns;
    part.n = part.n - first < product->columns ? part.n - first : product->columns;
    part.y += first;
    part.w += part.w_is_kn ? first : first * part.w_stride;
    if (part.bias) part.bias += first;
    product->kernels->matmul(&part,
                             (float *)(void *)(product->scratch + thread * product->scratch_bytes));
}

static pst_status fit_scratch(struct op_call *call, size_t bytes) {
    struct mil_machine *machine = call->machine;
    if (bytes <= machine->scratch_bytes) return PST_OK;
    if (bytes > machine->limits.bytes - machine->bytes)
        return op_error(call, PST_ERR_UNSUPPORTED, "needs more than %zu MB of memory",
                        machine->limits.bytes >> 20);
    free(machine->scratch);
    machine->scratch_bytes = 0;
    machine->scratch = aligned_alloc(64, bytes);
    if (machine->scratch == NULL) return error_memory(call->err, bytes);
    machine->scratch_bytes = bytes;
    return PST_OK;
}

pst_status op_product(struct op_call *call, const struct matmul *product) {
    const struct kernels *kernels = call->machine->kernels;
    size_t panel, all, threads = thread_pool_size(call->machine->pool);
    if (product->m == 0 || product->n == 0) return PST_OK;
    if (product->k == 0) {
        for (size_t i = 0; i < product->m && !product->accumulate; i++)
            for (size_t j = 0; j < product->n; j++)
                product->y[i * product->y_stride + j] = product->bias ? product->bias[j] : 0;
        return PST_OK;
    }
    pst_status status = op_work(call, product->m, product->n, product->k);
    if (status) return status;
    if (!checked_mul(product->k, KERNELS_PANEL_MAX * sizeof(float), &panel) ||
        !checked_mul(panel, threads, &all))
        return op_error(call, PST_ERR_UNSUPPORTED, "is too large");
    status = fit_scratch(call, all);
    if (status) return status;
    /* A panel a task; with few rows more, or taking tasks would cost more than doing them. */
    size_t columns = kernels->panel;
    while (columns < product->n && columns * product->k * product->m < 1 << 16) columns *= 2;
    struct product run = {product, kernels, columns, call->machine->scratch, panel};
    thread_pool_run(call->machine->pool, (product->n + columns - 1) / columns, run_columns, &run);
    return PST_OK;
}

/* -------------------------------------------------------------------------------------------- walking */

int walk_next(struct walk *walk) {
    for (uint32_t i = walk->rank; i-- > 0;) {
        for (int t = 0; t < 3; t++) walk->offset[t] += walk->stride[t][i];
        if (++walk->index[i] < walk->dims[i]) return 1;
        for (int t = 0; t < 3; t++)
            walk->offset[t] -= walk->stride[t][i] * (ptrdiff_t)walk->dims[i];
        walk->index[i] = 0;
    }
    return 0;
}

void strides_of(const struct mil_type *type, ptrdiff_t *strides) {
    ptrdiff_t stride = 1;
    for (uint32_t i = type->rank; i-- > 0;) {
        strides[i] = stride;
        stride *= (ptrdiff_t)type->dims[i];
    }
}

size_t span_of(const struct mil_type *type, uint32_t from, uint32_t to) {
    size_t product = 1;
    for (uint32_t i = from; i < to; i++) product *= (size_t)type->dims[i];
    return product;
}

int broadcast_type(const struct mil_type *a, const struct mil_type *b, struct mil_type *type) {
    const struct mil_type *longer = a->rank >= b->rank ? a : b;
    const struct mil_type *shorter = longer == a ? b : a;
    *type = *a;
    type->state = 0;
    type->rank = longer->rank;
    uint32_t lead = longer->rank - shorter->rank;
    for (uint32_t i = 0; i < longer->rank; i++) {
        int64_t from = longer->dims[i], other = i < lead ? 1 : shorter->dims[i - lead];
        if (from != other && from != 1 && other != 1) return 0;
        type->dims[i] = from == 1 ? other : from;
    }
    return 1;
}

void broadcast_strides(const struct mil_type *from, const struct mil_type *to, ptrdiff_t *strides) {
    ptrdiff_t own[MIL_RANK_MAX];
    strides_of(from, own);
    uint32_t lead = to->rank - from->rank;
    for (uint32_t i = 0; i < to->rank; i++)
        strides[i] = i < lead || from->dims[i - lead] == 1 ? 0 : own[i - lead];
}

struct place place_of(const struct mil_tensor *tensor) {
    struct place place = {.data = tensor->f ? (void *)tensor->f : (void *)tensor->i};
    strides_of(&tensor->type, place.strides);
    return place;
}

void move_block(uint32_t rank, const int64_t *dims, const struct place *to,
                const struct place *from) {
    enum { SIZE = sizeof(float) };
    size_t n = rank ? (size_t)dims[rank - 1] : 1;
    ptrdiff_t to_step = rank ? to->strides[rank - 1] : 0;
    ptrdiff_t from_step = rank ? from->strides[rank - 1] : 0;
    struct walk walk = {.rank = rank ? rank - 1 : 0};
    for (uint32_t i = 0; i < rank; i++) {
        if (dims[i] == 0) return;
        walk.dims[i] = (size_t)dims[i];
        walk.stride[0][i] = to->strides[i];
        walk.stride[1][i] = from->strides[i];
    }
    do {
        char *target = (char *)to->data + (to->base + walk.offset[0]) * SIZE;
        const char *source = (const char *)from->data + (from->base + walk.offset[1]) * SIZE;
        if (to_step == 1 && from_step == 1) {
            memcpy(target, source, n * SIZE);
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            memcpy(target, source, SIZE);
            target += to_step * SIZE;
            source += from_step * SIZE;
        }
    } while (walk_next(&walk));
}

/* ------------------------------------------------------------------------------------------ the table */

const struct op_entry *op_find(const char *type) {
    static const struct op_entry *const tables[] = {
        op_unary_entries,  op_binary_entries,    op_cast_entries,    op_matmul_entries,
        op_conv_entries,   op_norm_entries,      op_reduce_entries,  op_sort_entries,
        op_shape_entries,  op_slice_entries,     op_join_entries,    op_fill_entries,
        op_gather_entries, op_constexpr_entries, op_control_entries, op_recurrent_entries,
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct op_entry *entry = tables[i]; entry->type; entry++)
            if (strcmp(entry->type, type) == 0) return entry;
    return NULL;
}
