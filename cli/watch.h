/* watch.h - acts on SIGINT, SIGTERM and SIGHUP at once, whatever the other threads are doing.
 *
 * A thread waits for the signals, which all others have blocked; so what it does is ordinary code,
 * that may allocate and write files. Then the program ends as by the signal. */
#ifndef POTSTILL_CLI_WATCH_H
#define POTSTILL_CLI_WATCH_H

#include <pthread.h>
#include <signal.h>

struct watch {
    void (*act)(void *user); /* called at a signal, with the lock held */
    void *user;
    int on, over;
    pthread_t thread;
    pthread_mutex_t lock;
    sigset_t signals, before;
};

/* Before the threads start that shall not be disturbed. Without a thread to be had, signals end the
 * program as they did. `watch` is zeroed but for `act` and `user`. */
void watch_start(struct watch *watch);
/* What `act` reads is changed between these two. */
void watch_lock(struct watch *watch);
void watch_unlock(struct watch *watch);
/* The work is done: with the lock held, a signal that comes now is too late, and forgotten. */
void watch_end(struct watch *watch);
/* After watch_end(), and the lock let go; harmless on one that did not start. */
void watch_stop(struct watch *watch);

#endif
