/* ort_matrix.c - see ort_matrix.h. */
#include "import/ort_matrix.h"

#include <float.h>
#include <string.h>

#include "base/error.h"

float ort_float_at(const struct ort_tensor *tensor, size_t index) {
    float value;
    memcpy(&value, tensor->data + index * sizeof value, sizeof value);
    return value;
}

static int integer_at(const struct ort_tensor *tensor, size_t index) {
    int value = tensor->data[index];
    return tensor->type == ORT_INT8 && value > 127 ? value - 256 : value;
}

pst_status ort_matrix_check(const struct ort_matrix *matrix, const char *path, pst_error *err) {
    const struct ort_tensor *q = matrix->q, *scale = matrix->scale, *zero = matrix->zero_point;
    if (q->type != ORT_UINT8 && q->type != ORT_INT8)
        return error_set(err, PST_ERR_MODEL, "%s: %s has type %d, expected 8-bit integers", path,
                         q->name, (int)q->type);
    if (q->dims != 2)
        return error_set(err, PST_ERR_MODEL, "%s: %s has %u dimensions, expected a matrix", path,
                         q->name, q->dims);
    if (scale->type != ORT_FLOAT || (scale->count != 1 && scale->count != q->shape[1]))
        return error_set(err, PST_ERR_MODEL, "%s: %s is not one float32, or one per column", path,
                         scale->name);
    for (size_t i = 0; i < scale->count; i++) {
        float value = ort_float_at(scale, i);
        /* 255 is the widest q - zero_point; this much keeps every value finite. NaN fails too. */
        if (!(value > 0 && value <= FLT_MAX / 255))
            return error_set(err, PST_ERR_MODEL, "%s: %s is %g, expected a positive, finite scale",
                             path, scale->name, (double)value);
    }
    if (zero && (zero->type != q->type || (zero->count != 1 && zero->count != q->shape[1])))
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s is not one zero point of the type of %s, or one per column", path,
                         zero->name, q->name);
    return PST_OK;
}

float ort_matrix_step(const struct ort_matrix *matrix, size_t column) {
    return ort_float_at(matrix->scale, matrix->scale->count > 1 ? column : 0);
}

float ort_matrix_at(const struct ort_matrix *matrix, size_t row, size_t column) {
    int value = integer_at(matrix->q, row * matrix->q->shape[1] + column);
    if (matrix->zero_point)
        value -= integer_at(matrix->zero_point, matrix->zero_point->count > 1 ? column : 0);
    return (float)value * ort_matrix_step(matrix, column);
}

void ort_matrix_transpose(const struct ort_matrix *matrix, float *out) {
    /* In tiles, so that neither side is walked with strides past the first cache. */
    enum { TILE = 64 };
    size_t rows = matrix->q->shape[0], columns = matrix->q->shape[1];
    for (size_t c0 = 0; c0 < columns; c0 += TILE) {
        size_t c1 = columns - c0 < TILE ? columns : c0 + TILE;
        for (size_t r0 = 0; r0 < rows; r0 += TILE) {
            size_t r1 = rows - r0 < TILE ? rows : r0 + TILE;
            for (size_t c = c0; c < c1; c++)
                for (size_t r = r0; r < r1; r++) out[c * rows + r] = ort_matrix_at(matrix, r, c);
        }
    }
}
