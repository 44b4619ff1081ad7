/* vad.h - where someone speaks: the probability of it, for frames of sound that follow each other.
 *
 * Two detectors stand behind it: Silero's network, when there are weights for it, and one of our
 * own that looks at loudness and spectrum. What is made of the probabilities is in speech.h. */
#ifndef PST_VAD_VAD_H
#define PST_VAD_VAD_H

#include <stddef.h>

#include "potstill.h"
#include "vad/frame.h"

struct vad;
/* Weights, read once and shared: immutable, any number of threads may make detectors of them. */
struct vad_weights;

/* `path`: silero_vad_16k.safetensors. PST_ERR_MODEL: there is none, or another one. */
pst_status vad_weights_open(struct vad_weights **weights, const char *path, pst_error *err);
void vad_weights_free(struct vad_weights *weights);

/* A detector that has heard nothing. `weights` (NULL: by loudness and spectrum) must outlive it. */
pst_status vad_new(struct vad **vad, const struct vad_weights *weights, pst_cpu cpu,
                   pst_error *err);
void vad_free(struct vad *vad);
/* "silero" or "energy". */
const char *vad_name(const struct vad *vad);
/* Forgets what it has heard: another recording begins. */
void vad_reset(struct vad *vad);
/* The probability that someone speaks in the next frame, samples [VAD_FRAME]; 0 where a sample is
 * not finite. */
float vad_probability(struct vad *vad, const float *samples);
/* The same of `count` frames, sooner: samples [count, VAD_FRAME], out [count]. */
void vad_probabilities(struct vad *vad, const float *samples, size_t count, float *out);

#endif
