/* live_slots.c - see live_slots.h. */
#include "http/live_slots.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "console.h"

struct live_slot {
    struct live_slots *slots;
    pthread_t thread;
    int taken, joinable; /* a thread that has ended is waited for when its place is needed */
    void (*run)(void *user);
    void *user;
};

int live_slots_open(struct live_slots *slots, size_t count_max) {
    *slots = (struct live_slots){.count_max = count_max, .ending = {-1, -1}};
    pthread_mutex_init(&slots->mutex, NULL);
    slots->slots = need(calloc(count_max + 1, sizeof *slots->slots));
    if (pipe(slots->ending)) return fail(EXIT_ENVIRONMENT, "there is no pipe to be had");
    for (int i = 0; i < 2; i++) fcntl(slots->ending[i], F_SETFD, FD_CLOEXEC);
    return 0;
}

void live_slots_wait(struct live_slots *slots) {
    for (size_t i = 0; i < slots->count_max; i++)
        if (slots->slots[i].joinable) pthread_join(slots->slots[i].thread, NULL);
}

void live_slots_close(struct live_slots *slots) {
    live_slots_end(slots);
    if (slots->ending[0] >= 0) close(slots->ending[0]);
    free(slots->slots);
    pthread_mutex_destroy(&slots->mutex);
}

int live_slots_take(struct live_slots *slots) {
    int found = -1;
    pthread_mutex_lock(&slots->mutex);
    for (size_t i = 0; i < slots->count_max && found < 0; i++)
        if (!slots->slots[i].taken) found = (int)i;
    if (found >= 0) {
        slots->slots[found].taken = 1;
        slots->count++;
    }
    pthread_mutex_unlock(&slots->mutex);
    return found;
}

void live_slots_give_back(struct live_slots *slots, int slot) {
    pthread_mutex_lock(&slots->mutex);
    slots->slots[slot].taken = 0;
    slots->count--;
    pthread_mutex_unlock(&slots->mutex);
}

static void *work(void *user) {
    struct live_slot *slot = user;
    slot->run(slot->user);
    live_slots_give_back(slot->slots, (int)(slot - slot->slots->slots));
    return NULL;
}

int live_slots_run(struct live_slots *slots, int at, void (*run)(void *user), void *user) {
    struct live_slot *slot = &slots->slots[at];
    pthread_mutex_lock(&slots->mutex);
    int ended = slots->ended;
    if (!ended) {
        if (slot->joinable) pthread_join(slot->thread, NULL); /* it has given the place back */
        slot->slots = slots;
        slot->run = run;
        slot->user = user;
        slot->joinable = pthread_create(&slot->thread, NULL, work, slot) == 0;
    }
    pthread_mutex_unlock(&slots->mutex);
    return ended || !slot->joinable ? -1 : 0;
}

void live_slots_end(struct live_slots *slots) {
    pthread_mutex_lock(&slots->mutex);
    slots->ended = 1;
    if (slots->ending[1] >= 0) close(slots->ending[1]);
    slots->ending[1] = -1;
    pthread_mutex_unlock(&slots->mutex);
}

size_t live_slots_count(struct live_slots *slots) {
    pthread_mutex_lock(&slots->mutex);
    size_t count = slots->count;
    pthread_mutex_unlock(&slots->mutex);
    return count;
}
