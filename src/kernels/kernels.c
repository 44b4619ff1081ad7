/* kernels.c - picks the table for this CPU. */
#include "kernels/kernels.h"

#include "base/cpu.h"
#include "base/error.h"

pst_status kernels_get(const struct kernels **table, pst_cpu cpu, pst_error *err) {
    unsigned features = cpu_features();
    (void)features;
    if (cpu == PST_CPU_AUTO || cpu == PST_CPU_REFERENCE) {
        *table = &kernels_reference;
        return PST_OK;
    }
    return error_set(err, PST_ERR_UNSUPPORTED, "this CPU or build has no such kernels");
}
