/* op_check.h - checks one operation of a program against its row. */
#ifndef PST_COREML_OPS_OP_CHECK_H
#define PST_COREML_OPS_OP_CHECK_H

#include "coreml/ops/op.h"

/* One of the parameters of a row; see op.h. */
struct op_parameter {
    char name[32];
    int optional, constant, many;
    char code;
    int rank;      /* -1: any */
    int32_t since; /* 0: from the first */
};

/* Reads the next parameter of the list and returns the rest; NULL: there was none left. */
const char *op_next_parameter(const char *at, struct op_parameter *parameter);

/* Checks the parameters of `op` and its declared results, for this specification: 1, or 0 with the
 * reason in words. What its blocks contain is not checked here. */
int op_check(const struct mil_op *op, int32_t specification, char reason[OP_REASON_SIZE]);

#endif
