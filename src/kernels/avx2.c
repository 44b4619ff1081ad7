/* avx2.c - the kernels for AVX2 with FMA, and the set that adds an instruction to it. */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/vector_avx2.h"

#include "kernels/vector_math.h"
#include "kernels/vector_matmul.h"
#include "kernels/vector_packed_f32.h"
#include "kernels/vector_rows.h"

static const struct packed_kernels packed_f32 = VECTOR_PACKED_F32("f32_16");

const struct kernels kernels_avx2 =
    VECTOR_KERNELS("avx2", &packed_f32, &packed_reference_bf16, &packed_reference_int8);
