/* round_f16.h - float32 numbers rounded to what float16 can hold. */
#ifndef PST_COREML_OPS_ROUND_F16_H
#define PST_COREML_OPS_ROUND_F16_H

#include <stddef.h>

/* Rounds to the nearest float16, ties to even; too large: infinity. */
void round_f16(float *x, size_t n);
/* Would round_f16() change nothing? */
int is_f16(const float *x, size_t n);

#endif
