/* print.h - a program as text for people. */
#ifndef PST_COREML_MIL_PRINT_H
#define PST_COREML_MIL_PRINT_H

#include "base/buffer.h"
#include "coreml/mil/mil.h"

/* Every function: what it takes, its operations in order with types and results; short constants
 * where they are used, long ones by their name and place. */
void print_program(struct buffer *text, const struct mil_model *model);

#endif
