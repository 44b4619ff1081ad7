/* metrics.c - see metrics.h. */
#include "serve/metrics.h"

#include "potstill.h"

/* From a cache hit of a proxy to a long recording. */
static const double LIMITS[METRIC_BUCKETS] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                              1,    2.5,   5,    10,  30,   120};

void metrics_open(struct metrics *metrics) {
    *metrics = (struct metrics){.tokens = 0};
    pthread_mutex_init(&metrics->mutex, NULL);
}

void metrics_close(struct metrics *metrics) {
    pthread_mutex_destroy(&metrics->mutex);
}

void metrics_count_reply(struct metrics *metrics, int status) {
    if (status < 0 || status >= METRIC_STATUS_MAX) return;
    pthread_mutex_lock(&metrics->mutex);
    metrics->by_status[status]++;
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_count_rejection(struct metrics *metrics, enum metric_rejection why) {
    pthread_mutex_lock(&metrics->mutex);
    metrics->rejected[why]++;
    pthread_mutex_unlock(&metrics->mutex);
}

static void observe(struct histogram *histogram, double seconds) {
    int bucket = 0;
    while (bucket < METRIC_BUCKETS && seconds > LIMITS[bucket]) bucket++;
    histogram->counts[bucket]++;
    histogram->sum += seconds;
}

/* Under the mutex. */
static void count_work(struct metrics *metrics, const struct metric_work *work) {
    metrics->audio_seconds += work->audio_seconds;
    metrics->work_seconds += work->work_seconds;
    metrics->tokens += work->tokens;
}

void metrics_add_live(struct metrics *metrics, const struct metric_work *work) {
    pthread_mutex_lock(&metrics->mutex);
    count_work(metrics, work);
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_add_work(struct metrics *metrics, const struct metric_work *work) {
    pthread_mutex_lock(&metrics->mutex);
    count_work(metrics, work);
    observe(&metrics->request, work->request_seconds);
    observe(&metrics->wait, work->wait_seconds);
    pthread_mutex_unlock(&metrics->mutex);
}

/* ------------------------------------------------------------------------------------- printing */

static void head(FILE *stream, const char *name, const char *type, const char *help) {
    fprintf(stream, "# HELP potstill_%s %s\n# TYPE potstill_%s %s\n", name, help, name, type);
}

static void print_number(FILE *stream, const char *name, const char *type, const char *help,
                         double value) {
    head(stream, name, type, help);
    fprintf(stream, "potstill_%s %.15g\n", name, value);
}

static void print_histogram(FILE *stream, const char *name, const char *help,
                            const struct histogram *histogram) {
    uint64_t count = 0;
    head(stream, name, "histogram", help);
    for (int i = 0; i < METRIC_BUCKETS; i++) {
        count += histogram->counts[i];
        fprintf(stream, "potstill_%s_bucket{le=\"%g\"} %llu\n", name, LIMITS[i],
                (unsigned long long)count);
    }
    count += histogram->counts[METRIC_BUCKETS];
    fprintf(stream, "potstill_%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)count);
    fprintf(stream, "potstill_%s_sum %.9g\npotstill_%s_count %llu\n", name, histogram->sum, name,
            (unsigned long long)count);
}

static void print_counts(const struct metrics *metrics, FILE *stream) {
    static const char *const reasons[REJECTIONS] = {"queue", "key", "size", "slow", "draining"};
    head(stream, "requests_total", "counter", "Replies by their HTTP status; 499: nobody read it.");
    for (int i = 0; i < METRIC_STATUS_MAX; i++)
        if (metrics->by_status[i])
            fprintf(stream, "potstill_requests_total{code=\"%d\"} %llu\n", i,
                    (unsigned long long)metrics->by_status[i]);
    head(stream, "rejected_total", "counter", "Requests that were turned away.");
    for (int i = 0; i < REJECTIONS; i++)
        fprintf(stream, "potstill_rejected_total{reason=\"%s\"} %llu\n", reasons[i],
                (unsigned long long)metrics->rejected[i]);
}

void metrics_print(struct metrics *metrics, const struct metric_gauges *gauges, FILE *stream) {
    pthread_mutex_lock(&metrics->mutex);
    struct metrics now = *metrics;
    pthread_mutex_unlock(&metrics->mutex);
    print_counts(&now, stream);
    print_histogram(stream, "request_seconds", "From a request's first byte to its reply.",
                    &now.request);
    print_histogram(stream, "queue_wait_seconds", "Time in the queue.", &now.wait);
    print_number(stream, "audio_seconds_total", "counter", "Sound transcribed.", now.audio_seconds);
    print_number(stream, "work_seconds_total", "counter", "Time that took.", now.work_seconds);
    print_number(stream, "decode_tokens_total", "counter", "Tokens made.", (double)now.tokens);
    print_number(stream, "queue_depth", "gauge", "Requests that wait.", (double)gauges->queued);
    print_number(stream, "queue_seconds", "gauge", "Sound that waits or is at work.",
                 gauges->queued_seconds);
    print_number(stream, "adapters_loaded", "gauge", "Adapters.", (double)gauges->adapters);
    print_number(stream, "connections", "gauge", "Open connections.", (double)gauges->connections);
    print_number(stream, "realtime_sessions", "gauge", "Open realtime sessions.",
                 (double)gauges->live);
    print_number(stream, "draining", "gauge", "1: the server ends.", gauges->draining);
    head(stream, "build_info", "gauge", "The version.");
    fprintf(stream, "potstill_build_info{version=\"%s\"} 1\n", pst_version());
}
