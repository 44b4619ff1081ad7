/* op_table.h - every operation that programs may have: one row each, in the file of its family. */
#ifndef PST_COREML_OPS_OP_TABLE_H
#define PST_COREML_OPS_OP_TABLE_H

#include "coreml/ops/op.h"

/* The rows of each family, ended by one without a name; ended by NULL. */
extern const struct op_row *const op_families[];

/* The row of an operation in programs of this specification; NULL: they have none of that name. */
const struct op_row *op_find(const char *name, int32_t specification);

#endif
