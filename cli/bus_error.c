/* bus_error.c - see bus_error.h. In the handler only what is safe there: no stdio, no memory. */
/* siginfo_t */
#define _XOPEN_SOURCE 700
#include "bus_error.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

/* Hexadecimal digits at `*at`, which moves past them. */
static uintptr_t read_hex(const char **at) {
    uintptr_t value = 0;
    for (;; (*at)++) {
        char c = **at;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uintptr_t)(c - 'a' + 10);
        else
            return value;
    }
}

/* Does this line of /proc/self/maps, "from-to rights offset device inode path", hold `address`?
 * Its path, or NULL. */
static const char *path_of(const char *line, uintptr_t address) {
    uintptr_t from = read_hex(&line);
    if (*line != '-') return NULL;
    line++;
    if (address < from || address >= read_hex(&line)) return NULL;
    return strchr(line, '/');
}

/* The file mapped at `address` into `path` [size]; "" where the system does not tell. */
static void find_file(uintptr_t address, char *path, size_t size) {
    static char line[4096 + 256];
    size_t length = 0;
    char piece[1024];
    ssize_t got;
    path[0] = '\0';
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && !path[0] && (got = read(fd, piece, sizeof piece)) > 0)
        for (ssize_t i = 0; i < got; i++) {
            if (piece[i] != '\n') {
                if (length + 1 < sizeof line) line[length++] = piece[i];
                continue;
            }
            line[length] = '\0';
            length = 0;
            const char *found = path_of(line, address);
            if (!found || strlen(found) >= size) continue;
            strcpy(path, found);
        }
    if (fd >= 0) close(fd);
}

static void print(const char *text) {
    size_t length = strlen(text);
    if (write(STDERR_FILENO, text, length) < 0) return;
}

static void handle(int number, siginfo_t *info, void *context) {
    static char path[4096];
    (void)number, (void)context;
    if (info->si_code != BUS_ADRERR)
        return; /* a fault of the program: it happens again, and ends it */
    find_file((uintptr_t)info->si_addr, path, sizeof path);
    for (char *at = path; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
    print("potstill: ");
    print(path[0] ? path : "a file in use");
    print(": cannot be read any more: it was cut short, or its disk is gone (SIGBUS)\n");
    _exit(EXIT_ENVIRONMENT);
}

void bus_error_say(void) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}
