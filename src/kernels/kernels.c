/* kernels.c - picks the table of kernels for this CPU.
 *
 * The sets are listed best first; cmake/instruction_sets.cmake says which are in this build. A set
 * is a constant table; nothing is kept or installed. */
#include "kernels/kernels.h"

#include "base/cpu.h"
#include "base/error.h"

static const struct set {
    pst_cpu cpu;
    const struct kernels *table; /* NULL: not in this build */
    const char *name;
} SETS[] = {
    {PST_CPU_AMX, POTSTILL_AMX ? &kernels_amx : NULL, "AMX (int8, bf16)"},
    {PST_CPU_AVX512_BF16, POTSTILL_AVX512_BF16 ? &kernels_avx512_bf16 : NULL, "AVX-512 BF16"},
    {PST_CPU_AVX512_VNNI, POTSTILL_AVX512_VNNI ? &kernels_avx512_vnni : NULL, "AVX-512 VNNI"},
    {PST_CPU_AVX512, POTSTILL_AVX512 ? &kernels_avx512 : NULL, "AVX-512 (F, BW, DQ, VL)"},
    {PST_CPU_AVX_VNNI, POTSTILL_AVX_VNNI ? &kernels_avx_vnni : NULL, "AVX2 and AVX-VNNI"},
    {PST_CPU_AVX2, POTSTILL_AVX2 ? &kernels_avx2 : NULL, "AVX2, FMA and F16C"},
    {PST_CPU_NEON_I8MM, POTSTILL_NEON_I8MM ? &kernels_neon_i8mm : NULL,
     "NEON with int8 and bf16 matrix products"},
    {PST_CPU_NEON_DOTPROD, POTSTILL_NEON_DOTPROD ? &kernels_neon_dotprod : NULL,
     "NEON with dot products"},
    {PST_CPU_NEON, POTSTILL_NEON ? &kernels_neon : NULL, "NEON"},
    {PST_CPU_REFERENCE, &kernels_reference, "plain C"},
};

pst_status kernels_get(const struct kernels **table, pst_cpu cpu, pst_error *err) {
    unsigned usable = cpu_features() | cpu_bit(PST_CPU_REFERENCE);
    if (cpu == PST_CPU_AUTO) usable &= ~cpu_slow_features();
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++) {
        const struct set *set = &SETS[i];
        if (set->table && (usable & cpu_bit(set->cpu)) &&
            (cpu == PST_CPU_AUTO || cpu == set->cpu)) {
            *table = set->table;
            return PST_OK;
        }
        if (cpu == set->cpu)
            return error_set(err, PST_ERR_DEVICE,
                             set->table ? "this CPU does not have %s"
                                        : "this build has no kernels for %s",
                             set->name);
    }
    return error_set(err, PST_ERR_ARGUMENT, "no such instruction set: %d", (int)cpu);
}
