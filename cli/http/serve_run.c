/* serve_run.c - see serve_run.h. */
#include "http/serve_run.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "console.h"
#include "http/http_daemon.h"
#include "http/sandbox.h"
#include "http/service_manager.h"
#include "http/worker_pool.h"
#include "seconds.h"

/* How often connections are looked through: where all places are taken, nothing else makes room. */
enum { SWEEP_MS = 100, DRAIN_POLL_MS = 20 };
/* For the last answers to be written, of what is given up. */
enum { ANSWER_SECONDS = 1 };
/* Without work, after which memory goes back. */
enum { REST_SECONDS = 1 };

/* ------------------------------------------------------------------------------------- signals */

/* All that a handler may touch: it writes the number of the signal here. */
static int signal_pipe[2] = {-1, -1};

static void note_signal(int number) {
    int reason = errno;
    char byte = (char)number;
    ssize_t written = write(signal_pipe[1], &byte, 1);
    (void)written;
    errno = reason;
}

static const int ending[] = {SIGTERM, SIGINT};
enum { ENDING = sizeof ending / sizeof *ending };

static int catch_signals(void) {
    const struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    if (pipe(signal_pipe)) return fail(EXIT_ENVIRONMENT, "there is no pipe to be had");
    for (int i = 0; i < 2; i++) {
        fcntl(signal_pipe[i], F_SETFD, FD_CLOEXEC);
        fcntl(signal_pipe[i], F_SETFL, O_NONBLOCK);
    }
    for (int i = 0; i < ENDING; i++) sigaction(ending[i], &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    return 0;
}

/* A second one ends the program at once. */
static void let_signals_end(void) {
    for (int i = 0; i < ENDING; i++) signal(ending[i], SIG_DFL);
    signal(SIGHUP, SIG_IGN);
}

/* The next signal within `ms`; 0: none. */
static int wait_for_signal(int ms) {
    char byte;
    struct pollfd at = {.fd = signal_pipe[0], .events = POLLIN};
    if (poll(&at, 1, ms) <= 0) return 0;
    return read(signal_pipe[0], &byte, 1) == 1 ? byte : 0;
}

/* ------------------------------------------------------------------------------------ operation */

static int read_keys(struct api_keys *keys, const char *path) {
    *keys = (struct api_keys){NULL, 0};
    return path ? api_keys_read(keys, path) : 0;
}

/* Where the new ones cannot be read, the old ones stay. */
static void reload_keys(struct server *server, struct api_keys *keys, const char *path) {
    struct api_keys fresh, old;
    if (!path || read_keys(&fresh, path)) return;
    pthread_mutex_lock(&server->keys_mutex);
    old = *keys;
    *keys = fresh;
    pthread_mutex_unlock(&server->keys_mutex);
    api_keys_free(&old);
}

static void reload(struct server *server) {
    reload_keys(server, &server->keys, server->settings->key_file);
    reload_keys(server, &server->admin_keys, server->settings->admin_key_file);
    adapter_shelf_load_all(&server->shelf);
    say("read again: the keys and the adapters (%zu)", adapter_shelf_count(&server->shelf));
}

static int is_idle(struct server *server) {
    return atomic_load(&server->requests) == 0 && live_slots_count(&server->live) == 0;
}

/* glibc keeps what is freed, for each of the threads that come and go: after many requests at once
 * that is a multiple of what is needed. `busy_at`: when there was work; 0: what that left is given
 * back. */
static void give_back_memory(struct server *server, double *busy_at) {
    if (!is_idle(server)) {
        *busy_at = seconds_now();
    } else if (*busy_at > 0 && seconds_now() > *busy_at + REST_SECONDS) {
        *busy_at = 0;
#ifdef __GLIBC__
        malloc_trim(0);
#endif
    }
}

static void work_until_end(struct server *server, int manager) {
    double busy_at = 0;
    service_manager_ready(manager);
    for (int number = 0; number == 0 || number == SIGHUP;) {
        number = wait_for_signal(SWEEP_MS);
        connections_sweep(&server->connections);
        give_back_memory(server, &busy_at);
        if (number != SIGHUP) continue;
        service_manager_reloading(manager);
        reload(server);
        service_manager_ready(manager);
    }
    service_manager_stopping(manager);
}

static void wait_until(struct server *server, double till, int (*done)(struct server *server)) {
    while (!done(server) && seconds_now() < till) {
        poll(NULL, 0, DRAIN_POLL_MS);
        connections_sweep(&server->connections);
    }
}

static int never(struct server *server) {
    (void)server;
    return 0;
}

/* Load balancers see /readyz first; then the door is closed, and what is at work is done; what is
 * not by then is given up, each with an answer. */
static void drain(struct server *server, struct http_daemon *daemon) {
    const struct server_settings *settings = server->settings;
    say("ends when what is at work is done; a second signal ends it at once");
    atomic_store(&server->draining, 1);
    wait_until(server, seconds_now() + settings->drain_delay_seconds, never);
    atomic_store(&server->closed, 1);
    live_slots_end(&server->live);
    http_daemon_close_door(daemon);
    wait_until(server, seconds_now() + settings->drain_seconds, is_idle);
    atomic_store(&server->stopping, 1);
    work_queue_stop(&server->queue);
    wait_until(server, seconds_now() + ANSWER_SECONDS, is_idle);
}

/* A connection is a descriptor, and a request with a file another. Where no more are to be had,
 * connections wait at the door. */
static void allow_descriptors(const struct server_settings *settings) {
    enum { OTHERS = 64 };
    struct rlimit limit;
    rlim_t wanted = 2 * (rlim_t)settings->connections_max + OTHERS;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_server(struct server *server) {
    const struct server_settings *settings = server->settings;
    unsigned char random[8] = {0};
    allow_descriptors(settings);
    pthread_mutex_init(&server->keys_mutex, NULL);
    metrics_open(&server->metrics);
    connections_open(&server->connections, settings->connections_max);
    work_queue_open(&server->queue, settings->queue_seconds_max, settings->workers);
    if (RAND_bytes(random, sizeof random) != 1) say("ids of requests may come again");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(server->id_start + 2 * i, 3, "%02x", random[i]);
    int code = live_slots_open(&server->live, settings->live_max);
    if (!code) code = read_keys(&server->keys, settings->key_file);
    return code ? code : read_keys(&server->admin_keys, settings->admin_key_file);
}

static void close_server(struct server *server) {
    live_slots_close(&server->live);
    api_keys_free(&server->keys);
    api_keys_free(&server->admin_keys);
    work_queue_close(&server->queue);
    connections_close(&server->connections);
    metrics_close(&server->metrics);
    pthread_mutex_destroy(&server->keys_mutex);
}

static int enter_sandbox(const struct server *server) {
    const struct server_settings *settings = server->settings;
    const struct sandbox_places places = {.adapters = server->shelf.folder,
                                          .key_file = settings->key_file,
                                          .admin_file = settings->admin_key_file,
                                          .uploads = settings->upload_folder,
                                          .uploads_into = settings->sandboxed_in};
    return settings->sandboxed_in ? sandbox_enter(&places) : 0;
}

int serve_run(struct server *server) {
    struct worker_pool pool = {.count = 0};
    struct http_daemon daemon = {.socket = -1};
    char address[96];
    int manager = service_manager_open(), code = open_server(server);
    if (!code) code = catch_signals();
    if (!code) code = http_daemon_listen(&daemon, server->settings);
    if (!code) code = enter_sandbox(server);
    if (!code) code = worker_pool_start(&pool, server);
    if (!code) code = http_daemon_start(&daemon, server);
    if (!code) {
        http_daemon_address(&daemon, address, sizeof address);
        say("listens on http://%s", address);
        work_until_end(server, manager);
        let_signals_end();
        drain(server, &daemon);
    }
    atomic_store(&server->stopping, 1);
    work_queue_stop(&server->queue);
    worker_pool_stop(&pool); /* then nothing is suspended */
    live_slots_end(&server->live);
    live_slots_wait(&server->live); /* and nothing upgraded */
    http_daemon_stop(&daemon);
    service_manager_close(manager);
    close_server(server);
    return code;
}
