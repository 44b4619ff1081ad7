/* fourier.h - the discrete Fourier transform of several pieces of sound at once, by the fast way.
 *
 * Value i of all pieces lies together, so that compilers take them as one vector. What becomes of a
 * piece does not depend on the others. */
#ifndef PST_VAD_FOURIER_H
#define PST_VAD_FOURIER_H

enum { FOURIER_MAX = 512, FOURIER_LANES = 4 };

struct fourier {
    int size;                                             /* a power of two, at most FOURIER_MAX */
    float window[FOURIER_MAX];                            /* Hann */
    float cosine[FOURIER_MAX / 2], sine[FOURIER_MAX / 2]; /* of the angles of the transform */
    int reversed[FOURIER_MAX];                            /* the bits of each number, backwards */
};

/* Complex numbers of FOURIER_LANES pieces. */
struct fourier_values {
    float real[FOURIER_MAX][FOURIER_LANES], imaginary[FOURIER_MAX][FOURIER_LANES];
};

void fourier_init(struct fourier *fourier, int size);
/* In place. Value i is to lie at reversed[i] before. */
void fourier_transform(const struct fourier *fourier, struct fourier_values *values);

#endif
