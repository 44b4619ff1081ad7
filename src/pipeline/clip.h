/* clip.h - one clip of a batch on its way from audio to result.
 *
 * Several threads may transcribe its segments. Nothing here locks: the queue does. */
#ifndef PST_PIPELINE_CLIP_H
#define PST_PIPELINE_CLIP_H

#include "pipeline/segment.h"
#include "tokenizer/tokenizer.h"

enum clip_state {
    CLIP_NEW,     /* not opened */
    CLIP_READING, /* a thread uses the reader */
    CLIP_OPEN,    /* there are more segments to read */
    CLIP_READ     /* there are none, or it has failed */
};

/* What is known of a segment beside what its public struct tells. */
struct clip_part {
    double from, to; /* seconds of what it has heard */
    int goes_on;     /* the next one begins in the middle of its speech: there is a seam */
    int spare_words; /* its words are there because of a seam only */
};

/* More are not kept: of many channels the last may have nothing new to say. */
enum { CLIP_WARNINGS_MAX = 8 };

struct clip {
    struct clip *next; /* in the queue */
    pst_clip given;
    size_t index;
    enum clip_state state;
    struct segment_reader reader;
    int waits; /* its sound comes when somebody sends it: reading may take any time */
    /* [segment_capacity], the first [segment_count] in use. A transcript is NULL while a thread has
     * its segment. */
    pst_segment *segments;
    struct clip_part *parts; /* of each segment */
    size_t segment_count, segment_capacity;
    size_t pending;       /* segments that threads have */
    size_t complete;      /* segments with a transcript */
    size_t sewn;          /* the first of them whose text is final, as no seam is left */
    size_t announced;     /* the first of these that were reported */
    uint64_t done;        /* samples of complete segments: a sum that no order of them changes */
    double total;         /* seconds of all; 0: not known */
    size_t silent;        /* segments too quiet to normalise */
    pst_error silence;    /* of the first segment */
    pst_error error;      /* PST_OK: none so far */
    size_t error_segment; /* the segment that failed */
    double duration;
    uint32_t channels;                 /* heard one after the other */
    char *warnings[CLIP_WARNINGS_MAX]; /* [warning_count] */
    size_t warning_count;
    pst_transcript *joined; /* of several segments */
    uint64_t work_ns;       /* what its segments took */
};

struct clip *clip_new(const pst_clip *given, size_t index);
void clip_free(struct clip *clip);

/* Adds an entry for the segment and returns its index. SIZE_MAX: no memory. */
size_t clip_add_segment(struct clip *clip, const struct segment *segment);
/* Sews the texts of complete segments in their order, as far as they go. */
void clip_sew(struct clip *clip, const struct tokenizer *tokenizer);
/* The clip has failed at a segment. The error of the earliest segment is kept, so that it does not
 * depend on the threads. */
void clip_fail(struct clip *clip, size_t segment, const pst_error *error);
/* Keeps a warning, if there is memory for it. */
void clip_warn(struct clip *clip, const char *text);
int clip_is_finished(const struct clip *clip);
/* The result of a finished clip; points into it. */
void clip_finish(struct clip *clip, pst_clip_result *result);

#endif
