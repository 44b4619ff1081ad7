/* metrics.h - what the server counts, as Prometheus reads it.
 *
 * Labels have values of this program's alone, never of a client's: their number is known. */
#ifndef POTSTILL_CLI_METRICS_H
#define POTSTILL_CLI_METRICS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { METRIC_BUCKETS = 12 };

/* How long something took. */
struct histogram {
    uint64_t counts[METRIC_BUCKETS + 1]; /* the last: longer than all limits */
    double sum;
};

enum metric_rejection {
    REJECTED_QUEUE,    /* full */
    REJECTED_KEY,      /* none, or a wrong one */
    REJECTED_SIZE,     /* more bytes than are taken */
    REJECTED_SLOW,     /* too few bytes a second */
    REJECTED_DRAINING, /* the server ends */
    REJECTIONS
};

enum { METRIC_STATUS_MAX = 600 };

struct metrics {
    pthread_mutex_t mutex;
    uint64_t by_status[METRIC_STATUS_MAX];
    uint64_t rejected[REJECTIONS];
    uint64_t tokens;
    double audio_seconds, work_seconds;
    struct histogram request, wait; /* seconds of transcriptions: all of it, and in the queue */
};

/* What is so at the moment. */
struct metric_gauges {
    size_t queued;         /* requests */
    double queued_seconds; /* of sound, at work as well */
    size_t adapters, connections;
    size_t live; /* realtime sessions */
    int draining;
};

/* One transcription that was done, or a realtime session. */
struct metric_work {
    double audio_seconds, wait_seconds, work_seconds, request_seconds;
    size_t tokens;
};

void metrics_open(struct metrics *metrics);
void metrics_close(struct metrics *metrics);
void metrics_count_reply(struct metrics *metrics, int status);
void metrics_count_rejection(struct metrics *metrics, enum metric_rejection why);
void metrics_add_work(struct metrics *metrics, const struct metric_work *work);
/* The same of a realtime session, whose time is its client's. */
void metrics_add_live(struct metrics *metrics, const struct metric_work *work);
void metrics_print(struct metrics *metrics, const struct metric_gauges *gauges, FILE *stream);

#endif
