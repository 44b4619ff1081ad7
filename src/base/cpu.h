/* cpu.h - what the processor can do, asked once per model. */
#ifndef PST_BASE_CPU_H
#define PST_BASE_CPU_H

/* Instruction sets that both the CPU and the operating system support. */
enum cpu_feature {
    CPU_AVX2 = 1 << 0,   /* with FMA */
    CPU_AVX512 = 1 << 1, /* F, BW, DQ, VL */
    CPU_NEON = 1 << 2
};

unsigned cpu_features(void);

/* Processors this process may run on, at least 1. */
unsigned cpu_count(void);

#endif
