/* loop.h - has a text begun to go round in a circle? */
#ifndef PST_DECODE_LOOP_H
#define PST_DECODE_LOOP_H

#include <stddef.h>
#include <stdint.h>

/* Do the tokens [count] end in a cycle that was gone through so often that nobody says it? */
int loop_is_there(const int32_t *tokens, size_t count);

#endif
