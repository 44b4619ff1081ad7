/* live_slots.h - the threads of realtime sessions: as many as there are places for. */
#ifndef POTSTILL_CLI_LIVE_SLOTS_H
#define POTSTILL_CLI_LIVE_SLOTS_H

#include <pthread.h>
#include <stddef.h>

struct live_slot;

struct live_slots {
    size_t count_max;
    int ending[2]; /* a pipe: the first end is closed on, when sessions shall end */
    pthread_mutex_t mutex;
    struct live_slot *slots; /* [count_max] */
    size_t count;            /* taken */
    int ended;               /* nothing more is run */
};

/* 0, or an exit code with the reason printed; live_slots_close() in any case. */
int live_slots_open(struct live_slots *slots, size_t count_max);
/* When they have been waited for. */
void live_slots_close(struct live_slots *slots);
/* A place, from 0; -1: there is none left. */
int live_slots_take(struct live_slots *slots);
/* Runs `run` with `user` in it; it is free again when that returns. 0, or -1: it is not run, and
 * the place is still taken. */
int live_slots_run(struct live_slots *slots, int slot, void (*run)(void *user), void *user);
/* Nothing is run in it. */
void live_slots_give_back(struct live_slots *slots, int slot);
/* Sessions see it by slots->ending[0], which can be read from then on; no other begins. */
void live_slots_end(struct live_slots *slots);
/* Then: until all have ended. */
void live_slots_wait(struct live_slots *slots);
size_t live_slots_count(struct live_slots *slots);

#endif
