/* listener.h - samples as they come to the stretches in which someone speaks.
 *
 * Only what is still needed is kept: whoever reads takes stretches and probabilities away. */
#ifndef PST_PIPELINE_LISTENER_H
#define PST_PIPELINE_LISTENER_H

#include "vad/speech.h"
#include "vad/vad.h"

struct listener {
    struct vad *vad;
    struct speech_finder finder;
    float frame[VAD_FRAME]; /* [filled] samples that do not make a frame yet */
    size_t filled;
    uint64_t heard;      /* samples so far */
    struct speech *list; /* [count] stretches found and not taken */
    size_t count, capacity;
    float *probabilities; /* [probability_count] of frames from `first_frame` on */
    size_t probability_count, probability_capacity;
    uint64_t first_frame;
    int ended;
};

/* `weights` as of vad_new(); listener_close() in any case. */
pst_status listener_open(struct listener *listener, const struct vad_weights *weights, pst_cpu cpu,
                         const struct speech_options *options, pst_error *err);
void listener_close(struct listener *listener);
/* Hears samples [count]. PST_ERR_INPUT: one is not finite. */
pst_status listener_hear(struct listener *listener, const float *samples, size_t count,
                         pst_error *err);
/* There are no more: all stretches are in the list. */
pst_status listener_end(struct listener *listener, pst_error *err);
/* Someone speaks, and for so long that it will be in the list. */
int listener_is_sure(const struct listener *listener);
/* Notes who speaks now, up to what is heard, behind the last of the list without counting it. */
pst_status listener_note(struct listener *listener, pst_error *err);
/* Up to where nobody speaks after the first `count` stretches, which may be one with the last that
 * is noted. */
uint64_t listener_quiet_until(const struct listener *listener, size_t count);
/* The first stretch, or else the one that goes on now, begins at sample `at`. */
void listener_cut(struct listener *listener, uint64_t at);
/* The mean probability of the frames from sample `start` to `end`; 0 without any. */
double listener_mean(const struct listener *listener, uint64_t start, uint64_t end);
/* Forgets the first `count` stretches, and probabilities before sample `before`. */
void listener_forget(struct listener *listener, size_t count, uint64_t before);

#endif
