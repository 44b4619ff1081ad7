/* page_sound.h - the sound of an utterance for the page: a link to its file, or the sound itself.
 *
 * A sound in the page is what the model heard, 16 kHz and one channel, as a WAV in a data: URI:
 * every browser plays it, whatever the file was, and a part of a long file is that part only. */
#ifndef POTSTILL_CLI_PAGE_SOUND_H
#define POTSTILL_CLI_PAGE_SOUND_H

#include <stddef.h>

#include "eval/eval_sound.h"

/* The bytes that so many seconds take in the page. */
size_t page_sound_bytes(double seconds);
/* The data: URI, to be freed; NULL when `audio` cannot be read. Its path is one from here, or else
 * from the folder `from`, as the rows of a set are (eval_row.c). */
char *page_sound_data(struct eval_sound *sound, const char *from, const char *audio, double offset,
                      double seconds);
/* The address of the file relative to `folder`, to be freed; NULL when its folder is not there. */
char *page_sound_link(const char *from, const char *folder, const char *audio);

#endif
