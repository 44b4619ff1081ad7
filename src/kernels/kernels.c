/* kernels.c - picks the table of kernels for this CPU.
 *
 * The sets of this build (cmake/instruction_sets.cmake) are listed best first. A set is a constant
 * table; nothing is kept or installed. */
#include "kernels/kernels.h"

#include "base/cpu.h"
#include "base/error.h"

static const struct set {
    pst_cpu cpu;
    unsigned feature; /* cpu.h; 0: needs nothing */
    const struct kernels *table;
} SETS[] = {
#if defined(POTSTILL_AMX)
    {PST_CPU_AMX, CPU_AMX, &kernels_amx},
#endif
#if defined(POTSTILL_AVX512_BF16)
    {PST_CPU_AVX512_BF16, CPU_AVX512_BF16, &kernels_avx512_bf16},
#endif
#if defined(POTSTILL_AVX512_VNNI)
    {PST_CPU_AVX512_VNNI, CPU_AVX512_VNNI, &kernels_avx512_vnni},
#endif
#if defined(POTSTILL_AVX512)
    {PST_CPU_AVX512, CPU_AVX512, &kernels_avx512},
#endif
#if defined(POTSTILL_AVX_VNNI)
    {PST_CPU_AVX_VNNI, CPU_AVX_VNNI, &kernels_avx_vnni},
#endif
#if defined(POTSTILL_AVX2)
    {PST_CPU_AVX2, CPU_AVX2, &kernels_avx2},
#endif
#if defined(POTSTILL_NEON_I8MM)
    {PST_CPU_NEON_I8MM, CPU_NEON_I8MM, &kernels_neon_i8mm},
#endif
#if defined(POTSTILL_NEON_DOTPROD)
    {PST_CPU_NEON_DOTPROD, CPU_NEON_DOTPROD, &kernels_neon_dotprod},
#endif
#if defined(POTSTILL_NEON)
    {PST_CPU_NEON, CPU_NEON, &kernels_neon},
#endif
    {PST_CPU_REFERENCE, 0, &kernels_reference},
};

static const char *name_of(pst_cpu cpu) {
    switch (cpu) {
    case PST_CPU_AVX2: return "AVX2, FMA and F16C";
    case PST_CPU_AVX_VNNI: return "AVX2 and AVX-VNNI";
    case PST_CPU_AVX512: return "AVX-512 (F, BW, DQ, VL)";
    case PST_CPU_AVX512_VNNI: return "AVX-512 VNNI";
    case PST_CPU_AVX512_BF16: return "AVX-512 BF16";
    case PST_CPU_AMX: return "AMX (int8, bf16)";
    case PST_CPU_NEON: return "NEON";
    case PST_CPU_NEON_DOTPROD: return "NEON with dot products";
    case PST_CPU_NEON_I8MM: return "NEON with int8 and bf16 matrix products";
    default: return NULL;
    }
}

pst_status kernels_get(const struct kernels **table, pst_cpu cpu, pst_error *err) {
    unsigned features = cpu_features();
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++) {
        const struct set *set = &SETS[i];
        int usable = (features & set->feature) == set->feature;
        if (cpu == set->cpu && !usable)
            return error_set(err, PST_ERR_DEVICE, "this CPU does not have %s", name_of(cpu));
        if (usable && (cpu == PST_CPU_AUTO || cpu == set->cpu)) {
            *table = set->table;
            return PST_OK;
        }
    }
    if (!name_of(cpu))
        return error_set(err, PST_ERR_ARGUMENT, "no such instruction set: %d", (int)cpu);
    return error_set(err, PST_ERR_DEVICE, "this build has no kernels for %s", name_of(cpu));
}
