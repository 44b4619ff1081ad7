/* silero.h - Silero VAD v6, 16 kHz: a frame of sound to the probability that someone speaks in it.
 *
 *     64 samples before, 512 of the frame, 64 mirrored
 *       -> magnitudes of 4 windows of 256, 128 apart          [4, 129], by fourier.h
 *       -> convolutions of 3 taps, each with ReLU             [4, 128] [2, 64] [1, 64] [1, 128]
 *       -> LSTM, ReLU, a row of weights, sigmoid              the only part with a memory
 *
 * All but the LSTM is computed for several frames at once: its weights are then read once. What is
 * found does not depend on how many those are. */
#ifndef PST_VAD_SILERO_H
#define PST_VAD_SILERO_H

#include "base/arena.h"
#include "kernels/kernels.h"
#include "vad/fourier.h"
#include "vad/frame.h"
#include "vad/silero_weights.h"

enum {
    SILERO_CONTEXT = 64, /* samples before a frame */
    /* Frames at once, 0.8 s of sound: a core's matrix product takes twelve rows at a time. */
    SILERO_BLOCK = 24
};

enum { SILERO_PRODUCTS = 9 };

struct silero {
    const struct silero_weights *weights;
    const struct kernels *kernels;
    float context[SILERO_CONTEXT];                  /* the last samples of the frame before */
    float hidden[SILERO_WIDTH], cell[SILERO_WIDTH]; /* of the LSTM */
    struct fourier fourier;
    struct arena arena;                     /* of these: */
    unsigned char *packed[SILERO_PRODUCTS]; /* of the convolutions and of the LSTM's input */
    struct packed products[SILERO_PRODUCTS];
    float *magnitudes; /* [SILERO_BLOCK, 4, BINS] */
    float *mixed;      /* [4, SILERO_BLOCK, 2, BINS] of their sums and differences */
    float *first;      /* results of layers in turn */
    float *second;
    float *gates; /* [SILERO_BLOCK, 4 * WIDTH] */
};

/* `weights` are borrowed. silero_free() in any case. */
pst_status silero_init(struct silero *silero, const struct silero_weights *weights,
                       const struct kernels *kernels, pst_error *err);
void silero_free(struct silero *silero);
/* Forgets what it has heard. */
void silero_reset(struct silero *silero);
/* The probabilities of `count` frames that follow each other and those before:
 * samples [count, VAD_FRAME], out [count]. */
void silero_run(struct silero *silero, const float *samples, size_t count, float *out);

#endif
