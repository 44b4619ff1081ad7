/* watch.c - see watch.h. */
#include "watch.h"

#include <unistd.h>

/* Wakes the thread when the work is done. Cancelling it would be shorter, but leaves frames behind
 * that a sanitizer takes for live ones. */
enum { WAKING = SIGUSR1 };

/* The signals that the parent has not had ignored (nohup). */
static void choose_signals(sigset_t *signals) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(signals);
    signal(WAKING, SIG_DFL); /* ignored, it might never arrive */
    sigaddset(signals, WAKING);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(signals, numbers[i]);
    }
}

static void *wait_for_signal(void *user) {
    struct watch *watch = user;
    int number = 0;
    if (sigwait(&watch->signals, &number) != 0) return NULL;
    pthread_mutex_lock(&watch->lock);
    if (!watch->over) {
        watch->act(watch->user);
        signal(number, SIG_DFL);
        pthread_sigmask(SIG_UNBLOCK, &watch->signals, NULL);
        raise(number);
        pause(); /* until it has ended the program */
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

void watch_start(struct watch *watch) {
    choose_signals(&watch->signals);
    pthread_mutex_init(&watch->lock, NULL);
    pthread_sigmask(SIG_BLOCK, &watch->signals, &watch->before);
    watch->on = pthread_create(&watch->thread, NULL, wait_for_signal, watch) == 0;
    if (watch->on) return;
    pthread_sigmask(SIG_SETMASK, &watch->before, NULL);
    pthread_mutex_destroy(&watch->lock);
}

void watch_lock(struct watch *watch) {
    if (watch->on) pthread_mutex_lock(&watch->lock);
}

void watch_unlock(struct watch *watch) {
    if (watch->on) pthread_mutex_unlock(&watch->lock);
}

void watch_end(struct watch *watch) {
    watch->over = 1;
}

void watch_stop(struct watch *watch) {
    if (!watch->on) return;
    pthread_kill(watch->thread, WAKING);
    pthread_join(watch->thread, NULL);
    watch->on = 0;
    pthread_mutex_destroy(&watch->lock);
    pthread_sigmask(SIG_SETMASK, &watch->before, NULL);
}
