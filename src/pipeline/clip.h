/* clip.h - one clip of a batch on its way from audio to result.
 *
 * Its pieces may be transcribed by several threads; nothing here locks, the queue does. */
#ifndef PST_PIPELINE_CLIP_H
#define PST_PIPELINE_CLIP_H

#include "pipeline/piece.h"

enum clip_state {
    CLIP_NEW,     /* not opened */
    CLIP_READING, /* a thread has the reader */
    CLIP_OPEN,    /* there are pieces left to read */
    CLIP_READ     /* there are none, or it has failed */
};

struct clip {
    struct clip *next; /* in the queue */
    pst_clip given;
    size_t index;
    enum clip_state state;
    struct piece_reader reader;
    pst_segment *segments; /* [segment_capacity], the first [segment_count] in use; a transcript is
                              NULL while its piece is with a thread */
    size_t segment_count, segment_capacity;
    size_t pending;       /* pieces with threads */
    size_t silent;        /* pieces too quiet to normalise */
    pst_error silence;    /* of the first piece */
    pst_error error;      /* PST_OK: none so far */
    size_t error_segment; /* which it is of */
    double duration;
    pst_transcript *joined; /* of several segments */
};

struct clip *clip_new(const pst_clip *given, size_t index);
void clip_free(struct clip *clip);

/* Makes room for the piece among the segments: its number. SIZE_MAX: no memory. */
size_t clip_add_segment(struct clip *clip, const struct piece *piece);
/* The clip has failed at a segment; of several errors the earliest counts, so that it does not depend on
 * the threads which it is. */
void clip_fail(struct clip *clip, size_t segment, const pst_error *error);
int clip_is_finished(const struct clip *clip);
/* What to deliver of a finished clip; points into it. */
void clip_sum_up(struct clip *clip, pst_clip_result *result);

#endif
