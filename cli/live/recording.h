/* recording.h - what was heard, as a WAV file of 16 bits and 16 kHz that is whole at any time. */
#ifndef POTSTILL_CLI_RECORDING_H
#define POTSTILL_CLI_RECORDING_H

#include <stdint.h>
#include <stdio.h>

struct recording {
    const char *path; /* NULL: nothing is recorded */
    FILE *file;
    uint64_t bytes; /* of sound */
};

/* A file that is there already is not overwritten. 0, or an exit code with the reason printed. */
int recording_open(struct recording *recording, const char *path);
int recording_add(struct recording *recording, const float *samples, size_t count);
int recording_close(struct recording *recording);

#endif
