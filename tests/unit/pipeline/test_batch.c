/* test_batch.c - a batch gives what the clips give one at a time, in their order, whatever the
 * number of threads and whatever fails on the way. */
#include "support/test.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sndfile.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "potstill.h"
#include "support/scratch.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"
enum { SAMPLES = 80000, CLIPS_MAX = 400 };

static const uint32_t thread_counts[] = {1, 2, 3, 5};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof *thread_counts };

static pst_error err;
static pst_model *model;
static pst_adapter *adapter;
static float samples[SAMPLES];

static int start(void **state) {
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 0.2f * sinf((float)i * 0.05f) + 0.1f * sinf((float)i * (float)i * 1e-6f);
    return pst_model_open(GOLDEN "micro", NULL, &model, &err) ||
           pst_adapter_open(model, GOLDEN "adapter", NULL, &adapter, &err);
}

static int finish(void **state) {
    (void)state;
    pst_adapter_free(adapter);
    pst_model_free(model);
    return 0;
}

/* What a batch has done, as the callbacks saw it. */
struct log {
    const pst_clip *clips; /* [count] to give */
    size_t count;
    size_t taken, delivered;
    size_t in_flight_max;
    size_t stop_at; /* cancels when so many are delivered; 0: never */
    struct {
        char message[512]; /* "": transcribed */
        char *text;
        int32_t *tokens;
        size_t token_count, segment_count;
        double duration, avg_logprob;
        float margin;
        int truncated;
        pst_segment *segments; /* transcripts not kept */
    } results[CLIPS_MAX];
};

static int next(void *user, pst_clip *clip) {
    struct log *log = user;
    assert_int_equal(clip->fd, -1);
    if (log->taken == log->count) return 0;
    *clip = log->clips[log->taken++];
    if (!clip->tag) clip->tag = log;
    size_t in_flight = log->taken - log->delivered;
    if (in_flight > log->in_flight_max) log->in_flight_max = in_flight;
    return 1;
}

static void *copy(const void *memory, size_t size) {
    void *fresh = malloc(size + 1);
    assert_non_null(fresh);
    return memcpy(fresh, memory, size);
}

/* Segments follow one another and make the whole. */
static void check_segments(const pst_clip_result *result) {
    const pst_transcript *whole = result->transcript;
    size_t tokens = 0;
    double at = 0;
    for (size_t i = 0; i < result->segment_count; i++) {
        const pst_segment *segment = &result->segments[i];
        const pst_transcript *part = segment->transcript;
        assert_true(segment->start == at && segment->end > at);
        at = segment->end;
        assert_memory_equal(whole->tokens + tokens, part->tokens,
                            part->token_count * sizeof *part->tokens);
        tokens += part->token_count;
    }
    assert_true(at == result->duration);
    assert_int_equal(tokens, whole->token_count);
    if (result->segment_count == 1) assert_ptr_equal(result->segments[0].transcript, whole);
}

static int deliver(void *user, const pst_clip_result *result) {
    struct log *log = user;
    size_t i = log->delivered++;
    assert_int_equal(result->index, i);
    assert_ptr_equal(result->tag, log->clips[i].tag ? log->clips[i].tag : log);
    assert_true(!log->stop_at || i < log->stop_at);
    if (result->error) {
        assert_null(result->transcript);
        assert_int_equal(result->segment_count, 0);
        assert_true(result->error->code != PST_OK && *result->error->message);
        strcpy(log->results[i].message, result->error->message);
    } else {
        const pst_transcript *transcript = result->transcript;
        check_segments(result);
        log->results[i].text = copy(transcript->text, strlen(transcript->text) + 1);
        log->results[i].token_count = transcript->token_count;
        log->results[i].tokens =
            copy(transcript->tokens, transcript->token_count * sizeof *transcript->tokens);
        log->results[i].segment_count = result->segment_count;
        log->results[i].segments =
            copy(result->segments, result->segment_count * sizeof *result->segments);
        log->results[i].duration = result->duration;
        assert_true(result->error || result->work_seconds > 0);
        log->results[i].avg_logprob = transcript->avg_logprob;
        log->results[i].margin = transcript->margin;
        log->results[i].truncated = transcript->truncated;
    }
    return log->delivered == log->stop_at;
}

static pst_batch_options options;
static pst_decode_options decode;

static void set_up(uint32_t threads) {
    pst_batch_options_init(&options);
    assert_true(options.window_seconds == 30);
    pst_model_decode_options(model, &decode);
    decode.max_new_tokens = 7;
    options.decode = &decode;
    options.threads = threads;
    options.next = next;
    options.deliver = deliver;
}

static struct log *run(const pst_clip *clips, size_t count) {
    struct log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    log->clips = clips;
    log->count = count;
    options.user = log;
    if (pst_batch_run(model, &options, &err)) fail_msg("%s", err.message);
    assert_int_equal(log->delivered, count);
    assert_true(log->in_flight_max <= options.threads * PST_BATCH_CLIPS_PER_THREAD);
    return log;
}

static void free_log(struct log *log) {
    for (size_t i = 0; i < log->delivered; i++) {
        free(log->results[i].text);
        free(log->results[i].tokens);
        free(log->results[i].segments);
    }
    free(log);
}

static void assert_same_logs(const struct log *a, const struct log *b) {
    assert_int_equal(a->delivered, b->delivered);
    for (size_t i = 0; i < a->delivered; i++) {
        assert_string_equal(a->results[i].message, b->results[i].message);
        if (*a->results[i].message) continue;
        assert_string_equal(a->results[i].text, b->results[i].text);
        assert_int_equal(a->results[i].token_count, b->results[i].token_count);
        assert_memory_equal(a->results[i].tokens, b->results[i].tokens,
                            a->results[i].token_count * sizeof(int32_t));
        assert_int_equal(a->results[i].segment_count, b->results[i].segment_count);
        assert_true(a->results[i].avg_logprob == b->results[i].avg_logprob); /* to the last bit */
        assert_true(a->results[i].margin == b->results[i].margin);
        assert_int_equal(a->results[i].truncated, b->results[i].truncated);
    }
}

/* What a session says to a stretch of samples. */
static pst_transcript *transcribe_with(const float *audio, size_t count,
                                       const pst_decode_options *with) {
    pst_session *session;
    pst_transcript *transcript;
    assert_int_equal(pst_session_new(model, NULL, &session, &err), PST_OK);
    assert_int_equal(pst_session_use_adapters(session, options.adapters, options.weights,
                                              options.adapter_count, &err),
                     PST_OK);
    if (pst_transcribe(session, audio, count, with, &transcript, &err)) fail_msg("%s", err.message);
    pst_session_free(session);
    return transcript;
}

static pst_transcript *transcribe(const float *audio, size_t count) {
    return transcribe_with(audio, count, &decode);
}

static void make_clips(pst_clip *clips, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t length = 895 + (i * 7919) % 9000;
        clips[i] =
            (pst_clip){.fd = -1, .samples = samples + (i * 3001) % 60000, .sample_count = length};
    }
}

/* "<scratch>/<name>" with `count` samples at 16 kHz. */
static char *write_clip(const char *name, int format, const float *audio, size_t count) {
    static char paths[8][600];
    static int used;
    char *path = paths[used++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_folder("batch"), name);
    SF_INFO info = {.samplerate = 16000, .channels = 1, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    assert_int_equal(sf_writef_float(file, audio, (sf_count_t)count), (sf_count_t)count);
    sf_close(file);
    return path;
}

/* --------------------------------------------------------------------------------- same results */

static void clips_are_as_one_at_a_time(void **state) {
    (void)state;
    enum { COUNT = 41 };
    pst_clip clips[COUNT];
    make_clips(clips, COUNT);
    for (int t = 0; t < THREAD_COUNTS; t++) {
        set_up(thread_counts[t]);
        struct log *log = run(clips, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            pst_transcript *alone = transcribe(clips[i].samples, clips[i].sample_count);
            assert_string_equal(log->results[i].message, "");
            assert_string_equal(log->results[i].text, alone->text);
            assert_int_equal(log->results[i].token_count, alone->token_count);
            assert_memory_equal(log->results[i].tokens, alone->tokens,
                                alone->token_count * sizeof *alone->tokens);
            assert_true(log->results[i].avg_logprob == alone->avg_logprob);
            assert_true(log->results[i].margin == alone->margin);
            pst_transcript_free(alone);
        }
        free_log(log);
    }
}

static void adapters_act_in_every_session(void **state) {
    (void)state;
    enum { COUNT = 9 };
    const pst_adapter *adapters[] = {adapter};
    const double weights[] = {0.5};
    pst_clip clips[COUNT];
    make_clips(clips, COUNT);
    for (int t = 0; t < THREAD_COUNTS; t++) {
        set_up(thread_counts[t]);
        options.adapters = adapters;
        options.weights = weights;
        options.adapter_count = 1;
        struct log *log = run(clips, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            pst_transcript *alone = transcribe(clips[i].samples, clips[i].sample_count);
            assert_true(log->results[i].avg_logprob == alone->avg_logprob);
            pst_transcript_free(alone);
        }
        free_log(log);
    }
}

/* One session for one batch after the other, whatever adapters they have. */
static void a_session_is_lent(void **state) {
    (void)state;
    enum { COUNT = 5 };
    const pst_adapter *adapters[] = {adapter};
    pst_clip clips[COUNT];
    pst_session *session;
    make_clips(clips, COUNT);
    clips[3].samples = samples;
    clips[3].sample_count = SAMPLES;
    assert_int_equal(pst_session_new(model, NULL, &session, &err), PST_OK);
    for (int round = 0; round < 4; round++) {
        set_up(2);
        options.window_seconds = 1;
        options.adapters = adapters;
        options.adapter_count = round % 2;
        struct log *own = run(clips, COUNT);
        options.session = session;
        struct log *lent = run(clips, COUNT);
        assert_same_logs(lent, own);
        free_log(lent);
        free_log(own);
    }
    pst_transcript *base, *after;
    set_up(1);
    base = transcribe(samples, SAMPLES);
    assert_int_equal(pst_transcribe(session, samples, SAMPLES, &decode, &after, &err), PST_OK);
    assert_true(base->avg_logprob == after->avg_logprob); /* the adapter is gone */
    pst_transcript_free(base);
    pst_transcript_free(after);
    pst_session_free(session);
}

/* A clip may have options of its own, and wrong ones are its own too. */
static void clips_have_their_options(void **state) {
    (void)state;
    enum { COUNT = 6 };
    pst_clip clips[COUNT];
    pst_decode_options own[COUNT];
    make_clips(clips, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        pst_model_decode_options(model, &own[i]);
        own[i].max_new_tokens = (uint32_t)i + 2;
        if (i % 2) clips[i].decode = &own[i];
    }
    own[5].repetition_penalty = -1;
    for (int t = 0; t < THREAD_COUNTS; t++) {
        set_up(thread_counts[t]);
        struct log *log = run(clips, COUNT);
        for (size_t i = 0; i < 5; i++) {
            const pst_decode_options *used = clips[i].decode ? clips[i].decode : &decode;
            pst_transcript *alone = transcribe_with(clips[i].samples, clips[i].sample_count, used);
            assert_string_equal(log->results[i].text, alone->text);
            assert_int_equal(log->results[i].token_count, alone->token_count);
            pst_transcript_free(alone);
        }
        assert_non_null(strstr(log->results[5].message, "repetition_penalty"));
        free_log(log);
    }
}

static void a_session_of_another_model(void **state) {
    (void)state;
    pst_model *other;
    pst_session *session;
    assert_int_equal(pst_model_open(GOLDEN "micro", NULL, &other, &err), PST_OK);
    assert_int_equal(pst_session_new(other, NULL, &session, &err), PST_OK);
    set_up(1);
    options.session = session;
    assert_int_equal(pst_batch_run(model, &options, &err), PST_ERR_ARGUMENT);
    pst_session_free(session);
    pst_model_free(other);
}

/* Fewer clips than threads: they share them. */
static void few_clips(void **state) {
    (void)state;
    pst_clip clips[4];
    make_clips(clips, 4);
    for (size_t count = 0; count <= 4; count++) {
        set_up(1);
        struct log *one = run(clips, count);
        for (int t = 1; t < THREAD_COUNTS; t++) {
            set_up(thread_counts[t]);
            struct log *log = run(clips, count);
            assert_same_logs(log, one);
            free_log(log);
        }
        free_log(one);
    }
}

/* 5 s in windows of 1 s, between short clips. */
static void long_clips_are_joined(void **state) {
    (void)state;
    pst_clip clips[5];
    make_clips(clips, 5);
    clips[0].samples = clips[3].samples = samples;
    clips[0].sample_count = clips[3].sample_count = SAMPLES;
    struct log *logs[THREAD_COUNTS];
    for (int t = 0; t < THREAD_COUNTS; t++) {
        set_up(thread_counts[t]);
        options.window_seconds = 1;
        logs[t] = run(clips, 5);
        if (t) assert_same_logs(logs[t], logs[0]);
    }
    size_t count = logs[0]->results[3].segment_count, tokens = 0;
    assert_true(count >= 5 && count <= 7);
    assert_true(logs[0]->results[3].duration == 5);
    char text[2000] = "";
    double sum = 0, chosen = 0;
    for (size_t i = 0; i < count; i++) {
        const pst_segment *segment = &logs[0]->results[3].segments[i];
        size_t from = (size_t)lrint(segment->start * 16000),
               to = (size_t)lrint(segment->end * 16000);
        pst_transcript *part = transcribe(samples + from, to - from);
        assert_memory_equal(logs[0]->results[3].tokens + tokens, part->tokens,
                            part->token_count * sizeof *part->tokens);
        tokens += part->token_count;
        sum += part->avg_logprob * (double)(part->token_count - 1);
        chosen += (double)(part->token_count - 1);
        if (*text && *part->text) strcat(text, " ");
        strcat(text, part->text);
        pst_transcript_free(part);
    }
    assert_int_equal(tokens, logs[0]->results[3].token_count);
    assert_string_equal(text, logs[0]->results[3].text);
    assert_true(fabs(logs[0]->results[3].avg_logprob - sum / chosen) < 1e-12);
    assert_true(logs[0]->results[3].truncated); /* seven tokens are not enough for some */
    for (int t = 0; t < THREAD_COUNTS; t++) free_log(logs[t]);
}

/* What was told on the way of a long clip, and where it stops. */
struct told {
    struct log log;             /* first: the other callbacks see it */
    atomic_size_t calls, begun; /* of follow(); of segments */
    _Atomic(pthread_t) first;   /* who has the first segment: others look before it is known */
    size_t stop_at;
    double done, end; /* of the last call, and of the last segment told */
    char text[2000];
};

/* More segments, of a second, than a worker takes at once. */
enum { FOLLOWED_SECONDS = 20, BESIDE_MAX = 8 };

static pst_clip followed_clip(void) {
    static float longer[FOLLOWED_SECONDS * PST_SAMPLE_RATE_HZ];
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) longer[i] = samples[i % SAMPLES];
    return (pst_clip){.fd = -1, .samples = longer, .sample_count = sizeof longer / sizeof *longer};
}

static int follow(void *user, const pst_clip_progress *progress) {
    struct told *told = user;
    assert_int_equal(progress->index, told->log.delivered);
    assert_ptr_equal(progress->tag, told);
    assert_true(progress->total == FOLLOWED_SECONDS);
    assert_true(progress->done > told->done && progress->done <= FOLLOWED_SECONDS);
    told->done = progress->done;
    for (size_t i = 0; i < progress->segment_count; i++) {
        const pst_segment *segment = &progress->segments[i];
        assert_true(segment->start == told->end);
        told->end = segment->end;
        if (*told->text && *segment->transcript->text) strcat(told->text, " ");
        strcat(told->text, segment->transcript->text);
    }
    assert_true(told->end <= told->done);
    return ++told->calls == told->stop_at;
}

/* Called by the threads: all wait until something was told, but those who have the first segment or
 * one beside it. */
static void wait_for_call(void *user, size_t sample_count, pst_decode_options *settings) {
    static _Thread_local size_t mine;
    struct told *told = user;
    (void)sample_count, (void)settings;
    if (atomic_fetch_add(&told->begun, 1) == 0) {
        told->first = pthread_self();
        mine = 0;
    }
    int beside = pthread_equal(told->first, pthread_self()) && mine++ < BESIDE_MAX;
    while (!beside && !told->calls) sched_yield();
}

static void long_clips_are_followed(void **state) {
    (void)state;
    const pst_clip clip = followed_clip();
    for (int t = 0; t < THREAD_COUNTS; t++) {
        struct told *told = calloc(1, sizeof *told);
        assert_non_null(told);
        told->log.clips = &clip;
        told->log.count = 1;
        set_up(thread_counts[t]);
        options.window_seconds = 1;
        options.progress = follow;
        options.adjust = wait_for_call;
        options.user = told;
        assert_int_equal(pst_batch_run(model, &options, &err), PST_OK);
        /* The last segment comes with the result. */
        size_t count = told->log.results[0].segment_count;
        assert_true(told->calls >= 1 && told->calls < count);
        assert_true(told->end < FOLLOWED_SECONDS);
        assert_memory_equal(told->log.results[0].text, told->text, strlen(told->text));
        free(told->log.results[0].text);
        free(told->log.results[0].tokens);
        free(told->log.results[0].segments);
        free(told);
    }
}

static void following_may_cancel(void **state) {
    (void)state;
    const pst_clip clip = followed_clip();
    struct told *told = calloc(1, sizeof *told);
    assert_non_null(told);
    told->log.clips = &clip;
    told->log.count = 1;
    told->stop_at = 1;
    set_up(1);
    options.window_seconds = 1;
    options.progress = follow;
    options.adjust = wait_for_call;
    options.user = told;
    assert_int_equal(pst_batch_run(model, &options, &err), PST_ERR_CANCELLED);
    assert_int_equal(told->log.delivered, 0);
    free(told);
}

/* Nothing is told of a clip that may fail as silent in the end. */
static void silence_is_not_followed(void **state) {
    (void)state;
    static float silence[SAMPLES];
    const pst_clip clip = {.fd = -1, .samples = silence, .sample_count = SAMPLES};
    struct told *told = calloc(1, sizeof *told);
    assert_non_null(told);
    told->log.clips = &clip;
    told->log.count = 1;
    set_up(1);
    options.window_seconds = 1;
    options.normalize = 1;
    options.progress = follow;
    options.user = told;
    assert_int_equal(pst_batch_run(model, &options, &err), PST_OK);
    assert_int_equal(told->calls, 0);
    assert_true(*told->log.results[0].message);
    free(told);
}

/* Window 0: whole, however long. */
static void whole_clips(void **state) {
    (void)state;
    pst_clip clip = {.fd = -1, .samples = samples, .sample_count = SAMPLES};
    set_up(2);
    options.window_seconds = 0;
    struct log *log = run(&clip, 1);
    pst_transcript *alone = transcribe(samples, SAMPLES);
    assert_int_equal(log->results[0].segment_count, 1);
    assert_true(log->results[0].avg_logprob == alone->avg_logprob);
    pst_transcript_free(alone);
    free_log(log);
}

static void adjust(void *user, size_t sample_count, pst_decode_options *changed) {
    (void)user;
    changed->max_new_tokens = sample_count < 5000 ? 2 : 4;
    changed->min_new_tokens = changed->max_new_tokens;
}

static void options_by_length(void **state) {
    (void)state;
    enum { COUNT = 12 };
    pst_clip clips[COUNT];
    make_clips(clips, COUNT);
    set_up(3);
    options.adjust = adjust;
    struct log *log = run(clips, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(log->results[i].token_count, clips[i].sample_count < 5000 ? 3 : 5);
    free_log(log);
}

/* --------------------------------------------------------------------------------------- errors */

static void failing_clips_have_their_place(void **state) {
    (void)state;
    static float broken[2000];
    broken[1500] = NAN;
    char *good = write_clip("good.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, samples, 9000);
    char *flac = write_clip("cut.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, samples, SAMPLES);
    assert_int_equal(truncate(flac, 40000), 0);
    pst_clip clips[12];
    make_clips(clips, 12);
    clips[0].path = "nowhere.wav";
    clips[1].path = "nowhere/else.wav";
    clips[3].sample_count = 894;
    clips[5].samples = broken, clips[5].sample_count = 2000;
    clips[7].path = flac; /* some of its windows are transcribed before the damage is met */
    clips[8].path = good;
    clips[9].path = GOLDEN;
    clips[10].samples = NULL;
    clips[11].sample_count = 0;
    struct log *logs[THREAD_COUNTS];
    for (int t = 0; t < THREAD_COUNTS; t++) {
        set_up(thread_counts[t]);
        options.window_seconds = 1;
        logs[t] = run(clips, 12);
        if (t) assert_same_logs(logs[t], logs[0]);
    }
    assert_string_equal(logs[0]->results[0].message, "nowhere.wav: no such file");
    assert_string_equal(logs[0]->results[1].message, "nowhere/else.wav: no such file");
    assert_non_null(strstr(logs[0]->results[3].message, "894 samples"));
    assert_non_null(strstr(logs[0]->results[5].message, "sample 1500 is not a finite number"));
    assert_non_null(strstr(logs[0]->results[7].message, "cut.flac: audio is damaged"));
    assert_non_null(strstr(logs[0]->results[9].message, "is a folder"));
    assert_non_null(strstr(logs[0]->results[10].message, "neither a path nor samples"));
    assert_non_null(strstr(logs[0]->results[11].message, "0 samples"));
    pst_transcript *alone = transcribe(samples, 9000);
    assert_string_equal(logs[0]->results[8].text, alone->text);
    pst_transcript_free(alone);
    for (size_t i = 2; i < 10; i += 2)
        if (i != 8) assert_string_equal(logs[0]->results[i].message, "");
    for (int t = 0; t < THREAD_COUNTS; t++) free_log(logs[t]);
}

/* Not even the first threads' worth of segments is there. */
static void nothing_but_failures(void **state) {
    (void)state;
    pst_clip clips[300];
    for (int i = 0; i < 300; i++) clips[i] = (pst_clip){.fd = -1, .path = "nowhere.wav"};
    set_up(2);
    struct log *log = run(clips, 300);
    for (int i = 0; i < 300; i++)
        assert_string_equal(log->results[i].message, "nowhere.wav: no such file");
    free_log(log);
}

static void silence_is_told_apart(void **state) {
    (void)state;
    static float quiet[SAMPLES];
    pst_clip clips[3];
    make_clips(clips, 3);
    clips[0] = (pst_clip){.fd = -1, .samples = quiet, .sample_count = 9000};
    clips[1] = (pst_clip){.fd = -1, .samples = quiet, .sample_count = SAMPLES};
    for (int t = 0; t < 2; t++) {
        memset(quiet, 0, sizeof quiet);
        set_up(thread_counts[t]);
        options.normalize = 1;
        options.window_seconds = 1;
        struct log *log = run(clips, 3);
        assert_non_null(strstr(log->results[0].message, "too low to normalize"));
        assert_non_null(strstr(log->results[1].message, "too low to normalize"));
        assert_string_equal(log->results[2].message, "");
        free_log(log);
        memcpy(quiet + 70000, samples, 10000 * sizeof *samples); /* something at the end */
        log = run(clips, 3);
        assert_string_equal(log->results[1].message, "");
        free_log(log);
    }
    float loud[9000];
    memcpy(loud, samples, sizeof loud);
    set_up(1);
    options.normalize = 1;
    clips[0].samples = samples;
    struct log *log = run(clips, 1);
    assert_int_equal(pst_audio_normalize_rms(loud, 9000, &err), PST_OK);
    pst_transcript *alone = transcribe(loud, 9000);
    assert_true(log->results[0].avg_logprob == alone->avg_logprob);
    pst_transcript_free(alone);
    free_log(log);
}

static void cancelling(void **state) {
    (void)state;
    enum { COUNT = 300 };
    static pst_clip clips[COUNT];
    make_clips(clips, COUNT);
    clips[4].samples = samples, clips[4].sample_count = SAMPLES;
    for (int t = 0; t < THREAD_COUNTS; t++) {
        for (size_t stop_at = 1; stop_at <= 7; stop_at += 3) {
            set_up(thread_counts[t]);
            options.window_seconds = 1;
            struct log *log = calloc(1, sizeof *log);
            assert_non_null(log);
            log->clips = clips;
            log->count = COUNT;
            log->stop_at = stop_at;
            options.user = log;
            assert_int_equal(pst_batch_run(model, &options, &err), PST_ERR_CANCELLED);
            assert_int_equal(log->delivered, stop_at);
            assert_true(log->taken < COUNT); /* the others are never asked for */
            free_log(log);
        }
    }
}

static void many_clips_are_few_at_a_time(void **state) {
    (void)state;
    static pst_clip clips[CLIPS_MAX];
    make_clips(clips, CLIPS_MAX);
    for (size_t i = 1; i < CLIPS_MAX; i++) clips[i].sample_count = 895;
    clips[0].samples = samples, clips[0].sample_count = SAMPLES; /* the others pile up behind it */
    set_up(2);
    decode.max_new_tokens = 1;
    struct log *log = run(clips, CLIPS_MAX); /* checks that they are not too many */
    assert_true(log->in_flight_max >= 2);
    free_log(log);
}

static void refuse(const char *part) {
    struct log log = {0};
    options.user = &log;
    assert_int_equal(pst_batch_run(model, &options, &err), PST_ERR_ARGUMENT);
    if (!strstr(err.message, part)) fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    assert_int_equal(log.taken, 0);
}

static void wrong_options(void **state) {
    (void)state;
    const double windows[] = {0.99, -1, 21601, NAN, INFINITY};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        set_up(1);
        options.window_seconds = windows[i];
        refuse("window_seconds is");
    }
    set_up(65);
    refuse("threads is 65");
    set_up(1);
    options.next = NULL;
    refuse("next and deliver");
    set_up(1);
    options.deliver = NULL;
    refuse("next and deliver");
    set_up(1);
    options.struct_size--; /* ends inside a field */
    refuse("pst_batch_options_init");
    assert_int_equal(pst_batch_run(model, NULL, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_batch_run(NULL, &options, &err), PST_ERR_ARGUMENT);
}

/* A model folder and an adapter folder of this test's own. */
static void copy_folders(char *model_dir, char *adapter_dir, size_t size) {
    static const char *const files[] = {"config.json", "generation_config.json",
                                        "preprocessor_config.json", "tokenizer.json",
                                        "model.safetensors"};
    snprintf(model_dir, size, "%s", scratch_folder("batch-model"));
    snprintf(adapter_dir, size, "%s", scratch_folder("batch-adapter"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        scratch_copy(GOLDEN "micro", model_dir, files[i]);
    scratch_copy(GOLDEN "adapter", adapter_dir, "adapter_config.json");
    scratch_copy(GOLDEN "adapter", adapter_dir, "adapter_model.safetensors");
}

/* What a batch gives with a model and an adapter, the files cut short once they are open. */
static struct log *run_from(const char *model_dir, const char *adapter_dir, const pst_clip *clips,
                            size_t count, pst_precision precision, int cut) {
    pst_model *before = model;
    pst_adapter *own = NULL;
    pst_model_options model_options;
    pst_model_options_init(&model_options);
    model_options.precision = precision;
    model_options.read_files = cut;
    if (pst_model_open(model_dir, &model_options, &model, &err) ||
        pst_adapter_open(model, adapter_dir, NULL, &own, &err))
        fail_msg("%s", err.message);
    if (cut) scratch_text(model_dir, "model.safetensors", "");
    if (cut) scratch_text(adapter_dir, "adapter_model.safetensors", "");
    const pst_adapter *adapters[] = {own};
    set_up(2);
    options.adapters = adapters;
    options.adapter_count = 1;
    struct log *log = run(clips, count);
    pst_adapter_free(own);
    pst_model_free(model);
    model = before;
    return log;
}

/* Where they are mapped, the pages that are gone end the process. */
static void files_that_are_read_may_be_cut_short(void **state) {
    (void)state;
    char model_dir[512], adapter_dir[512];
    pst_clip clips[12];
    make_clips(clips, 12);
    for (int precision = PST_PRECISION_F32; precision <= PST_PRECISION_INT8; precision++) {
        copy_folders(model_dir, adapter_dir, sizeof model_dir);
        struct log *whole =
            run_from(model_dir, adapter_dir, clips, 12, (pst_precision)precision, 0);
        struct log *cut = run_from(model_dir, adapter_dir, clips, 12, (pst_precision)precision, 1);
        assert_same_logs(cut, whole);
        free_log(whole);
        free_log(cut);
    }
}

/* Found when the sessions are made: no clip is delivered, none is transcribed. */
static void an_adapter_of_another_model(void **state) {
    (void)state;
    pst_model *other;
    assert_int_equal(pst_model_open(GOLDEN "micro", NULL, &other, &err), PST_OK);
    pst_clip clips[3];
    make_clips(clips, 3);
    const pst_adapter *adapters[] = {adapter};
    struct log log = {.clips = clips, .count = 3};
    set_up(2);
    options.adapters = adapters;
    options.adapter_count = 1;
    options.user = &log;
    assert_int_equal(pst_batch_run(other, &options, &err), PST_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "another model"));
    assert_int_equal(log.delivered, 0);
    pst_model_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clips_are_as_one_at_a_time),
        cmocka_unit_test(adapters_act_in_every_session),
        cmocka_unit_test(a_session_is_lent),
        cmocka_unit_test(clips_have_their_options),
        cmocka_unit_test(a_session_of_another_model),
        cmocka_unit_test(few_clips),
        cmocka_unit_test(long_clips_are_joined),
        cmocka_unit_test(long_clips_are_followed),
        cmocka_unit_test(following_may_cancel),
        cmocka_unit_test(silence_is_not_followed),
        cmocka_unit_test(whole_clips),
        cmocka_unit_test(options_by_length),
        cmocka_unit_test(failing_clips_have_their_place),
        cmocka_unit_test(nothing_but_failures),
        cmocka_unit_test(silence_is_told_apart),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(many_clips_are_few_at_a_time),
        cmocka_unit_test(wrong_options),
        cmocka_unit_test(files_that_are_read_may_be_cut_short),
        cmocka_unit_test(an_adapter_of_another_model),
    };
    return cmocka_run_group_tests_name("batch", tests, start, finish);
}
