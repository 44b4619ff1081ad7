/* rule_tools.h - what the rules of operations are written with. */
#ifndef PST_COREML_CHECK_RULE_TOOLS_H
#define PST_COREML_CHECK_RULE_TOOLS_H

#include "coreml/mil/mil.h"

enum { RULE_REASON_SIZE = 256 };

struct inference {
    const struct mil_op *op;
    int32_t specification;
    size_t given; /* results compared so far */
    char *reason; /* [RULE_REASON_SIZE] */
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

#endif
