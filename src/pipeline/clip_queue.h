/* clip_queue.h - the clips of a batch, between the caller's thread and the worker threads.
 *
 * The caller's thread adds clips at the end and removes finished ones at the front, so results come
 * in the order of the clips. A worker takes the first clip that has segments to read, and reads and
 * transcribes the next one itself: only segments being transcribed are in memory. */
#ifndef PST_PIPELINE_CLIP_QUEUE_H
#define PST_PIPELINE_CLIP_QUEUE_H

#include <pthread.h>

#include "pipeline/clip.h"

/* A segment that a worker has. */
struct job {
    struct clip *clip;
    size_t index; /* of the segment in the clip */
    struct segment segment;
};

/* Its result. */
struct outcome {
    pst_transcript *transcript; /* NULL with an error */
    pst_error error;            /* PST_OK: none */
    pst_error silence;          /* PST_OK, or why it was not normalised */
    int spare_words;            /* the transcript has words that nobody asked for */
    uint64_t work_ns;           /* what it took */
};

struct clip_queue {
    size_t window;             /* samples; 0: clips are not cut */
    const struct pst_vad *vad; /* NULL: all sound is transcribed */
    /* Of the words where texts overlap; NULL: they do not. */
    const struct tokenizer *tokenizer;
    pst_audio_options audio;
    /* Files are opened one at a time: libsndfile keeps the reason of the last failure only. */
    pthread_mutex_t opening;
    pthread_mutex_t mutex;   /* of all below, and of the clips */
    pthread_cond_t work;     /* there may be a segment to take, or the queue has stopped */
    pthread_cond_t finished; /* the first clip may be finished */
    struct clip *first, *last;
    struct clip *unread; /* the first that may have segments to read; NULL: none */
    size_t length;
    struct job *ready; /* [ready_count] segments read ahead; they are taken first */
    size_t ready_count, ready_taken;
    int followed;             /* somebody wants to know of segments before their clip is finished */
    int news;                 /* a segment of the first clip is complete */
    size_t workers, together; /* who take segments, and samples that one takes at once */
    int stopped;
};

/* At most `ready_max` segments are read ahead. clip_queue_destroy() in any case. */
pst_status clip_queue_init(struct clip_queue *queue, size_t window, size_t ready_max,
                           pst_error *err);
/* No thread may use it any more. */
void clip_queue_destroy(struct clip_queue *queue);

/* For the caller's thread. */
void clip_queue_add(struct clip_queue *queue, struct clip *clip);
/* Reads ahead until `count` segments are ready, or there are no more for now. */
void clip_queue_read_ahead(struct clip_queue *queue, size_t count);
/* The first clip, if it is finished: the caller's from here on. Else NULL. */
struct clip *clip_queue_remove(struct clip_queue *queue);
/* Waits until the first clip is finished, or a segment of it is complete. */
void clip_queue_wait(struct clip_queue *queue);
/* What is new of the first clip since the last call; 0: nothing. `*segments`, to be freed, holds
 * progress->segments. With `normalize`, nothing is told of a clip that may be silent as a whole. */
int clip_queue_progress(struct clip_queue *queue, int normalize, pst_clip_progress *progress,
                        pst_segment **segments);
/* No more segments are taken. */
void clip_queue_stop(struct clip_queue *queue);

/* From now on so many workers take segments, each as many at once as have `together` samples. */
void clip_queue_share(struct clip_queue *queue, size_t workers, size_t together);

/* For workers. Waits for a segment, and takes those with it that are at hand: at most `most`, and
 * no more than the worker's share. The last one may pass queue->together. Their samples are the
 * worker's. 0: there are no more. */
size_t clip_queue_take(struct clip_queue *queue, struct job *jobs, size_t most);
/* The segment is done. The transcript is the queue's. */
void clip_queue_complete(struct clip_queue *queue, const struct job *job,
                         const struct outcome *outcome);

#endif
