/* eval_sound.h - the sound of utterances: how long, how loud, how noisy. */
#ifndef POTSTILL_CLI_EVAL_SOUND_H
#define POTSTILL_CLI_EVAL_SOUND_H

#include "eval/eval_set.h"
#include "potstill.h"

/* The file read last: utterances of one recording follow each other. */
struct eval_sound {
    char *path;
    pst_audio audio;
};

/* The file at `path`, unless it is the one that is there. */
pst_status eval_sound_open(struct eval_sound *sound, const char *path, pst_error *err);
/* The samples of an item: `*samples` [*count] inside the file in `sound`, which the next call may
 * replace. PST_ERR_INPUT: it has none, or begins past the end of the file. */
pst_status eval_sound_read(struct eval_sound *sound, const struct eval_item *item,
                           const float **samples, size_t *count, pst_error *err);
void eval_sound_free(struct eval_sound *sound);

/* The waveform of `samples` [count] as a text, to be freed: of each of EVAL_PEAKS equal parts the
 * loudest sample, as a digit of base64 that counts decibels. "/" is full scale, "A" is 63 below it
 * or less. Few bytes, for there are a hundred thousand; and what is quiet keeps its form. */
char *eval_sound_peaks(const float *samples, size_t count);
enum { EVAL_PEAKS = 160 }; /* bars that a phone can show and a screen does with */

/* Fills in seconds, loudness, noise and waveform of all items whose files can be read. */
void eval_sound_measure(struct eval_set *set);

#endif
