/* op_matmul.c - products of matrices: matmul, linear, einsum.
 *
 * Products of floats are batches of x [m, k] times w [k, n] or, transposed, [n, k]; the kernels
 * take both. Products of integers, and the sums that einsum describes with letters, are computed
 * one element after the other. */
#include <stdlib.h>
#include <string.h>

#include "coreml/ops/op_product.h"
#include "coreml/ops/tensor_walk.h"

/* --------------------------------------------------------------------------------------- matmul */

/* A matrix in the last two dimensions; a vector is one row of x, or one column of y. */
struct operand {
    struct mil_type batch; /* the dimensions before the last two */
    int64_t rows, cols;    /* as they are multiplied */
    int transposed;        /* in memory the columns are rows */
    int64_t stride;        /* elements of a row in memory */
};

static struct operand operand_of(const struct op_call *call, const char *name, int is_column) {
    const struct mil_type *type = op_type(call, name);
    struct operand operand = {.batch = *type};
    operand.rows = type->rank > 1 ? type->dims[type->rank - 2] : is_column ? type->dims[0] : 1;
    operand.cols = type->rank > 1 ? type->dims[type->rank - 1] : is_column ? 1 : type->dims[0];
    operand.batch.rank = type->rank > 1 ? type->rank - 2 : 0;
    operand.stride = operand.cols;
    if (type->rank < 2 || op_int(call, is_column ? "transpose_y" : "transpose_x", 0) == 0)
        return operand;
    operand.transposed = 1;
    operand.cols = operand.rows;
    operand.rows = operand.stride;
    return operand;
}

static int infer_matmul(struct op_call *call) {
    uint32_t x_rank = op_type(call, "x")->rank, y_rank = op_type(call, "y")->rank;
    if (x_rank == 0 || y_rank == 0) return op_refuse(call, "an operand is a scalar");
    struct operand x = operand_of(call, "x", 0), y = operand_of(call, "y", 1);
    struct mil_type type;
    if (x.cols >= 0 && y.rows >= 0 && x.cols != y.rows)
        return op_refuse(call, "x has %lld columns, y %lld rows", (long long)x.cols,
                         (long long)y.rows);
    if (!op_broadcast(call, &x.batch, &y.batch, &type)) return 0;
    if (type.rank + 2 > MIL_RANK_MAX) return op_refuse(call, "its result has too many axes");
    if (x_rank > 1) type.dims[type.rank++] = x.rows;
    if (y_rank > 1) type.dims[type.rank++] = y.cols;
    return op_give(call, type);
}

/* The sum over all steps of `sum` of x times y, for each step of `out`, a walk over the result. */
static pst_status contract(struct op_call *call, const struct mil_tensor *x,
                           const struct mil_tensor *y, struct walk out, const struct walk *sum) {
    struct mil_tensor *z = op_result(call, 0);
    size_t terms = walk_length(sum), done = 0;
    pst_status status = op_work(call, walk_length(&out), terms, 1);
    if (status) return status;
    do {
        struct walk walk = *sum;
        double floats = 0;
        uint32_t integers = 0; /* wraps */
        for (size_t i = 0; i < terms; i++, (void)walk_next(&walk)) {
            ptrdiff_t at = out.offset[0] + walk.offset[0], other = out.offset[1] + walk.offset[1];
            if (z->f)
                floats += (double)x->f[at] * (double)y->f[other];
            else
                integers += (uint32_t)x->i[at] * (uint32_t)y->i[other];
        }
        if (z->f)
            z->f[done++] = (float)floats;
        else
            z->i[done++] = (int32_t)integers;
    } while (walk_next(&out));
    return PST_OK;
}

struct batches {
    struct operand x, y;
    struct walk walk;  /* over the batches, in matrices of x and of y */
    float *transposed; /* [m, k]: x, when it is transposed in memory; or NULL */
};

static pst_status multiply_integers(struct op_call *call, const struct batches *batches) {
    const struct operand *x = &batches->x, *y = &batches->y;
    struct walk out = batches->walk, sum = {.rank = 1, .dims = {(size_t)x->cols}};
    for (uint32_t i = 0; i < out.rank; i++) {
        out.stride[0][i] *= (ptrdiff_t)(x->rows * x->cols);
        out.stride[1][i] *= (ptrdiff_t)(y->rows * y->cols);
    }
    sum.stride[0][0] = x->transposed ? (ptrdiff_t)x->stride : 1;
    sum.stride[1][0] = y->transposed ? 1 : (ptrdiff_t)y->stride;
    out.dims[out.rank] = (size_t)x->rows;
    out.stride[0][out.rank++] = x->transposed ? 1 : (ptrdiff_t)x->stride;
    out.dims[out.rank] = (size_t)y->cols;
    out.stride[1][out.rank++] = y->transposed ? (ptrdiff_t)y->stride : 1;
    return contract(call, op_tensor(call, "x"), op_tensor(call, "y"), out, &sum);
}

/* [rows, cols] to [cols, rows] */
static void transpose(float *to, const float *from, size_t rows, size_t cols) {
    for (size_t j = 0; j < cols; j++)
        for (size_t i = 0; i < rows; i++) to[j * rows + i] = from[i * cols + j];
}

static pst_status multiply_batch(struct op_call *call, const struct batches *batches, float *out) {
    const struct operand *x = &batches->x, *y = &batches->y;
    const struct walk *walk = &batches->walk;
    const float *rows = op_tensor(call, "x")->f + walk->offset[0] * (x->rows * x->cols);
    if (batches->transposed) {
        transpose(batches->transposed, rows, (size_t)x->cols, (size_t)x->rows);
        rows = batches->transposed;
    }
    struct matmul matmul = {
        .y = out,
        .x = rows,
        .w = op_tensor(call, "y")->f + walk->offset[1] * (y->rows * y->cols),
        .m = (size_t)x->rows,
        .n = (size_t)y->cols,
        .k = (size_t)x->cols,
        .scale = 1,
        .w_is_kn = !y->transposed,
    };
    return op_product(call, matmul);
}

static pst_status run_matmul(struct op_call *call) {
    struct batches batches = {.x = operand_of(call, "x", 0), .y = operand_of(call, "y", 1)};
    const struct operand *x = &batches.x, *y = &batches.y;
    const struct mil_tensor *z = op_result(call, 0);
    struct mil_type lead;
    (void)op_broadcast(call, &x->batch, &y->batch, &lead);
    batches.walk = walk_of(&lead);
    broadcast_strides(&x->batch, &lead, batches.walk.stride[0]);
    broadcast_strides(&y->batch, &lead, batches.walk.stride[1]);
    if (z->i != NULL) return multiply_integers(call, &batches);
    size_t done = 0, size = (size_t)(x->rows * x->cols);
    pst_status status = x->transposed ? op_floats_new(call, size, &batches.transposed) : PST_OK;
    if (status) return status;
    do {
        status = multiply_batch(call, &batches, z->f + done);
        done += (size_t)(x->rows * y->cols);
    } while (status == PST_OK && walk_next(&batches.walk));
    free(batches.transposed);
    return status;
}

/* --------------------------------------------------------------------------------------- linear */

static int infer_linear(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *weight = op_type(call, "weight");
    struct mil_type type = *x;
    if (x->rank < 1 || x->rank > 3)
        return op_refuse(call, "x has rank %u, expected 1 to 3", (unsigned)x->rank);
    if (x->dims[x->rank - 1] >= 0 && x->dims[x->rank - 1] != weight->dims[1])
        return op_refuse(call, "x has %lld columns, the weight takes %lld",
                         (long long)x->dims[x->rank - 1], (long long)weight->dims[1]);
    if (!op_has_length(call, "bias", weight->dims[0])) return 0;
    type.dims[type.rank - 1] = weight->dims[0];
    return op_give(call, type);
}

static pst_status run_linear(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x"), *weight = op_tensor(call, "weight");
    const struct mil_tensor *y = op_result(call, 0);
    struct matmul matmul = {
        .y = y->f,
        .x = x->f,
        .w = weight->f,
        .bias = op_tensor(call, "bias")->f,
        .m = span_of(&x->type, 0, x->type.rank - 1),
        .n = (size_t)weight->type.dims[0],
        .k = (size_t)weight->type.dims[1],
        .scale = 1,
    };
    return op_product(call, matmul);
}

/* --------------------------------------------------------------------------------------- einsum */

/* "ab,bc->ac": the letters of both operands and of the result. */
struct equation {
    const char *letters[3];
    size_t count[3];
};

static int read_equation(struct op_call *call, struct equation *equation) {
    const char *text = op_text(call, "equation");
    const char *comma = strchr(text, ','), *arrow = strstr(text, "->");
    if (op_count(call, "values") != 2 || comma == NULL || arrow == NULL || arrow < comma)
        return op_refuse(call, "it takes two values and an equation ab,bc->ac");
    *equation =
        (struct equation){{text, comma + 1, arrow + 2},
                          {(size_t)(comma - text), (size_t)(arrow - comma - 1), strlen(arrow + 2)}};
    return equation->count[0] + equation->count[1] <= MIL_RANK_MAX ||
           op_refuse(call, "its operands have more than %d axes together", MIL_RANK_MAX);
}

enum { UNUSED = -2 }; /* a letter of no operand */

/* Stores the dimensions that the letters of one operand stand for; 0 with a reason. */
static int note_letters(struct op_call *call, const char *letters, size_t length,
                        const struct mil_type *type, int64_t sizes[26]) {
    if (length != type->rank)
        return op_refuse(call, "the equation has %zu letters for a tensor of rank %u", length,
                         (unsigned)type->rank);
    for (size_t i = 0; i < length; i++) {
        if (letters[i] < 'a' || letters[i] > 'z')
            return op_refuse(call, "the equation has letters other than a to z");
        int64_t *size = &sizes[letters[i] - 'a'];
        if (*size >= 0 && type->dims[i] >= 0 && *size != type->dims[i])
            return op_refuse(call, "%c is %lld and %lld", letters[i], (long long)*size,
                             (long long)type->dims[i]);
        if (*size < 0) *size = type->dims[i];
    }
    return 1;
}

static int infer_einsum(struct op_call *call) {
    struct equation equation;
    int64_t sizes[26];
    for (int i = 0; i < 26; i++) sizes[i] = UNUSED;
    if (!read_equation(call, &equation)) return 0;
    struct mil_type type = {.dtype = op_type_at(call, "values", 0)->dtype};
    for (size_t i = 0; i < 2; i++)
        if (!note_letters(call, equation.letters[i], equation.count[i],
                          op_type_at(call, "values", i), sizes))
            return 0;
    for (size_t i = 0; i < equation.count[2]; i++) {
        char letter = equation.letters[2][i];
        if (letter < 'a' || letter > 'z' || sizes[letter - 'a'] == UNUSED)
            return op_refuse(call, "the equation's result has a letter of no operand");
        if (memchr(equation.letters[2], letter, i) != NULL)
            return op_refuse(call, "the equation's result has %c twice", letter);
        type.dims[type.rank++] = sizes[letter - 'a'];
    }
    return op_give(call, type);
}

/* Adds the strides of an operand to the walks: letters of the result to `out`, others to `sum`. */
static void add_operand(const struct equation *equation, int operand, const struct mil_type *type,
                        struct walk *out, struct walk *sum, char summed[MIL_RANK_MAX]) {
    ptrdiff_t strides[MIL_RANK_MAX];
    strides_of(type, strides);
    for (uint32_t i = 0; i < type->rank; i++) {
        char letter = equation->letters[operand][i];
        const char *at = memchr(equation->letters[2], letter, equation->count[2]);
        if (at != NULL) {
            out->stride[operand][at - equation->letters[2]] += strides[i];
            continue;
        }
        at = memchr(summed, letter, sum->rank);
        uint32_t axis = at != NULL ? (uint32_t)(at - summed) : sum->rank++;
        summed[axis] = letter;
        sum->dims[axis] = (size_t)type->dims[i];
        sum->stride[operand][axis] += strides[i];
    }
}

static pst_status run_einsum(struct op_call *call) {
    const struct mil_tensor *x = op_tensor_at(call, "values", 0);
    const struct mil_tensor *y = op_tensor_at(call, "values", 1);
    struct equation equation = {{"", "", ""}, {0}}; /* the rule has read it before */
    char summed[MIL_RANK_MAX];
    struct walk out = walk_of(&op_result(call, 0)->type), sum = {0};
    (void)read_equation(call, &equation);
    add_operand(&equation, 0, &x->type, &out, &sum, summed);
    add_operand(&equation, 1, &y->type, &out, &sum, summed);
    return contract(call, x, y, out, &sum);
}

const struct op_row op_matmul_rows[] = {
    {"einsum", 6, "values F*, equation! s0", infer_einsum, run_einsum, 0, 0},
    {"linear", 6, "x F, weight! g2, bias! g1", infer_linear, run_linear, 0, 0},
    {"matmul", 6, "x N, y N, transpose_x! b0, transpose_y! b0", infer_matmul, run_matmul, 0, 0},
    {0},
};
