/* rule_table.h - what each operation takes and gives: parameters, types and shapes by rules of our own. */
#ifndef PST_COREML_CHECK_RULE_TABLE_H
#define PST_COREML_CHECK_RULE_TABLE_H

#include "coreml/check/rule_tools.h"

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

/* Checks the parameters of `op` and its declared results, for this specification: 1, or 0 with the reason
 * in words. What the operation's blocks contain is checked apart from it. */
int rule_check(const struct mil_op *op, int32_t specification, char reason[RULE_REASON_SIZE]);

#endif
