/* cpu.c - see cpu.h. */
#if defined(__linux__)
#define _GNU_SOURCE /* sched_getaffinity, syscall */
#include <sched.h>
#include <sys/syscall.h>
#endif
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include "base/cpu.h"

#if defined(__x86_64__)

static int has(unsigned features, pst_cpu set) {
    return (features & cpu_bit(set)) != 0;
}

/* Conversions of float16, which clang's names lack; every CPU with AVX2 has had them so far. */
static int has_f16c(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & 1u << 29);
}

/* Tiles are 8 KiB of state that Linux saves only for processes that ask: ARCH_REQ_XCOMP_PERM of
 * component 18, asm/prctl.h of Linux 5.16. Other systems have no such call. */
static int may_use_tiles(void) {
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return 0;
#endif
}

/* Leaf 7 of CPUID, for what compilers of 2022 have no names for. AVX-512 itself was found before,
 * with the system's support of its registers; these need no more, but for the tiles. */
static unsigned dot_product_features(unsigned features) {
    enum { VNNI_ECX = 1u << 11, AMX_EDX = 1u << 22 | 1u << 24 | 1u << 25 };
    enum { AVX_VNNI_EAX = 1u << 4, BF16_EAX = 1u << 5 };
    unsigned leaves = 0, ecx = 0, edx = 0, eax = 0, unused;
    if (!__get_cpuid_count(7, 0, &leaves, &unused, &ecx, &edx)) return 0;
    if (leaves >= 1) __get_cpuid_count(7, 1, &eax, &unused, &unused, &unused);
    unsigned found = 0;
    if (has(features, PST_CPU_AVX2) && (eax & AVX_VNNI_EAX)) found |= cpu_bit(PST_CPU_AVX_VNNI);
    if (has(features, PST_CPU_AVX512) && (ecx & VNNI_ECX)) found |= cpu_bit(PST_CPU_AVX512_VNNI);
    if (has(found, PST_CPU_AVX512_VNNI) && (eax & BF16_EAX)) found |= cpu_bit(PST_CPU_AVX512_BF16);
    if (has(found, PST_CPU_AVX512_BF16) && (edx & AMX_EDX) == AMX_EDX && may_use_tiles())
        found |= cpu_bit(PST_CPU_AMX);
    return found;
}

#elif defined(__aarch64__) && defined(__linux__)

/* Bits of asm/hwcap.h, for headers that are older than they. */
static int has_dot_products(void) {
    return (getauxval(AT_HWCAP) & 1ul << 20) != 0;
}

static int has_matrix_products(void) {
    const unsigned long I8MM = 1ul << 13, BF16 = 1ul << 14;
    return (getauxval(AT_HWCAP2) & (I8MM | BF16)) == (I8MM | BF16);
}

#elif defined(__aarch64__) && defined(__APPLE__)

static int has(const char *feature) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(feature, &value, &size, NULL, 0) == 0 && value != 0;
}

static int has_dot_products(void) {
    return has("hw.optional.arm.FEAT_DotProd");
}

static int has_matrix_products(void) {
    return has("hw.optional.arm.FEAT_I8MM") && has("hw.optional.arm.FEAT_BF16");
}

#elif defined(__aarch64__)

static int has_dot_products(void) {
    return 0;
}

static int has_matrix_products(void) {
    return 0;
}

#endif

unsigned cpu_features(void) {
    unsigned features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c())
        features |= cpu_bit(PST_CPU_AVX2);
    if (has(features, PST_CPU_AVX2) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        features |= cpu_bit(PST_CPU_AVX512);
    features |= dot_product_features(features);
#elif defined(__aarch64__)
    features |= cpu_bit(PST_CPU_NEON); /* part of the base architecture */
    if (has_dot_products()) features |= cpu_bit(PST_CPU_NEON_DOTPROD);
    if (has_dot_products() && has_matrix_products()) features |= cpu_bit(PST_CPU_NEON_I8MM);
#endif
    return features;
}

/* Intel's cores begin one VDPBF16PS of 512 bits in two cycles, and two multiply-adds in each: half
 * as many products as of bf16 widened to float32. AMD's begin one in each. Of Intel's, those with
 * AMX use its tiles, which hypervisors may hide. */
unsigned cpu_slow_features(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_is("intel")) return cpu_bit(PST_CPU_AVX512_BF16);
#endif
    return 0;
}

unsigned cpu_count(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        if (count > 0) return (unsigned)count;
    }
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}
