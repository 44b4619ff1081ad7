/* op_table.c - see op_table.h. */
#include "coreml/ops/op_table.h"

#include <string.h>

const struct op_row *const op_families[] = {
    op_attention_rows, op_binary_rows, op_cast_rows,   op_constexpr_rows,
    op_control_rows,   op_conv_rows,   op_fill_rows,   op_gather_rows,
    op_join_rows,      op_lstm_rows,   op_matmul_rows, op_norm_rows,
    op_reduce_rows,    op_shape_rows,  op_slice_rows,  op_sort_rows,
    op_state_rows,     op_unary_rows,  NULL,
};

const struct op_row *op_find(const char *name, int32_t specification) {
    for (size_t i = 0; op_families[i] != NULL; i++)
        for (const struct op_row *row = op_families[i]; row->name != NULL; row++)
            if (strcmp(row->name, name) == 0 && specification >= row->since) return row;
    return NULL;
}
