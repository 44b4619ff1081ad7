/* kernel_sets.h - every set of kernels that this CPU and build have, the reference set among them.
 *
 *     const struct kernels *kernels;
 *     for (pst_cpu cpu = PST_CPU_AUTO; kernel_sets_next(&cpu, &kernels);) ...
 *
 * A set that is added needs no line here: past the last number of pst_cpu there is no such set. */
#ifndef TESTS_KERNEL_SETS_H
#define TESTS_KERNEL_SETS_H

#include "kernels/kernels.h"

/* The first set after `*cpu`; 0: there are no more. */
static inline int kernel_sets_next(pst_cpu *cpu, const struct kernels **kernels) {
    pst_status status;
    do {
        *cpu = (pst_cpu)(*cpu + 1);
        status = kernels_get(kernels, *cpu, NULL);
    } while (status != PST_OK && status != PST_ERR_ARGUMENT);
    return status == PST_OK;
}

#endif
