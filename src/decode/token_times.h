/* token_times.h - when each token of a text was heard, by where the decoder looked for it.
 *
 * Some heads of the cross-attention look at the sound of the token that they help to choose. Their
 * weights, each frame's scaled over the tokens, added up, are a picture with a bright line from the
 * first token and frame to the last; dynamic programming finds the brightest line that never goes
 * back (dynamic time warping, as openai-whisper has it). Silent frames are not in the picture: the
 * heads look at them for want of better. */
#ifndef PST_DECODE_TOKEN_TIMES_H
#define PST_DECODE_TOKEN_TIMES_H

#include <stddef.h>
#include <stdint.h>

struct token_picture {
    /* [tokens, heads, frames]; a row is that of the step that chose the token */
    const float *weights;
    size_t tokens, heads, frames;
    const int *lags;             /* [heads] frames that it looks behind the start of a token */
    const unsigned char *silent; /* [frames]: nothing is said there */
};

/* starts [tokens]: the frame where each begins; in order, none of them silent where any is not.
 * 0: no memory. */
int token_times_find(const struct token_picture *picture, uint32_t *starts);

#endif
