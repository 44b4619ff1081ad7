/* detector.h - pst_vad: weights and settings of the detection of speech, shared and immutable. */
#ifndef PST_PIPELINE_DETECTOR_H
#define PST_PIPELINE_DETECTOR_H

#include "pipeline/speech/listener.h"

struct pst_vad {
    struct vad_weights *weights; /* NULL: by loudness and spectrum */
    struct speech_options options;
    pst_cpu cpu;
    pst_audio_options audio;
};

/* A listener by these settings, but for the margins, which are 0. */
pst_status detector_listen(const struct pst_vad *vad, struct listener *listener, pst_error *err);

#endif
