/* batch.c - many clips over one model, on all threads at once.
 *
 * Two clips on a thread each are done sooner than one after the other on both threads, because
 * threads then do not wait for each other at the end of a layer. So each worker has a session of
 * its own with one thread. Only when there are fewer segments than threads do sessions get more
 * threads: for that, the first segments are read before the workers start. The caller's thread
 * takes clips and delivers results. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/option_struct.h"
#include "pipeline/clip_queue.h"
#include "pipeline/device.h"
#include "pipeline/session.h"
#include "pipeline/speech/detector.h"
#include "pipeline/speech/guard.h"
#include "pipeline/speech/transcript_join.h"
#include "pipeline/timed_words.h"

struct worker {
    struct batch *batch;
    pst_session *session;
    pthread_t thread;
};

struct batch {
    const pst_model *model;
    const pst_batch_options *options;
    pst_decode_options decode; /* before `adjust` */
    size_t threads;
    struct clip_queue queue;
    size_t taken;           /* clips so far */
    int drained;            /* there are no more */
    struct worker *workers; /* [worker_count], of which [running] have been started */
    size_t worker_count, running;
};

/* ------------------------------------------------------------------------------------- workers */

/* What the caller knows of a segment; NULL: nothing. It knows the text after a seam was sewn, which
 * needs all of both: such a segment is transcribed again. */
static const pst_transcript *recall(const pst_batch_options *options, const struct job *job) {
    const struct segment *segment = &job->segment;
    if (!options->recall || segment->before + segment->after > 0) return NULL;
    const pst_segment_place place = {job->clip->index, job->clip->given.tag, segment->channel,
                                     (double)segment->start / PST_SAMPLE_RATE_HZ,
                                     (double)(segment->start + segment->samples.count) /
                                         PST_SAMPLE_RATE_HZ};
    return options->recall(options->user, &place);
}

/* A silent segment cannot be normalised. Where it is one of several it is transcribed as it is: the
 * speech may be in the others. */
static void transcribe_segment(const struct worker *worker, struct job *job,
                               struct outcome *outcome) {
    const pst_batch_options *options = worker->batch->options;
    struct segment *segment = &job->segment;
    const struct sample_list *samples = &segment->samples;
    pst_decode_options decode = worker->batch->decode;
    *outcome = (struct outcome){0};
    if (segment->silent) {
        transcript_of_silence(segment->no_speech_prob, &outcome->transcript, &outcome->error);
        return;
    }
    if (options->normalize &&
        pst_audio_normalize_rms(samples->data, samples->count, &outcome->silence) &&
        segment->whole) {
        outcome->error = outcome->silence;
        return;
    }
    const pst_transcript *known = recall(options, job);
    if (known) {
        transcript_copy(known, &outcome->transcript, &outcome->error);
        return;
    }
    if (options->adjust) options->adjust(options->user, samples->count, &decode);
    /* Where texts overlap, times tell which words are the same, if they can be had. */
    outcome->spare_words = !decode.word_timestamps && segment->before + segment->after > 0;
    if (outcome->spare_words && timed_words_are_known(worker->session)) decode.word_timestamps = 1;
    if (options->guard) {
        struct guarded guarded = {.samples = samples->data,
                                  .count = samples->count,
                                  .no_speech_prob = segment->no_speech_prob,
                                  .speech_seconds = segment->speech_seconds,
                                  .decode = &decode,
                                  .phrases = &segment->phrases,
                                  .by_loudness = options->vad && !options->vad->weights,
                                  .greedy_only = worker->batch->model->device != NULL};
        guard_transcribe(worker->session, &guarded, &outcome->transcript, &outcome->error);
    } else if (!pst_transcribe(worker->session, samples->data, samples->count, &decode,
                               &outcome->transcript, &outcome->error)) {
        transcript_judge(outcome->transcript);
        outcome->transcript->no_speech_prob = segment->no_speech_prob;
    }
    if (outcome->transcript)
        timed_words_shift(outcome->transcript, (double)segment->start / PST_SAMPLE_RATE_HZ);
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct clip_queue *queue = &worker->batch->queue;
    struct job job;
    struct outcome outcome;
    while (clip_queue_take(queue, &job)) {
        uint64_t began = clock_now_ns();
        transcribe_segment(worker, &job, &outcome);
        outcome.work_ns = clock_now_ns() - began;
        if (outcome.transcript) outcome.transcript->channel = job.segment.channel;
        sample_list_free(&job.segment.samples);
        clip_queue_complete(queue, &job, &outcome);
    }
    return NULL;
}

static pst_status open_session(const struct batch *batch, struct worker *worker, size_t threads,
                               pst_error *err) {
    const pst_batch_options *options = batch->options;
    pst_session_options session;
    pst_session_options_init(&session);
    session.threads = (uint32_t)threads;
    worker->session = options->session;
    pst_status status = PST_OK;
    if (!worker->session) status = pst_session_new(batch->model, &session, &worker->session, err);
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

/* A worker for each segment that is ready; they share the threads. Converted models have one: each
 * session loads the packages for itself. */
static pst_status start_workers(struct batch *batch, pst_error *err) {
    size_t count = batch->model->device ? 1 : batch->queue.ready_count;
    batch->workers = calloc(count, sizeof *batch->workers);
    if (!batch->workers) return error_memory(err, count * sizeof *batch->workers);
    batch->worker_count = count;
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
    pst_session *lent = batch->options->session;
    for (size_t i = 0; i < batch->worker_count && !lent; i++)
        pst_session_free(batch->workers[i].session);
    if (lent) pst_session_use_adapters(lent, NULL, NULL, 0, NULL);
    free(batch->workers);
}

/* --------------------------------------------------------------------------------- coordinating */

static pst_status deliver(const struct batch *batch, struct clip *clip, pst_error *err) {
    pst_clip_result result;
    clip_finish(clip, &result);
    int stop = batch->options->deliver(batch->options->user, &result);
    clip_free(clip);
    return stop ? error_set(err, PST_ERR_CANCELLED, "the batch was cancelled") : PST_OK;
}

static pst_status report(struct batch *batch, pst_error *err) {
    const pst_batch_options *options = batch->options;
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
    if (!batch->options->next(batch->options->user, &given)) {
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
    const pst_decode_options *given = batch->options->decode;
    pst_decode_options_init(&batch->decode);
    if (!given) pst_model_decode_options(batch->model, &batch->decode);
    return option_struct_copy(&batch->decode, sizeof batch->decode, given, "pst_decode_options",
                              err);
}

pst_status pst_batch_run(const pst_model *model, const pst_batch_options *options, pst_error *err) {
    pst_batch_options own;
    pst_batch_options_init(&own);
    if (!options) return error_set(err, PST_ERR_ARGUMENT, "batch options must not be NULL");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_batch_options", err);
    if (!status) status = check(model, &own, err);
    if (status) return status;
    struct batch batch = {.model = model,
                          .options = &own,
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
