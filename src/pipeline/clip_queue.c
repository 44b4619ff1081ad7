/* clip_queue.c - see clip_queue.h. */
#include "pipeline/clip_queue.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

pst_status clip_queue_init(struct clip_queue *queue, size_t window, size_t ready_max,
                           pst_error *err) {
    *queue = (struct clip_queue){.window = window};
    pst_audio_options_init(&queue->audio);
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_mutex_init(&queue->opening, NULL);
    pthread_cond_init(&queue->work, NULL);
    pthread_cond_init(&queue->finished, NULL);
    queue->ready = calloc(ready_max, sizeof *queue->ready);
    return queue->ready ? PST_OK : error_memory(err, ready_max * sizeof *queue->ready);
}

void clip_queue_destroy(struct clip_queue *queue) {
    for (size_t i = queue->ready_taken; i < queue->ready_count; i++)
        sample_list_free(&queue->ready[i].segment.samples);
    free(queue->ready);
    while (queue->first) {
        struct clip *clip = queue->first;
        queue->first = clip->next;
        clip_free(clip);
    }
    pthread_cond_destroy(&queue->finished);
    pthread_cond_destroy(&queue->work);
    pthread_mutex_destroy(&queue->opening);
    pthread_mutex_destroy(&queue->mutex);
    *queue = (struct clip_queue){0};
}

/* ------------------------------------------------------------------------------------- reading */

/* Call with the mutex held. */
static struct clip *find_unread(struct clip_queue *queue) {
    while (queue->unread && queue->unread->state == CLIP_READ) queue->unread = queue->unread->next;
    for (struct clip *clip = queue->unread; clip; clip = clip->next)
        if (clip->state == CLIP_NEW || clip->state == CLIP_OPEN) return clip;
    return NULL;
}

static pst_status read_segment(struct clip_queue *queue, struct clip *clip, int is_new,
                               struct segment *segment, pst_error *err) {
    pst_status status = PST_OK;
    if (is_new) {
        pthread_mutex_lock(&queue->opening);
        status = segment_reader_open(&clip->reader, &clip->given, queue->window, queue->vad,
                                     &queue->audio, err);
        pthread_mutex_unlock(&queue->opening);
        clip->reader.overlaps = queue->tokenizer != NULL;
    }
    return status ? status : segment_reader_next(&clip->reader, segment, err);
}

/* What the header tells, which is known once the first segment is read. */
static void note_header(struct clip *clip) {
    const struct audio_stream *stream = &clip->reader.stream;
    clip->total = (double)segment_reader_length(&clip->reader) / PST_SAMPLE_RATE_HZ;
    clip->waits |= stream->ffmpeg != NULL;
    if (clip->reader.each) clip->channels = (uint32_t)stream->info.channels;
    char text[160];
    snprintf(text, sizeof text,
             "the WAV header tells %u bytes of sound, as in a recording that was not ended "
             "properly; read to the end of the file",
             (unsigned)stream->told_bytes);
    if (stream->name && stream->unfinished) clip_warn(clip, text);
}

/* What is known of the sound of a channel, or of all, once its last segment is read. */
static void note_end(struct clip *clip, const struct job *job) {
    const struct audio_stream *stream = &clip->reader.stream;
    /* A clip goes on after its last speech. */
    if (clip->reader.vad) clip->duration = (double)clip->reader.listener.heard / PST_SAMPLE_RATE_HZ;
    if (job->segment.silent) clip->segments[job->index].end = clip->duration;
    char lines[LEVELS_WARNINGS_MAX][LEVELS_WARNING_BYTES], said[160];
    if (!stream->name) return;
    size_t count = levels_warnings(&stream->levels, clip->channels > 1, lines);
    for (size_t i = 0; i < count; i++) clip_warn(clip, lines[i]);
    if (!stream->ffmpeg || job->segment.channel > 1) return;
    ffmpeg_said(stream->ffmpeg, said, sizeof said);
    char text[LEVELS_WARNING_BYTES];
    snprintf(text, sizeof text, "ffmpeg: %s", said);
    if (*said) clip_warn(clip, text);
}

/* Adds what was read to the clip: a segment, or the error. Returns whether it was a segment. */
static int add_read(struct clip *clip, struct job *job, pst_status status, pst_error *err) {
    if (!status) {
        job->clip = clip;
        job->index = clip_add_segment(clip, &job->segment);
        if (job->index == SIZE_MAX) {
            sample_list_free(&job->segment.samples);
            status = error_memory(err, sizeof *clip->segments);
        }
    }
    if (status) clip_fail(clip, clip->segment_count, err);
    if (!status && job->index == 0) note_header(clip);
    if (!status && job->segment.last) note_end(clip, job);
    clip->pending += !status;
    clip->state = clip->reader.ended || clip->error.code ? CLIP_READ : CLIP_OPEN;
    if (clip->state == CLIP_READ) segment_reader_close(&clip->reader);
    return !status;
}

/* Reads the next segment of `clip`: 1, or 0 when it has failed. Call with the mutex held; it is
 * released while the file is read. */
static int read_next(struct clip_queue *queue, struct clip *clip, struct job *job) {
    pst_error err;
    int is_new = clip->state == CLIP_NEW;
    clip->state = CLIP_READING;
    pthread_mutex_unlock(&queue->mutex);
    pst_status status = read_segment(queue, clip, is_new, &job->segment, &err);
    pthread_mutex_lock(&queue->mutex);
    int there = add_read(clip, job, status, &err);
    if (clip->state == CLIP_OPEN) pthread_cond_signal(&queue->work);
    if (clip_is_finished(clip)) pthread_cond_signal(&queue->finished);
    return there;
}

/* -------------------------------------------------------------------------- the caller's thread */

void clip_queue_add(struct clip_queue *queue, struct clip *clip) {
    pthread_mutex_lock(&queue->mutex);
    if (queue->last)
        queue->last->next = clip;
    else
        queue->first = clip;
    queue->last = clip;
    if (!queue->unread) queue->unread = clip;
    queue->length++;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->mutex);
}

void clip_queue_read_ahead(struct clip_queue *queue, size_t count) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->ready_count < count) {
        struct clip *clip = find_unread(queue);
        if (!clip) break;
        queue->ready_count += (size_t)read_next(queue, clip, &queue->ready[queue->ready_count]);
    }
    pthread_mutex_unlock(&queue->mutex);
}

struct clip *clip_queue_remove(struct clip_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    struct clip *clip = queue->first;
    if (clip && !clip_is_finished(clip)) clip = NULL;
    if (clip) {
        if (queue->unread == clip) queue->unread = clip->next;
        queue->first = clip->next;
        if (!queue->first) queue->last = NULL;
        queue->length--;
    }
    pthread_mutex_unlock(&queue->mutex);
    return clip;
}

void clip_queue_wait(struct clip_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->first && !clip_is_finished(queue->first) && !queue->news)
        pthread_cond_wait(&queue->finished, &queue->mutex);
    pthread_mutex_unlock(&queue->mutex);
}

/* The segments that follow those announced and are final, in fresh memory. */
static pst_segment *take_complete(struct clip *clip, size_t *count) {
    size_t end = clip->announced;
    if (end < clip->sewn) end = clip->sewn;
    *count = end - clip->announced;
    pst_segment *segments = malloc((*count + 1) * sizeof *segments); /* 0 may give NULL */
    if (!segments) return NULL;
    for (size_t i = 0; i < *count; i++) segments[i] = clip->segments[clip->announced + i];
    clip->announced = end;
    return segments;
}

int clip_queue_progress(struct clip_queue *queue, int normalize, pst_clip_progress *progress,
                        pst_segment **segments) {
    pthread_mutex_lock(&queue->mutex);
    struct clip *clip = queue->first;
    int told = clip && queue->news && !clip_is_finished(clip) && !clip->error.code &&
               !(normalize && clip->silent == clip->complete);
    queue->news = 0;
    size_t count = 0;
    *segments = told ? take_complete(clip, &count) : NULL;
    if (*segments)
        *progress = (pst_clip_progress){
            clip->index, clip->given.tag, (double)clip->done / PST_SAMPLE_RATE_HZ / clip->channels,
            clip->total, *segments,       count};
    pthread_mutex_unlock(&queue->mutex);
    return *segments != NULL;
}

void clip_queue_stop(struct clip_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->stopped = 1;
    pthread_cond_broadcast(&queue->work);
    pthread_mutex_unlock(&queue->mutex);
}

/* ------------------------------------------------------------------------------ workers */

/* Segments of this length, longer than most, are guessed in what is not read yet. */
static const double SEGMENT_SECONDS = 20;

void clip_queue_share(struct clip_queue *queue, size_t workers, size_t together) {
    pthread_mutex_lock(&queue->mutex);
    queue->workers = workers;
    queue->together = together;
    pthread_mutex_unlock(&queue->mutex);
}

/* About how many segments can be taken. */
static size_t segments_left(const struct clip_queue *queue) {
    double count = (double)(queue->ready_count - queue->ready_taken);
    for (const struct clip *clip = queue->unread; clip; clip = clip->next) {
        if (clip->state == CLIP_NEW) count++;
        if (clip->state != CLIP_OPEN) continue;
        double read = clip->segments[clip->segment_count - 1].end;
        double left = clip->total > read ? clip->total - read : 0;
        count += 1 + left / SEGMENT_SECONDS;
    }
    return (size_t)count;
}

/* May a worker that has `count` segments take one more? */
static int may_take(const struct clip_queue *queue, size_t count, size_t samples) {
    size_t share = (count + segments_left(queue) + queue->workers - 1) / queue->workers;
    return count == 0 || (count < share && samples < queue->together);
}

/* A segment, if there is one to be had: 1, else 0. *none: 0 where another may be. With others
 * `beside` it nothing is waited for. */
static int take_one(struct clip_queue *queue, struct job *job, int beside, int *none) {
    struct clip *clip = NULL;
    if (queue->ready_taken < queue->ready_count) {
        *job = queue->ready[queue->ready_taken++];
        return 1;
    }
    clip = find_unread(queue);
    *none = !clip || (beside && clip->waits);
    return *none ? 0 : read_next(queue, clip, job);
}

size_t clip_queue_take(struct clip_queue *queue, struct job *jobs, size_t most) {
    size_t count = 0, samples = 0;
    pthread_mutex_lock(&queue->mutex);
    while (!queue->stopped && may_take(queue, count, samples) && count < most) {
        int none = 0;
        if (take_one(queue, &jobs[count], count > 0, &none))
            samples += jobs[count++].segment.samples.count;
        else if (none && count)
            break;
        else if (none)
            pthread_cond_wait(&queue->work, &queue->mutex);
    }
    pthread_mutex_unlock(&queue->mutex);
    return count;
}

void clip_queue_complete(struct clip_queue *queue, const struct job *job,
                         const struct outcome *outcome) {
    struct clip *clip = job->clip;
    pthread_mutex_lock(&queue->mutex);
    pst_segment *segment = &clip->segments[job->index];
    segment->transcript = outcome->transcript;
    clip->parts[job->index].spare_words = outcome->spare_words;
    clip->complete += outcome->transcript != NULL;
    clip->work_ns += outcome->work_ns;
    clip->done += (uint64_t)llround((segment->end - segment->start) * PST_SAMPLE_RATE_HZ);
    if (outcome->silence.code) {
        clip->silent++;
        if (job->index == 0) clip->silence = outcome->silence;
    }
    if (outcome->error.code) {
        clip_fail(clip, job->index, &outcome->error);
        if (clip->state == CLIP_OPEN) { /* the rest is not needed */
            clip->state = CLIP_READ;
            segment_reader_close(&clip->reader);
        }
    }
    clip->pending--;
    clip_sew(clip, queue->tokenizer);
    queue->news |= queue->followed && clip == queue->first;
    if (queue->news || clip_is_finished(clip)) pthread_cond_signal(&queue->finished);
    pthread_mutex_unlock(&queue->mutex);
}
