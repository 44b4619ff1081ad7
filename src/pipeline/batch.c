/* batch.c - many clips over one model, on all threads at once.
 *
 * Two clips on a thread each are done sooner than one after the other on both threads, because
 * threads then do not wait for each other at the end of a layer. So each worker has a session of
 * its own with one thread. Only when there are fewer segments than threads do sessions get more
 * threads: for that, the first segments are read before the workers start. A worker that finds
 * several segments takes them together (together.h). The caller's thread takes clips and delivers
 * results. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/option_struct.h"
#include "network/network.h"
#include "pipeline/clip_queue.h"
#include "pipeline/device.h"
#include "pipeline/jobs.h"
#include "pipeline/session.h"

struct worker {
    struct batch *batch;
    pst_session *session;
    pthread_t thread;
};

struct batch {
    struct job_setting setting;
    size_t threads;
    struct clip_queue queue;
    size_t taken;           /* clips so far */
    int drained;            /* there are no more */
    struct worker *workers; /* [worker_count], of which [running] have been started */
    size_t worker_count, running;
};

/* ------------------------------------------------------------------------------------- workers */

/* Their time is shared out by their length. */
static void complete(struct worker *worker, struct job *jobs, struct outcome *outcomes,
                     size_t count, uint64_t work_ns) {
    double samples = 0;
    for (size_t i = 0; i < count; i++) samples += (double)jobs[i].segment.samples.count;
    for (size_t i = 0; i < count; i++) {
        double part = samples > 0 ? (double)jobs[i].segment.samples.count / samples : 0;
        outcomes[i].work_ns = (uint64_t)((double)work_ns * part);
        sample_list_free(&jobs[i].segment.samples);
        clip_queue_complete(&worker->batch->queue, &jobs[i], &outcomes[i]);
    }
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct batch *batch = worker->batch;
    struct job jobs[TEXTS_MAX];
    struct outcome outcomes[TEXTS_MAX];
    for (size_t count; (count = clip_queue_take(&batch->queue, jobs, TEXTS_MAX)) > 0;) {
        uint64_t began = clock_now_ns();
        jobs_transcribe(worker->session, &batch->setting, jobs, outcomes, count);
        complete(worker, jobs, outcomes, count, clock_now_ns() - began);
    }
    return NULL;
}

static pst_status open_session(const struct batch *batch, struct worker *worker, size_t threads,
                               pst_error *err) {
    const pst_batch_options *options = batch->setting.options;
    pst_session_options session;
    pst_session_options_init(&session);
    session.threads = (uint32_t)threads;
    worker->session = options->session;
    pst_status status = PST_OK;
    if (!worker->session)
        status = pst_session_new(batch->setting.model, &session, &worker->session, err);
    if (!status)
        status = pst_session_use_adapters(worker->session, options->adapters, options->weights,
                                          options->adapter_count, err);
    return status;
}

static pst_status start_worker(struct batch *batch, struct worker *worker, size_t threads,
                               pst_error *err) {
    worker->batch = batch;
    pst_status status = open_session(batch, worker, threads, err);
    if (status) return status;
    if (pthread_create(&worker->thread, NULL, work, worker))
        return error_set(err, PST_ERR_IO, "cannot start thread %zu of %zu", batch->running + 1,
                         batch->worker_count);
    batch->running++;
    return PST_OK;
}

/* A worker decodes so many samples together, and a clip more. Each clip has keys and values of its
 * own to read and to keep: those of half a minute are as much as all weights in int8. So below
 * float32 the segments of a long recording, which have 8 s and more, are decoded alone. */
static size_t samples_together(const pst_model *model) {
    const struct network *network = model->network;
    int wide = network && network->precision == PST_PRECISION_F32;
    return (size_t)PST_SAMPLE_RATE_HZ * (wide ? 30 : 8);
}

/* A worker for each segment that is ready; they share the threads. Converted models have one: each
 * session loads the packages for itself. */
static pst_status start_workers(struct batch *batch, pst_error *err) {
    size_t count = batch->setting.model->device ? 1 : batch->queue.ready_count;
    batch->workers = calloc(count, sizeof *batch->workers);
    if (!batch->workers) return error_memory(err, count * sizeof *batch->workers);
    batch->worker_count = count;
    clip_queue_share(&batch->queue, count, samples_together(batch->setting.model));
    pst_status status = PST_OK;
    for (size_t i = 0; i < count && !status; i++) {
        size_t threads = batch->threads / count + (i < batch->threads % count);
        status = start_worker(batch, &batch->workers[i], threads, err);
    }
    return status;
}

static void stop_workers(struct batch *batch) {
    clip_queue_stop(&batch->queue);
    for (size_t i = 0; i < batch->running; i++) pthread_join(batch->workers[i].thread, NULL);
    pst_session *lent = batch->setting.options->session;
    for (size_t i = 0; i < batch->worker_count && !lent; i++)
        pst_session_free(batch->workers[i].session);
    if (lent) pst_session_use_adapters(lent, NULL, NULL, 0, NULL);
    free(batch->workers);
}

/* --------------------------------------------------------------------------------- coordinating */

static pst_status deliver(const struct batch *batch, struct clip *clip, pst_error *err) {
    pst_clip_result result;
    clip_finish(clip, &result);
    int stop = batch->setting.options->deliver(batch->setting.options->user, &result);
    clip_free(clip);
    return stop ? error_set(err, PST_ERR_CANCELLED, "the batch was cancelled") : PST_OK;
}

static pst_status report(struct batch *batch, pst_error *err) {
    const pst_batch_options *options = batch->setting.options;
    pst_clip_progress progress;
    pst_segment *segments;
    if (!clip_queue_progress(&batch->queue, options->normalize, &progress, &segments))
        return PST_OK;
    int stop = options->progress ? options->progress(options->user, &progress) : 0;
    free(segments);
    return stop ? error_set(err, PST_ERR_CANCELLED, "the batch was cancelled") : PST_OK;
}

static pst_status take_clip(struct batch *batch, pst_error *err) {
    pst_clip given = {.fd = -1};
    if (!batch->setting.options->next(batch->setting.options->user, &given)) {
        batch->drained = 1;
        return PST_OK;
    }
    struct clip *clip = clip_new(&given, batch->taken);
    if (!clip) return error_memory(err, sizeof *clip);
    batch->taken++;
    clip_queue_add(&batch->queue, clip);
    if (batch->worker_count) return PST_OK;
    clip_queue_read_ahead(&batch->queue, batch->threads);
    return batch->queue.ready_count == batch->threads ? start_workers(batch, err) : PST_OK;
}

/* In order of preference: deliver, take a clip, start the workers, wait and report. */
static pst_status run(struct batch *batch, pst_error *err) {
    struct clip_queue *queue = &batch->queue;
    pst_status status = PST_OK;
    while (!status) {
        struct clip *clip = clip_queue_remove(queue);
        if (clip)
            status = deliver(batch, clip, err);
        else if (!batch->drained && queue->length < batch->threads * PST_BATCH_CLIPS_PER_THREAD)
            status = take_clip(batch, err);
        else if (queue->length == 0)
            break;
        else if (!batch->worker_count)
            status = start_workers(batch, err);
        else {
            clip_queue_wait(queue);
            status = report(batch, err);
        }
    }
    return status;
}

/* -------------------------------------------------------------------------------------- public */

/* The last segment keeps at least a tenth of the window: 1,600 samples, which is long enough. */
static const double WINDOW_SECONDS_MIN = 1;
static const double WINDOW_SECONDS_DEFAULT = 30;

void pst_batch_options_init_sized(pst_batch_options *options, size_t struct_size) {
    const pst_batch_options defaults = {.struct_size = sizeof defaults,
                                        .window_seconds = WINDOW_SECONDS_DEFAULT};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

static pst_status check(const pst_model *model, const pst_batch_options *options, pst_error *err) {
    if (!model) return error_set(err, PST_ERR_ARGUMENT, "model must not be NULL");
    if (!options->next || !options->deliver)
        return error_set(err, PST_ERR_ARGUMENT, "next and deliver must not be NULL");
    if (options->threads > THREAD_POOL_MAX)
        return error_set(err, PST_ERR_ARGUMENT, "threads is %u, expected 1 to %d",
                         (unsigned)options->threads, THREAD_POOL_MAX);
    if (options->session && options->session->model != model)
        return error_set(err, PST_ERR_ARGUMENT, "the session is of another model than the batch");
    double window = options->window_seconds;
    if (window != 0 && !(window >= WINDOW_SECONDS_MIN && window <= AUDIO_SECONDS_MAX))
        return error_set(err, PST_ERR_ARGUMENT,
                         "window_seconds is %g, expected 0 (the whole clip) or %g to %d", window,
                         WINDOW_SECONDS_MIN, AUDIO_SECONDS_MAX);
    return PST_OK;
}

static pst_status set_decode(struct batch *batch, pst_error *err) {
    const pst_decode_options *given = batch->setting.options->decode;
    pst_decode_options *decode = &batch->setting.decode;
    pst_decode_options_init(decode);
    if (!given) pst_model_decode_options(batch->setting.model, decode);
    return option_struct_copy(decode, sizeof *decode, given, "pst_decode_options", err);
}

pst_status pst_batch_run(const pst_model *model, const pst_batch_options *options, pst_error *err) {
    pst_batch_options own;
    pst_batch_options_init(&own);
    if (!options) return error_set(err, PST_ERR_ARGUMENT, "batch options must not be NULL");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_batch_options", err);
    if (!status) status = check(model, &own, err);
    if (status) return status;
    struct batch batch = {.setting = {.model = model, .options = &own},
                          .threads = own.session ? 1 : session_thread_count(own.threads)};
    status = set_decode(&batch, err);
    if (status) return status;
    size_t window = (size_t)lrint(own.window_seconds * PST_SAMPLE_RATE_HZ);
    if (model->device && window > model->device->samples_max) window = model->device->samples_max;
    status = clip_queue_init(&batch.queue, window, batch.threads, err);
    batch.queue.followed = own.progress != NULL;
    batch.queue.vad = own.vad;
    batch.queue.tokenizer = model->tokenizer;
    if (!status) status = audio_options_copy(&batch.queue.audio, own.audio, 1, err);
    if (!status) status = run(&batch, err);
    stop_workers(&batch);
    clip_queue_destroy(&batch.queue);
    return status;
}
