/* cpu.h - what the processor can do, asked once per model. */
#ifndef PST_BASE_CPU_H
#define PST_BASE_CPU_H

#include "potstill.h"

/* The bit of an instruction set. */
static inline unsigned cpu_bit(pst_cpu set) {
    return 1u << set;
}

/* The bits of the sets that both the CPU and the operating system support; each comes with what
 * pst_cpu says. Linux lets a process use the tiles of AMX only after it asks; this asks, and leaves
 * AMX out when Linux refuses. */
unsigned cpu_features(void);

/* The bits of the sets that this CPU has and computes slower with than with the one before them. */
unsigned cpu_slow_features(void);

/* Processors this process may run on, at least 1. */
unsigned cpu_count(void);

#endif
