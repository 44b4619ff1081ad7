/* sandbox_files.c - the walls around the disk and the network, by Landlock: see sandbox.h.
 *
 * The kernel's interface is small and old headers have only parts of it, so it is written down
 * here. What a kernel does not know yet is left out of what it is asked for: files and folders are
 * in all versions. */
#ifdef __linux__

#define _GNU_SOURCE /* O_PATH, syscall */
#include "http/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "console.h"

enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 }; /* one number everywhere */
enum { ASK_VERSION = 1, BENEATH_A_PATH = 1 };

enum {
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_FOLDER = 1 << 3,
    REMOVE_FOLDER = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_FILE = 1 << 8,
};

/* How many rights to files each version knows, from the lowest bit on, and what else there is. */
static const unsigned file_rights[] = {13, 14, 15, 15, 16};
enum { TCP_VERSION = 4, SCOPE_VERSION = 6, BIND_AND_CONNECT = 3, ABSTRACT_SOCKETS_AND_SIGNALS = 3 };

struct ruleset {
    uint64_t files, network, scope;
};

struct beneath {
    uint64_t rights;
    int32_t parent;
} __attribute__((packed));

static int allow(int ruleset, const char *path, uint64_t rights) {
    if (!path) return 0;
    struct beneath rule = {.rights = rights, .parent = open(path, O_PATH | O_CLOEXEC)};
    long done = -1;
    if (rule.parent >= 0) done = syscall(ADD_RULE, ruleset, BENEATH_A_PATH, &rule, 0);
    int reason = errno;
    if (rule.parent >= 0) close(rule.parent);
    if (done == 0) return 0;
    return fail(EXIT_ENVIRONMENT, "--sandbox: %s cannot be kept open to it: %s", path,
                strerror(reason));
}

static int allow_places(int ruleset, const struct sandbox_places *places) {
    int code = allow(ruleset, places->adapters, READ_FILE | READ_FOLDER);
    if (!code) code = allow(ruleset, places->key_file, READ_FILE);
    if (!code) code = allow(ruleset, places->admin_file, READ_FILE);
    if (!code)
        code = allow(ruleset, places->uploads, READ_FILE | WRITE_FILE | MAKE_FILE | REMOVE_FILE);
    if (!code) code = allow(ruleset, places->uploads_into, REMOVE_FOLDER);
    return code;
}

int sandbox_files_close(const struct sandbox_places *places) {
    enum { VERSIONS = sizeof file_rights / sizeof *file_rights };
    long version = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);
    if (version < 1)
        return fail(EXIT_ENVIRONMENT,
                    "--sandbox: this kernel has no Landlock (Linux has it from 5.13 on, where it "
                    "was not left out)");
    unsigned rights = file_rights[(version < VERSIONS ? version : VERSIONS) - 1];
    const struct ruleset wanted = {
        .files = ((uint64_t)1 << rights) - 1,
        .network = version >= TCP_VERSION ? BIND_AND_CONNECT : 0,
        .scope = version >= SCOPE_VERSION ? ABSTRACT_SOCKETS_AND_SIGNALS : 0,
    };
    /* Older kernels take what they know of it: the rest is zero. */
    int ruleset = (int)syscall(CREATE_RULESET, &wanted, sizeof wanted, 0);
    if (ruleset < 0)
        return fail(EXIT_ENVIRONMENT, "--sandbox: Landlock refuses: %s", strerror(errno));
    int code = allow_places(ruleset, places);
    if (!code && syscall(RESTRICT_SELF, ruleset, 0))
        code = fail(EXIT_ENVIRONMENT, "--sandbox: Landlock refuses: %s", strerror(errno));
    close(ruleset);
    return code;
}

#endif
