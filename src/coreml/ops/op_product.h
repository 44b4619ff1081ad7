/* op_product.h - work that is spread over the threads: tasks of operations, and matrix products. */
#ifndef PST_COREML_OPS_OP_PRODUCT_H
#define PST_COREML_OPS_OP_PRODUCT_H

#include "coreml/ops/op.h"

/* Runs task(context, first, count) over [0, total) in pieces of `piece`, on all threads. */
void op_spread(struct op_call *call, size_t total, size_t piece,
               void (*task)(void *context, size_t first, size_t count), void *context);

/* y = (accumulate ? y : 0) + scale * x * w^T, cut and spread over the threads; see kernels.h. No
 * matrix has gaps between its rows: strides need not be set. */
pst_status op_product(struct op_call *call, struct matmul product);

#endif
