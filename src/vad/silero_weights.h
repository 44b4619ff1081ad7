/* silero_weights.h - the weights of Silero VAD v6 for 16 kHz, from its safetensors file.
 *
 * Convolutions are kept as [out, taps, in], so that a window of rows of sound is one row of a
 * product. Taps that only ever meet the zeros around a frame are left out. */
#ifndef PST_VAD_SILERO_WEIGHTS_H
#define PST_VAD_SILERO_WEIGHTS_H

#include "formats/safetensors.h"

enum {
    SILERO_FFT = 256,   /* samples of a window of the Fourier transform */
    SILERO_BINS = 129,  /* frequencies */
    SILERO_WIDTH = 128, /* channels of the first and last convolution, and of the LSTM */
    SILERO_NARROW = 64, /* channels of the two between */
    SILERO_TAPS = 3
};

struct silero_weights {
    float *stft;        /* [2 * BINS, FFT]: a transform that is known; see fourier.h */
    float *conv1;       /* [WIDTH, TAPS, BINS] */
    float *conv1_bias;  /* [WIDTH] */
    float *conv2;       /* [NARROW, TAPS, WIDTH] */
    float *conv2_bias;  /* [NARROW] */
    float *conv3;       /* [NARROW, TAPS, NARROW] */
    float *conv3_bias;  /* [NARROW] */
    float *conv4;       /* [WIDTH, TAPS, NARROW] */
    float *conv4_bias;  /* [WIDTH] */
    float *lstm_input;  /* [4 * WIDTH, WIDTH]: input, forget, cell and output gates */
    float *lstm_hidden; /* [4 * WIDTH, WIDTH] */
    float *lstm_bias;   /* [4 * WIDTH]: both of the file's, added */
    float *output;      /* [WIDTH] */
    float output_bias;
    float *values; /* all of the above */
};

/* PST_ERR_MODEL: a tensor is missing, has another shape, or a value that is not finite. */
pst_status silero_weights_open(struct silero_weights *weights, const char *path, pst_error *err);
/* The same over a file in memory; `name` is used in messages. */
pst_status silero_weights_parse(struct silero_weights *weights, const unsigned char *bytes,
                                size_t size, const char *name, pst_error *err);
void silero_weights_free(struct silero_weights *weights);

#endif
