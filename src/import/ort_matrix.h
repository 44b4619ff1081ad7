/* ort_matrix.h - a matrix of 8-bit integers as ONNX Runtime's quantiser leaves it.
 *
 * Value = (q - zero_point) * scale. Scale and zero point are one for the whole matrix, or one per
 * column. */
#ifndef PST_IMPORT_ORT_MATRIX_H
#define PST_IMPORT_ORT_MATRIX_H

#include "import/ort_file.h"
#include "potstill.h"

struct ort_matrix {
    const struct ort_tensor *q;          /* [rows, columns] */
    const struct ort_tensor *scale;      /* [] or [columns] */
    const struct ort_tensor *zero_point; /* [] or [columns], of the type of q; NULL: 0 */
};

/* To be called before the others: are these tensors such a matrix? `path` is for messages. */
pst_status ort_matrix_check(const struct ort_matrix *matrix, const char *path, pst_error *err);

/* The scale of a column: the step between neighbouring values. */
float ort_matrix_step(const struct ort_matrix *matrix, size_t column);
float ort_matrix_at(const struct ort_matrix *matrix, size_t row, size_t column);
/* All values, transposed: out [columns, rows]. */
void ort_matrix_transpose(const struct ort_matrix *matrix, float *out);

/* Value `index` of a float32 constant, at any alignment. */
float ort_float_at(const struct ort_tensor *tensor, size_t index);

#endif
