/* sandbox_calls.c - the calls of the kernel that are left, by seccomp: see sandbox.h.
 *
 * A list of what a server does; all else is refused with EPERM, so that a call nobody thought of
 * fails by name and does not kill the service. The program of the filter is a line of comparisons,
 * simple enough to be written here rather than to ask for a library that few systems have. */
#ifdef __linux__

#define _GNU_SOURCE /* syscall numbers, CLONE_THREAD */
#include "http/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "console.h"

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

/* clang-format off */
static const int allowed[] = {
    /* descriptors and files */
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_close, SYS_fstat,
    SYS_lseek, SYS_openat, SYS_unlinkat, SYS_getdents64, SYS_fcntl, SYS_ftruncate, SYS_dup,
    SYS_ioctl, SYS_readlinkat, SYS_faccessat, SYS_fadvise64, SYS_sendfile, SYS_newfstatat,
    /* the clients */
    SYS_accept, SYS_accept4, SYS_recvfrom, SYS_recvmsg, SYS_sendto, SYS_sendmsg, SYS_shutdown,
    SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt, SYS_ppoll, SYS_pselect6,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_pipe2,
    /* memory, threads, time */
    SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex, SYS_set_robust_list, SYS_sched_yield,
    SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_membarrier, SYS_getrandom, SYS_clock_gettime,
    SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getpid, SYS_gettid, SYS_getuid,
    SYS_tgkill, SYS_prlimit64, SYS_sysinfo, SYS_uname, SYS_exit, SYS_exit_group, SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall,
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_statx
    SYS_statx,
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef __x86_64__ /* the older forms, which others never had */
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_unlink, SYS_rmdir, SYS_readlink, SYS_poll,
    SYS_select, SYS_epoll_create, SYS_epoll_wait, SYS_eventfd, SYS_pipe, SYS_dup2, SYS_time,
    SYS_getrlimit, SYS_arch_prctl,
#endif
};
/* clang-format on */

enum { ALLOWED = sizeof allowed / sizeof *allowed, ARGUMENT_BYTES = 8 };
enum { PROGRAM_MAX = 2 * ALLOWED + 32 };

struct program {
    struct sock_filter steps[PROGRAM_MAX];
    unsigned short length;
};

static void add(struct program *program, struct sock_filter step) {
    program->steps[program->length++] = step;
}

static void load(struct program *program, size_t offset) {
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void answer(struct program *program, unsigned what) {
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

/* `what` if the number of the call is this one. */
static void answer_call(struct program *program, int call, unsigned what) {
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1));
    answer(program, what);
}

/* A call is allowed if this argument has the bits, or has not; they are in its lower half. */
static void allow_by_bits(struct program *program, int call, unsigned argument, unsigned bits,
                          int has) {
    const unsigned step = BPF_JMP | BPF_JSET | BPF_K;
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 4));
    load(program, offsetof(struct seccomp_data, args) + (size_t)ARGUMENT_BYTES * argument);
    add(program, (struct sock_filter)BPF_JUMP(step, bits, has ? 0 : 1, has ? 1 : 0));
    answer(program, SECCOMP_RET_ALLOW);
    answer(program, SECCOMP_RET_ERRNO | EPERM);
}

int sandbox_calls_close(void) {
    struct program program = {.length = 0};
    load(&program, offsetof(struct seccomp_data, arch));
    add(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    answer(&program, SECCOMP_RET_KILL_PROCESS);
    load(&program, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < ALLOWED; i++) answer_call(&program, allowed[i], SECCOMP_RET_ALLOW);
    /* Threads and no processes; the newer form hides its flags, and the C library has the older. */
    allow_by_bits(&program, SYS_clone, 0, CLONE_THREAD, 1);
#ifdef SYS_clone3
    answer_call(&program, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    /* No memory that is executed. */
    allow_by_bits(&program, SYS_mmap, 2, PROT_EXEC, 0);
    allow_by_bits(&program, SYS_mprotect, 2, PROT_EXEC, 0);
    answer(&program, SECCOMP_RET_ERRNO | EPERM);
    const struct sock_fprog filter = {.len = program.length, .filter = program.steps};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0) return 0;
    return fail(EXIT_ENVIRONMENT, "--sandbox: this kernel has no filter of calls (seccomp)");
}

#else

int sandbox_calls_close(void) {
    return fail(EXIT_ENVIRONMENT, "--sandbox: expected a processor of x86-64 or AArch64");
}

#endif
#endif
