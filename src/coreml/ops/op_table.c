/* op_table.c - see op_table.h. */
#include "coreml/ops/op_table.h"

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
