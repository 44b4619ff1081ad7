/* api_keys.h - the keys of a file, and whether a request has one of them.
 *
 * Only digests are kept. All of them are compared whole, whichever it is: the time that takes tells
 * nothing of a key, not even its length. */
#ifndef POTSTILL_CLI_API_KEYS_H
#define POTSTILL_CLI_API_KEYS_H

#include <stddef.h>

enum { API_KEY_DIGEST_BYTES = 32 };

struct api_keys {
    unsigned char (*digests)[API_KEY_DIGEST_BYTES]; /* [count] */
    size_t count;
};

/* Reads a file with a key a line; empty lines and those that begin with # are passed over. A file
 * without any is an error. 0, or an exit code with the reason printed. */
int api_keys_read(struct api_keys *keys, const char *path);
void api_keys_free(struct api_keys *keys);
/* The number of the key, from 1, in "Bearer KEY", the value of Authorization (NULL: not sent); 0:
 * none of them. */
size_t api_keys_find(const struct api_keys *keys, const char *authorization);

#endif
