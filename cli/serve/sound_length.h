/* sound_length.h - how many seconds of sound a file may hold, by its first bytes and its size.
 *
 * Only for the place in the queue, before anything is decoded: a head that lies makes a request
 * wait too long or too briefly, and no more. */
#ifndef POTSTILL_CLI_SOUND_LENGTH_H
#define POTSTILL_CLI_SOUND_LENGTH_H

#include <stddef.h>
#include <stdint.h>

enum { SOUND_HEAD_BYTES = 64 };

/* `head` [count] are the first bytes, SOUND_HEAD_BYTES at most, of a file of `size` bytes. */
double sound_length(const unsigned char *head, size_t count, uint64_t size);

#endif
