/* child.c - see child.h.
 *
 * Both pipes are read together: a program that fills one which nobody reads would stand still. */
#ifndef __APPLE__
#define _GNU_SOURCE /* pipe2 */
#endif
#include "audio/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#ifndef __linux__
extern char **environ;
#endif

/* ------------------------------------------------------------------------------------ starting */

static int make_pipe(int ends[2]) {
#ifdef __linux__
    return pipe2(ends, O_CLOEXEC);
#else
    if (pipe(ends)) return -1;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return 0;
#endif
}

static void close_end(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* Signals as a program expects them, whatever this one ignores or blocks. */
static int set_signals(posix_spawnattr_t *attributes) {
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE); /* ends it when nobody reads any more */
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error) error = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (!error)
        error =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return error;
}

/* 0, or an errno. */
static int spawn(pid_t *pid, char *const argv[], int in, int out, int said) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&files);
    if (error) return error;
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&files);
        return error;
    }
    error = set_signals(&attributes);
    if (!error && in < 0)
        error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!error && in >= 0) error = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, said, STDERR_FILENO);
    if (!error) error = posix_spawn(pid, argv[0], &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

pst_status child_start(struct child *child, char *const argv[], int in, int limit_ms,
                       pst_error *err) {
    int out[2] = {-1, -1}, said[2] = {-1, -1};
    *child = (struct child){.out = -1, .err = -1, .limit_ms = limit_ms};
    int error = make_pipe(out) || make_pipe(said) ? errno : 0;
    if (!error) error = spawn(&child->pid, argv, in, out[1], said[1]);
    close_end(&out[1]);
    close_end(&said[1]);
    child->out = out[0];
    child->err = said[0];
    if (!error) return PST_OK;
    child->pid = 0;
    child_kill(child);
    return error_system(err, "start", argv[0], error);
}

/* ------------------------------------------------------------------------------------- reading */

/* Keeps the end of what it says. */
static void hear(struct child *child) {
    char bytes[512];
    ssize_t got = read(child->err, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
        close_end(&child->err);
        return;
    }
    size_t count = (size_t)got, room = CHILD_SAID_MAX - child->said_length;
    size_t dropped = count > room ? count - room : 0;
    child->said_length -= dropped;
    memmove(child->said, child->said + dropped, child->said_length);
    memcpy(child->said + child->said_length, bytes, count);
    child->said_length += count;
    child->said[child->said_length] = '\0';
}

/* Waits for something on either pipe: 1; 0: nothing came for too long. */
static int wait_for_bytes(struct child *child, short *out) {
    struct pollfd waits[2] = {{.fd = child->out, .events = POLLIN},
                              {.fd = child->err, .events = POLLIN}};
    int ready;
    do ready = poll(waits, 2, child->limit_ms);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0) return 0;
    if (waits[1].revents) hear(child);
    *out = waits[0].revents;
    return 1;
}

pst_status child_read(struct child *child, void *bytes, size_t capacity, size_t *got,
                      pst_error *err) {
    *got = 0;
    while (child->out >= 0) {
        short ready = 0;
        if (!wait_for_bytes(child, &ready)) {
            child_kill(child);
            return error_set(err, PST_ERR_INPUT, "gave nothing for %g s, and was stopped",
                             child->limit_ms / 1e3);
        }
        if (!ready) continue;
        ssize_t count = read(child->out, bytes, capacity);
        if (count < 0 && errno == EINTR) continue;
        *got = count > 0 ? (size_t)count : 0;
        if (!*got) close_end(&child->out);
        return PST_OK;
    }
    return PST_OK;
}

/* -------------------------------------------------------------------------------------- ending */

/* Has it ended? Waits for that if it is to end anyway. */
static int reap(struct child *child, int options) {
    pid_t got;
    do got = waitpid(child->pid, &child->status, options);
    while (got < 0 && errno == EINTR);
    if (got == 0) return 0;
    if (got < 0) child->status = 0; /* the caller's program does not want to hear of children */
    child->pid = 0;
    return 1;
}

int child_end(struct child *child) {
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    short ready;
    close_end(&child->out);
    while (child->err >= 0 && wait_for_bytes(child, &ready)) {}
    for (int waited_ms = 0; child->pid && !reap(child, WNOHANG); waited_ms += 10) {
        if (waited_ms >= child->limit_ms) break;
        nanosleep(&pause, NULL);
    }
    int ended = !child->pid && WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
    child_kill(child);
    return ended;
}

void child_kill(struct child *child) {
    close_end(&child->out);
    close_end(&child->err);
    if (!child->pid) return;
    kill(child->pid, SIGKILL);
    reap(child, 0);
}
