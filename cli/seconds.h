/* seconds.h - how much time passes. */
#ifndef POTSTILL_CLI_SECONDS_H
#define POTSTILL_CLI_SECONDS_H

#include <time.h>

/* Of a clock that only goes forward. */
static inline double seconds_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#endif
