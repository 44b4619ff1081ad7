/* capture.c - see capture.h. */
#include "live/capture.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "console.h"
#include "seconds.h"

/* Samples read at a time: 20 ms. */
enum { PIECE = 320 };

/* The most that waits to be taken: a minute. A pipe or a file is not read further then; what a
 * microphone hears meanwhile is lost, and counted. */
enum { WAITING_MAX = 60 * PST_SAMPLE_RATE_HZ };

static void sleep_until(double when) {
    double left = when - seconds_now();
    if (left <= 0) return;
    struct timespec time = {.tv_sec = (time_t)left};
    time.tv_nsec = (long)((left - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

/* 0: nobody wants more. */
static int add(struct capture *capture, const float *samples, size_t count) {
    pthread_mutex_lock(&capture->lock);
    while (capture->count + count > WAITING_MAX && !capture->stopped)
        pthread_cond_wait(&capture->changed, &capture->lock);
    memcpy(capture->samples + capture->count, samples, count * sizeof *samples);
    capture->count += count;
    capture->arrived = seconds_now();
    int wanted = !capture->stopped;
    pthread_cond_broadcast(&capture->changed);
    pthread_mutex_unlock(&capture->lock);
    return wanted;
}

static void *take_sound(void *argument) {
    struct capture *capture = argument;
    float samples[PIECE];
    double began = seconds_now();
    pst_error error = {0};
    for (size_t all = 0, count;; all += count) {
        if (pst_source_read(capture->source, samples, PIECE, &count, &error) || !count) break;
        if (capture->paced) sleep_until(began + (double)(all + count) / PST_SAMPLE_RATE_HZ);
        if (!add(capture, samples, count)) break;
    }
    pthread_mutex_lock(&capture->lock);
    capture->ended = 1;
    capture->error = error;
    pthread_cond_broadcast(&capture->changed);
    pthread_mutex_unlock(&capture->lock);
    return NULL;
}

int capture_start(struct capture *capture, pst_source *source, int paced) {
    *capture = (struct capture){.source = source, .paced = paced};
    pthread_mutex_init(&capture->lock, NULL);
    pthread_cond_init(&capture->changed, NULL);
    capture->samples = need(malloc((WAITING_MAX + PIECE) * sizeof *capture->samples));
    if (pthread_create(&capture->thread, NULL, take_sound, capture))
        return fail(EXIT_ENVIRONMENT, "a thread cannot be started");
    capture->running = 1;
    return EXIT_DONE;
}

size_t capture_take(struct capture *capture, float *samples, size_t capacity, double *arrived) {
    pthread_mutex_lock(&capture->lock);
    while (!capture->count && !capture->ended) pthread_cond_wait(&capture->changed, &capture->lock);
    size_t count = capture->count < capacity ? capture->count : capacity;
    capture->count -= count;
    memcpy(samples, capture->samples, count * sizeof *samples);
    memmove(capture->samples, capture->samples + count, capture->count * sizeof *samples);
    *arrived = capture->arrived - (double)capture->count / PST_SAMPLE_RATE_HZ;
    pthread_cond_broadcast(&capture->changed);
    pthread_mutex_unlock(&capture->lock);
    return count;
}

void capture_stop(struct capture *capture) {
    if (capture->running) {
        pthread_mutex_lock(&capture->lock);
        capture->stopped = 1;
        pthread_cond_broadcast(&capture->changed);
        pthread_mutex_unlock(&capture->lock);
        pst_source_stop(capture->source);
        pthread_join(capture->thread, NULL);
    }
    capture->running = 0;
    free(capture->samples);
    capture->samples = NULL;
}
