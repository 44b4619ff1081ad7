/* passed_socket.c - see passed_socket.h. */
#include "http/passed_socket.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console.h"
#include "options.h"

enum { FIRST = 3 };

/* Is the variable there, and this number? */
static int is_set_to(const char *name, double wanted) {
    double number;
    const char *text = getenv(name);
    return text && parse_number(text, &number) && number == wanted;
}

int passed_socket(int *fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    const char *count = getenv("LISTEN_FDS");
    *fd = -1;
    if (!count || !is_set_to("LISTEN_PID", getpid())) return 0; /* or it is for another process */
    if (!is_set_to("LISTEN_FDS", 1))
        return fail(EXIT_ENVIRONMENT, "LISTEN_FDS=%.20s: expected one socket", count);
    if (getsockopt(FIRST, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) || !listens)
        return fail(EXIT_ENVIRONMENT,
                    "LISTEN_FDS=1: expected descriptor 3 to be a socket that listens");
    fcntl(FIRST, F_SETFD, FD_CLOEXEC);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    *fd = FIRST;
    return 0;
}
