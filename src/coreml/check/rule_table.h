/* rule_table.h - the rule of one operation, and what the rules are written with. */
#ifndef PST_COREML_CHECK_RULE_TABLE_H
#define PST_COREML_CHECK_RULE_TABLE_H

#include "coreml/check/rule_tools.h"

struct inference {
    const struct mil_op *op;
    int32_t specification;
    size_t given; /* results compared so far */
    char *reason; /* [TYPES_REASON_SIZE] */
};

/* Compares the next result with its declaration, or explains; 1: all is well. */
int rule_give(struct inference *in, struct mil_type type);
int rule_refuse(struct inference *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const struct mil_type *rule_type(const struct inference *in, const char *name); /* NULL: absent */
/* The numbers of a constant parameter, a scalar being one: how many; -1: absent, computed or over 16. */
enum { RULE_INTS_MAX = 16 };
int rule_ints(const struct inference *in, const char *name, int64_t ints[RULE_INTS_MAX]);
/* A constant scalar or `missing`. */
int64_t rule_int(const struct inference *in, const char *name, int64_t missing);
/* A constant text or "". */
const char *rule_text(const struct inference *in, const char *name);
/* `axis` of a tensor of this rank, from 0; 0 with a reason when there is none. */
int rule_axis(struct inference *in, int64_t axis, uint32_t rank, uint32_t *result);
/* The shape of both side by side; 0 with a reason when they do not fit. The dtype is that of `a`. */
int rule_broadcast(struct inference *in, const struct mil_type *a, const struct mil_type *b,
                   struct mil_type *result);

struct op_rule {
    const char *name;
    int32_t since; /* the first specification that has it */
    /* Parameters, separated by ", ": NAME[?][!] CODE[RANK][@SINCE|<BEFORE]. "?": may be left out,
     * "!": must be known when the program is loaded. Codes:
     *   F N A  the element type T of the operation: float, number, any
     *   f g    any float; T below iOS 17, then any float
     *   i q b s w  an integer; 8 bits; boolean; text; anything
     *   v      a list of values of type T */
    const char *parameters;
    int (*infer)(struct inference *in);
};

const struct op_rule *rule_find(const char *name, int32_t specification);

/* rule_moving.c: moving elements about */
int infer_reshape(struct inference *in);
int infer_transpose(struct inference *in);
int infer_expand_dims(struct inference *in);
int infer_squeeze(struct inference *in);
int infer_slice_by_index(struct inference *in);
int infer_slice_by_size(struct inference *in);
int infer_concat(struct inference *in);
int infer_stack(struct inference *in);
int infer_split(struct inference *in);
int infer_pad(struct inference *in);
int infer_tile(struct inference *in);
int infer_gather(struct inference *in);
int infer_gather_along_axis(struct inference *in);
int infer_shape(struct inference *in);
int infer_range(struct inference *in);
int infer_fill(struct inference *in);
int infer_one_hot(struct inference *in);
/* rule_math.c: computing */
int infer_same(struct inference *in);
int infer_binary(struct inference *in);
int infer_compare(struct inference *in);
int infer_select(struct inference *in);
int infer_cast(struct inference *in);
int infer_conv(struct inference *in);
int infer_linear(struct inference *in);
int infer_matmul(struct inference *in);
int infer_einsum(struct inference *in);
int infer_norm(struct inference *in);
int infer_channel_norm(struct inference *in);
int infer_softmax(struct inference *in);
int infer_reduce(struct inference *in);
int infer_arg(struct inference *in);
int infer_topk(struct inference *in);
int infer_attention(struct inference *in);
int infer_lstm(struct inference *in);
/* rule_store.c: constants, states and blocks */
int infer_affine(struct inference *in);
int infer_lut(struct inference *in);
int infer_grouped_lut(struct inference *in);
int infer_blockwise(struct inference *in);
int infer_constexpr_cast(struct inference *in);
int infer_sparse(struct inference *in);
int infer_sparse_mask(struct inference *in);
int infer_read_state(struct inference *in);
int infer_write_state(struct inference *in);
int infer_slice_update(struct inference *in);
int infer_while(struct inference *in);
int infer_cond(struct inference *in);

#endif
