/* loop.c - see loop.h. */
#include "decode/loop.h"

/* A sentence of 24 tokens is said twice, but not four times in half a minute. */
enum { PERIOD_MAX = 24, ROUNDS = 4 };
/* "No, no, no, no, no." is 10 tokens of a cycle of two, and is said: a loop is longer. */
enum { TOKENS_MIN = 16 };

int loop_is_there(const int32_t *tokens, size_t count) {
    for (size_t period = 1; period <= PERIOD_MAX; period++) {
        size_t wanted = ROUNDS * period > TOKENS_MIN ? ROUNDS * period : TOKENS_MIN, same = 0;
        if (wanted > count) break; /* and more so for longer ones */
        while (same + period < wanted &&
               tokens[count - 1 - same] == tokens[count - 1 - same - period])
            same++;
        if (same + period == wanted) return 1;
    }
    return 0;
}
