/* clip_queue.h - the clips of a batch between the caller's thread and the threads that work.
 *
 * The caller's thread adds clips at the end and removes finished ones at the front, so results have
 * the order of the clips. A working thread takes the next piece of the first clip that has one to
 * read, reads and decodes it itself, and so holds in memory what it works on and no more. */
#ifndef PST_PIPELINE_CLIP_QUEUE_H
#define PST_PIPELINE_CLIP_QUEUE_H

#include <pthread.h>

#include "pipeline/clip.h"

/* A piece in the hands of a thread. */
struct job {
    struct clip *clip;
    size_t segment;
    struct piece piece;
};

/* What became of it. */
struct outcome {
    pst_transcript *transcript; /* NULL with an error */
    pst_error error;            /* PST_OK: none */
    pst_error silence;          /* why it was not normalised; PST_OK: it was, or need not be */
};

struct clip_queue {
    size_t window;         /* samples; 0: clips are not cut */
    pthread_mutex_t mutex; /* for all that follows and the clips */
    pthread_mutex_t
        opening; /* libsndfile keeps one reason for failed opens, so there is one at a time */
    pthread_cond_t work;     /* there may be something to take, or it is the end */
    pthread_cond_t finished; /* the first clip may be finished */
    struct clip *first, *last;
    struct clip *unread; /* the first that may have something to read; NULL: none */
    size_t length;
    struct job *ready;  /* [ready_count] pieces read beforehand, which are taken first */
    size_t ready_count; /* read */
    size_t ready_taken;
    int stopped;
};

/* `ready_room`: pieces that may be read beforehand. clip_queue_destroy() in any case. */
pst_status clip_queue_init(struct clip_queue *queue, size_t window, size_t ready_room,
                           pst_error *err);
/* No thread may be using it any more. */
void clip_queue_destroy(struct clip_queue *queue);

/* For the caller's thread. */
void clip_queue_add(struct clip_queue *queue, struct clip *clip);
/* Reads pieces beforehand, up to `count` in all or as many as there are now. */
void clip_queue_read_ahead(struct clip_queue *queue, size_t count);
/* The first clip, if it is finished, which then is the caller's; else NULL. */
struct clip *clip_queue_remove(struct clip_queue *queue);
/* Waits until the first clip is finished. */
void clip_queue_wait(struct clip_queue *queue);
/* Nothing more is taken. */
void clip_queue_stop(struct clip_queue *queue);

/* For working threads. Waits for a piece; 0: there will be none. The samples are the thread's. */
int clip_queue_take(struct clip_queue *queue, struct job *job);
/* The piece is done; the transcript goes to the queue. */
void clip_queue_hand_in(struct clip_queue *queue, const struct job *job,
                        const struct outcome *outcome);

#endif
