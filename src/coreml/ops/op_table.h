/* op_table.h - every operation that the interpreter runs, by the name programs give it. */
#ifndef PST_COREML_OPS_OP_TABLE_H
#define PST_COREML_OPS_OP_TABLE_H

#include "coreml/ops/op.h"

extern const struct op_entry op_unary_entries[];     /* op_unary.c */
extern const struct op_entry op_binary_entries[];    /* op_binary.c */
extern const struct op_entry op_cast_entries[];      /* op_cast.c */
extern const struct op_entry op_matmul_entries[];    /* op_matmul.c */
extern const struct op_entry op_conv_entries[];      /* op_conv.c */
extern const struct op_entry op_norm_entries[];      /* op_norm.c */
extern const struct op_entry op_reduce_entries[];    /* op_reduce.c */
extern const struct op_entry op_sort_entries[];      /* op_sort.c */
extern const struct op_entry op_shape_entries[];     /* op_shape.c */
extern const struct op_entry op_slice_entries[];     /* op_slice.c */
extern const struct op_entry op_join_entries[];      /* op_join.c */
extern const struct op_entry op_fill_entries[];      /* op_fill.c */
extern const struct op_entry op_gather_entries[];    /* op_gather.c */
extern const struct op_entry op_constexpr_entries[]; /* op_constexpr.c */
extern const struct op_entry op_control_entries[];   /* op_control.c */
extern const struct op_entry op_recurrent_entries[]; /* op_recurrent.c */

/* NULL: not supported. */
const struct op_entry *op_find(const char *type);

#endif
