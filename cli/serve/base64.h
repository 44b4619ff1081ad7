/* base64.h - bytes as text, as JSON carries them. */
#ifndef POTSTILL_CLI_BASE64_H
#define POTSTILL_CLI_BASE64_H

#include <stddef.h>

/* The bytes of `text` [length] into `bytes` [3 * (length / 4)]; how many, or -1: it is not base64
 * as RFC 4648 has it, with its padding and nothing else in between. */
long base64_decode(const char *text, size_t length, unsigned char *bytes);

#endif
