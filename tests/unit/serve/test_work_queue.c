/* test_work_queue.c - whose turn it is, how much may wait, how long others are sent away. */
#include "support/test.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "serve/sound_length.h"
#include "serve/work_queue.h"

static void clients_take_turns(void **state) {
    (void)state;
    struct work_queue queue;
    struct work works[6] = {{.seconds = 1, .client = 1}, {.seconds = 1, .client = 1},
                            {.seconds = 1, .client = 1}, {.seconds = 1, .client = 2},
                            {.seconds = 1, .client = 2}, {.seconds = 1, .client = 3}};
    work_queue_open(&queue, 100, 2);
    for (int i = 0; i < 6; i++) assert_int_equal(work_queue_add(&queue, &works[i]), 0);
    assert_ptr_equal(work_queue_take(&queue, 0), &works[0]);
    assert_ptr_equal(work_queue_take(&queue, 1), &works[3]); /* 1 has its turn already */
    work_queue_done(&queue, 1, 1);
    assert_ptr_equal(work_queue_take(&queue, 1), &works[4]);
    work_queue_done(&queue, 0, 1);
    assert_ptr_equal(work_queue_take(&queue, 0), &works[1]);
    work_queue_done(&queue, 1, 0);
    assert_ptr_equal(work_queue_take(&queue, 1), &works[5]);
    work_queue_done(&queue, 1, 1);
    assert_ptr_equal(work_queue_take(&queue, 1), &works[2]); /* alone: more than its turn */
    assert_int_equal(queue.length, 0);
    assert_null(queue.last);
    work_queue_stop(&queue);
    work_queue_done(&queue, 0, 1);
    work_queue_done(&queue, 1, 1);
    assert_null(work_queue_take(&queue, 0));
    work_queue_close(&queue);
}

struct taking {
    struct work_queue *queue;
    size_t worker;
    struct work *work;
};

static void *take(void *user) {
    struct taking *taking = user;
    taking->work = work_queue_take(taking->queue, taking->worker);
    return NULL;
}

/* Another worker waits for it too, and gets what comes next. */
static void what_comes_alone_is_the_first_workers(void **state) {
    (void)state;
    struct work_queue queue;
    struct work first = {.seconds = 1}, second = {.seconds = 1};
    struct taking others = {.queue = &queue, .worker = 1};
    pthread_t thread;
    work_queue_open(&queue, 100, 2);
    assert_int_equal(pthread_create(&thread, NULL, take, &others), 0);
    assert_false(work_queue_is_alone(&queue));
    assert_int_equal(work_queue_add(&queue, &first), 0);
    nanosleep(&(struct timespec){0, 20000000}, NULL); /* in which the other could take it */
    assert_false(work_queue_is_alone(&queue));
    assert_ptr_equal(work_queue_take(&queue, 0), &first);
    assert_true(work_queue_is_alone(&queue));
    assert_int_equal(work_queue_add(&queue, &second), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_ptr_equal(others.work, &second);
    assert_false(work_queue_is_alone(&queue));
    work_queue_done(&queue, 0, 1);
    assert_true(work_queue_is_alone(&queue));
    work_queue_done(&queue, 1, 1);
    assert_false(work_queue_is_alone(&queue));
    work_queue_close(&queue);
}

/* Those of one client are no friends here. */
static int is_another(const struct work *first, const struct work *other) {
    return first->client != other->client;
}

/* In their turns, as long as they are short, fit and nobody is idle. */
static void what_fits_is_taken_beside(void **state) {
    (void)state;
    struct work_queue queue;
    struct work works[7] = {{.seconds = 3, .client = 1},  {.seconds = 30, .client = 2},
                            {.seconds = 3, .client = 1},  {.seconds = 4, .client = 3},
                            {.seconds = 11, .client = 4}, {.seconds = 5, .client = 5},
                            {.seconds = 1, .client = 6}};
    work_queue_open(&queue, 100, 2);
    for (int i = 0; i < 7; i++) assert_int_equal(work_queue_add(&queue, &works[i]), 0);
    assert_ptr_equal(work_queue_take(&queue, 0), &works[0]);
    assert_null(work_queue_take_beside(&queue, 0, is_another)); /* the other worker is idle */
    assert_ptr_equal(work_queue_take(&queue, 1), &works[1]);
    assert_null(work_queue_take_beside(&queue, 1, is_another)); /* it is long enough */
    assert_ptr_equal(work_queue_take_beside(&queue, 0, is_another), &works[3]);
    assert_ptr_equal(work_queue_take_beside(&queue, 0, is_another), &works[5]); /* 12 s */
    assert_null(work_queue_take_beside(&queue, 0, is_another));
    assert_false(work_queue_is_alone(&queue));
    work_queue_done(&queue, 0, 7);
    assert_true(queue.seconds == 30 + 3 + 11 + 1);
    assert_ptr_equal(work_queue_take(&queue, 0), &works[2]);
    assert_ptr_equal(work_queue_take_beside(&queue, 0, is_another), &works[6]);
    assert_null(work_queue_take_beside(&queue, 0, is_another));
    work_queue_done(&queue, 1, 0);
    assert_ptr_equal(work_queue_take(&queue, 1), &works[4]);
    work_queue_done(&queue, 0, 4);
    work_queue_done(&queue, 1, 11);
    assert_true(queue.seconds == 0);
    assert_null(queue.last);
    work_queue_close(&queue);
}

/* However short they are. */
static void so_many_are_taken_beside(void **state) {
    (void)state;
    struct work_queue queue;
    struct work works[WORK_TOGETHER_MAX + 3];
    work_queue_open(&queue, 100, 1);
    for (size_t i = 0; i < WORK_TOGETHER_MAX + 3; i++) {
        works[i] = (struct work){.seconds = 0.1, .client = i};
        assert_int_equal(work_queue_add(&queue, &works[i]), 0);
    }
    assert_ptr_equal(work_queue_take(&queue, 0), &works[0]);
    size_t beside = 0;
    while (work_queue_take_beside(&queue, 0, is_another)) beside++;
    assert_int_equal(beside, WORK_TOGETHER_MAX - 1);
    work_queue_done(&queue, 0, 1);
    work_queue_close(&queue);
}

static void seconds_are_counted(void **state) {
    (void)state;
    struct work_queue queue;
    struct work big = {.seconds = 1000}, small = {.seconds = 3}, more = {.seconds = 98};
    work_queue_open(&queue, 100, 1);
    assert_int_equal(work_queue_add(&queue, &big), 0); /* one always fits */
    assert_int_equal(work_queue_add(&queue, &small), 100);
    assert_ptr_equal(work_queue_take(&queue, 0), &big);
    assert_true(work_queue_add(&queue, &small) > 0); /* what is at work counts */
    work_queue_done(&queue, 0, 0);
    assert_int_equal(work_queue_add(&queue, &small), 0);
    assert_int_equal(work_queue_add(&queue, &more), 1);
    assert_ptr_equal(work_queue_take(&queue, 0), &small);
    work_queue_done(&queue, 0, 1);
    assert_true(queue.seconds == 0 && queue.speed > 10);
    work_queue_stop(&queue);
    assert_true(work_queue_add(&queue, &small) > 0);
    work_queue_close(&queue);
}

static void lengths_by_the_head(void **state) {
    (void)state;
    static const unsigned char wave[36] = "RIFF....WAVEfmt \20\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0";
    unsigned char flac[42] = "fLaC";
    assert_true(sound_length(wave, 36, 64000) == 2);
    assert_true(sound_length(wave, 35, 64000) == 16); /* too short to tell */
    flac[18] = 16000 >> 12;
    flac[19] = 16000 >> 4 & 255;
    flac[24] = 32000 >> 8;
    flac[25] = 32000 & 255;
    assert_true(sound_length(flac, 42, 10) == 2);
    assert_true(sound_length((const unsigned char *)"OggS", 4, 8000) == 2);
    assert_true(sound_length(NULL, 0, 0) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_take_turns),
        cmocka_unit_test(what_comes_alone_is_the_first_workers),
        cmocka_unit_test(what_fits_is_taken_beside),
        cmocka_unit_test(so_many_are_taken_beside),
        cmocka_unit_test(seconds_are_counted),
        cmocka_unit_test(lengths_by_the_head),
    };
    return cmocka_run_group_tests_name("work_queue", tests, NULL, NULL);
}
