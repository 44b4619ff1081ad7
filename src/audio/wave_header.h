/* wave_header.h - WAV files whose header was never finished.
 *
 * A program that records or streams writes the header first, with a placeholder for the bytes of
 * sound, and goes back when it is done. Where it could not (it was killed, or wrote into a pipe)
 * the placeholder stays, and readers that believe it hear nothing. */
#ifndef PST_AUDIO_WAVE_HEADER_H
#define PST_AUDIO_WAVE_HEADER_H

#include <stdint.h>

#include "audio/audio_memory.h"

/* Is `file` one with sound behind a placeholder? Then it is made to read as a file whose header
 * tells its sound to the end, and `*told` is what the header says. */
int wave_header_finish(struct audio_memory *file, uint32_t *told);

#endif
