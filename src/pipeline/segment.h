/* segment.h - a clip as segments that are short enough for the model, one after the other.
 *
 * The model was trained on at most 30 s. A longer clip is cut where it is quietest in the last
 * fifth of each window. The next segment starts there, so that every sample is in one segment. At
 * most a window and a tenth is read ahead, whatever the length of the clip.
 *
 * With a detector of speech, segments are made of what it finds, by plan.h; the rest is dropped.
 * Where even that is cut in the middle of speech, both segments may hear more than their part. */
#ifndef PST_PIPELINE_SEGMENT_H
#define PST_PIPELINE_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "audio/audio_stream.h"
#include "audio/sample_list.h"
#include "pipeline/speech/detector.h"
#include "pipeline/speech/phrases.h"
#include "potstill.h"

/* Must not be moved while it is open. */
struct segment_reader {
    size_t window;              /* most samples of a segment; 0: the whole clip is one */
    struct audio_stream stream; /* of a file; not open where the samples are in memory: */
    const float *samples;       /* [left] */
    size_t left;
    struct sample_list held; /* read, but in no segment yet */
    uint64_t given;          /* of the first sample held; those before are done with */
    int ended;               /* there are no more segments */
    int each;                /* every channel by itself, one after the other */
    int turn;                /* the next segment is of the next one */
    const pst_audio_options *audio;
    const struct pst_vad *vad; /* NULL: segments are all there is, and this is not used: */
    struct listener listener;
    uint64_t segments; /* so far */
    uint64_t planned;  /* what is before belongs to a segment before */
    int overlaps;      /* set after opening: segments overlap where speech is cut */
    int is_cut;        /* the last segment ended in the middle of speech */
};

struct segment {
    struct sample_list samples;
    uint64_t start;         /* of its first sample in the clip */
    size_t before, after;   /* samples that belong to the segments before and behind it */
    int whole;              /* it is the whole clip */
    int silent;             /* the clip has no speech: a segment without samples */
    double no_speech_prob;  /* NaN without a detector */
    double speech_seconds;  /* of it; NaN without a detector */
    struct phrases phrases; /* none without a detector */
    uint32_t channel;       /* that it is of, from 1; 0: all */
    int last;               /* of its channel */
};

/* When it fails there is nothing to close. `clip` and `vad` (NULL: none) must outlive the
 * reader, as must `audio`, which is as of audio_stream_open(). */
pst_status segment_reader_open(struct segment_reader *reader, const pst_clip *clip, size_t window,
                               const struct pst_vad *vad, const pst_audio_options *audio,
                               pst_error *err);
/* The next segment; its samples are the caller's. There is at least one, perhaps without samples,
 * and reader->ended says after each whether it was the last. */
pst_status segment_reader_next(struct segment_reader *reader, struct segment *segment,
                               pst_error *err);
/* Samples of the whole clip by what is known before it is read; 0: nothing is. */
uint64_t segment_reader_length(const struct segment_reader *reader);
void segment_reader_close(struct segment_reader *reader);

#endif
