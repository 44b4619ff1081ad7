/* capture.h - a thread that takes sound from a source, so that none is lost while a text is made.
 *
 * It notes when each piece came: from there the time to a text is counted. A file can be taken at
 * the pace of speech, as if somebody said it now. */
#ifndef POTSTILL_CLI_CAPTURE_H
#define POTSTILL_CLI_CAPTURE_H

#include <pthread.h>

#include "potstill.h"

struct capture {
    pst_source *source;
    int paced; /* wait until as much time has passed as the sound takes */
    pthread_t thread;
    int running;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    float *samples; /* [count], of which the first came at `arrived` */
    size_t count, capacity;
    double arrived;
    int ended, stopped;
    pst_error error; /* PST_OK: none */
};

/* 0, or an exit code with the reason printed. capture_stop() in any case. */
int capture_start(struct capture *capture, pst_source *source, int paced);
/* Waits for sound, and puts at most `capacity` samples into `samples`. The result is how many, 0 at
 * the end; `*arrived` is when the last of them came,
 * by seconds_now(). */
size_t capture_take(struct capture *capture, float *samples, size_t capacity, double *arrived);
/* Ends the thread. The source stays open. */
void capture_stop(struct capture *capture);

#endif
