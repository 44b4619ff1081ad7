/* rule_tools.h - what each operation takes and gives: parameters, types and shapes by rules of our own. */
#ifndef PST_COREML_CHECK_RULE_TOOLS_H
#define PST_COREML_CHECK_RULE_TOOLS_H

#include "coreml/mil/mil.h"

enum { TYPES_REASON_SIZE = 256 };

/* Checks the parameters of `op` and its declared results, for this specification: 1, or 0 with the reason
 * in words. What the operation's blocks contain is checked apart from it. */
int types_check_op(const struct mil_op *op, int32_t specification, char reason[TYPES_REASON_SIZE]);

/* Could both be the type of one value? Unknown dimensions agree with any. */
int types_agree(const struct mil_type *a, const struct mil_type *b);

/* "fp16 [1, 288, 1, ?]" */
enum { TYPES_TEXT_SIZE = 128 };
const char *types_text(const struct mil_type *type, char text[TYPES_TEXT_SIZE]);

#endif
