/* avx512.c - the kernels for AVX-512 (F, BW, DQ, VL), and the sets that add an instruction to it. */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/vector_avx512.h"

#include "kernels/vector_math.h"
#include "kernels/vector_matmul.h"
#include "kernels/vector_packed_f32.h"
#include "kernels/vector_rows.h"

static const struct packed_kernels packed_f32 = VECTOR_PACKED_F32("f32_32");

const struct kernels kernels_avx512 =
    VECTOR_KERNELS("avx512", &packed_f32, &packed_reference_bf16, &packed_reference_int8);
#if defined(POTSTILL_AVX512_VNNI)
const struct kernels kernels_avx512_vnni =
    VECTOR_KERNELS("avx512_vnni", &packed_f32, &packed_reference_bf16, &packed_avx512_vnni_int8);
#endif
