/* cpu.h - what the processor can do, asked once per model. */
#ifndef PST_BASE_CPU_H
#define PST_BASE_CPU_H

/* Instruction sets that both the CPU and the operating system support. */
enum cpu_feature {
    CPU_AVX2 = 1 << 0,   /* with FMA */
    CPU_AVX512 = 1 << 1, /* F, BW, DQ, VL */
    CPU_NEON = 1 << 2,
    CPU_AVX_VNNI = 1 << 3,    /* and AVX2 */
    CPU_AVX512_VNNI = 1 << 4, /* and AVX512 */
    CPU_AVX512_BF16 = 1 << 5, /* and AVX512_VNNI */
    CPU_AMX = 1 << 6,         /* int8 and bf16 tiles, and AVX512_BF16 */
    CPU_NEON_DOTPROD = 1 << 7,
    CPU_NEON_I8MM = 1 << 8 /* matrix products of int8 and of bf16, and NEON_DOTPROD */
};

/* The CPU_ bits of this machine. Linux lets a process use the tiles of AMX only after it asks; this
 * asks, and leaves CPU_AMX out when Linux refuses. */
unsigned cpu_features(void);

/* Processors this process may run on, at least 1. */
unsigned cpu_count(void);

#endif
