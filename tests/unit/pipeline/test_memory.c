/* test_memory.c - memory runs out at every place it can, one at a time.
 *
 * The linker hands every allocation of the library to the functions here. (Not those of the
 * libraries below it: jansson 2.14, for one, does not survive a failing malloc itself.) The whole
 * way from opening a model to a report is run again and again, the N-th allocation failing, for
 * every N until a run needs fewer. Each run must end in PST_ERR_MEMORY, or in success where the
 * library can do without, and give back all it took. */
#include "support/test.h"

#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "potstill_tools.h"
#include "support/silero_file.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *memory);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *memory);

/* Atomic: a batch allocates on several threads. */
static atomic_long countdown; /* allocations until one fails; negative: none does */
static atomic_int failed;     /* one did */
static atomic_long live;      /* allocations not yet freed */

static int refuse(void) {
    if (countdown-- != 0) return 0;
    failed = 1;
    return 1;
}

void *__wrap_malloc(size_t size) {
    void *memory = refuse() ? NULL : __real_malloc(size);
    live += memory != NULL;
    return memory;
}

void *__wrap_calloc(size_t count, size_t size) {
    void *memory = refuse() ? NULL : __real_calloc(count, size);
    live += memory != NULL;
    return memory;
}

void *__wrap_realloc(void *memory, size_t size) {
    if (refuse()) return NULL;
    void *moved = __real_realloc(memory, size);
    live += !memory && moved;
    return moved;
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size) {
    if (refuse()) return 12; /* ENOMEM */
    int result = __real_posix_memalign(memory, alignment, size);
    live += result == 0;
    return result;
}

char *__wrap_strdup(const char *text) {
    char *copy = refuse() ? NULL : __real_strdup(text);
    live += copy != NULL;
    return copy;
}

void __wrap_free(void *memory) {
    live -= memory != NULL;
    __real_free(memory);
}

#define MICRO TEST_SOURCE_DIR "/tests/golden/micro"
#define ADAPTER TEST_SOURCE_DIR "/tests/golden/adapter"

struct parts {
    pst_stream *stream;
    pst_vad *vad;
    pst_speech *speech;
    pst_model *model;
    pst_adapter *adapter;
    pst_session *session;
    pst_audio audio;
    pst_transcript *transcript;
    char *found;
    pst_finder *finder;
    int32_t *ids;
};

/* Everything in the order of use; the first failure ends it. */
static pst_status use_all(struct parts *parts, pst_error *err) {
    pst_search search;
    pst_search_init(&search);
    size_t count;
    pst_decode_options options;
    pst_status status = pst_find_model(MICRO, "config.json", &search, &parts->found, err);
    if (!status) status = pst_model_open(parts->found, NULL, &parts->model, err);
    if (!status) status = pst_adapter_open(parts->model, ADAPTER, NULL, &parts->adapter, err);
    if (!status) status = pst_session_new(parts->model, NULL, &parts->session, err);
    if (!status) status = pst_session_use_adapter(parts->session, parts->adapter, err);
    if (!status) status = pst_audio_read(TEST_BINARY_DIR "/memory.wav", &parts->audio, err);
    if (!status) status = pst_audio_normalize_rms(parts->audio.samples, parts->audio.count, err);
    if (status) return status;
    pst_model_decode_options(parts->model, &options);
    options.num_beams = 3;
    options.max_new_tokens = 5;
    status = pst_transcribe(parts->session, parts->audio.samples, parts->audio.count, &options,
                            &parts->transcript, err);
    if (!status) status = pst_model_encode(parts->model, "the man", 7, &parts->ids, &count, err);
    if (status) return status;
    pst_word_counts words = {0};
    return pst_score_words("the man", parts->transcript->text, 1, &words, err);
}

static void release(struct parts *parts) {
    pst_free(parts->ids);
    pst_transcript_free(parts->transcript);
    pst_audio_free(&parts->audio);
    pst_session_free(parts->session);
    pst_stream_free(parts->stream);
    pst_vad_free(parts->vad);
    pst_free(parts->speech);
    pst_adapter_free(parts->adapter);
    pst_model_free(parts->model);
    pst_free(parts->found);
    pst_finder_free(parts->finder);
}

/* A quarter of a second of a ramp, 16-bit mono WAV at 16 kHz. */
static void write_wav(void) {
    enum { SAMPLES = 4000 };
    static const unsigned char header[44] = {
        'R', 'I', 'F', 'F', 0x64, 0x1F, 0,   0,   'W', 'A',  'V',  'E',  'f', 'm', 't',
        ' ', 16,  0,   0,   0,    1,    0,   1,   0,   0x80, 0x3E, 0,    0,   0,   0x7D,
        0,   0,   2,   0,   16,   0,    'd', 'a', 't', 'a',  0x40, 0x1F, 0,   0};
    FILE *file = fopen(TEST_BINARY_DIR "/memory.wav", "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(header, 1, sizeof header, file), sizeof header);
    for (int i = 0; i < SAMPLES; i++) {
        int sample = (i * 37) % 8000 - 4000;
        unsigned char bytes[2] = {(unsigned char)(sample & 255),
                                  (unsigned char)(sample >> 8 & 255)};
        assert_int_equal(fwrite(bytes, 1, 2, file), 2);
    }
    assert_int_equal(fclose(file), 0);
}

/* Calls `use` with the first allocation failing, then the second, until none is left to fail. Those
 * of a conversion that runs its program are thousands: every eleventh; another fails at each. */
static void fail_each(pst_status (*use)(struct parts *parts, pst_error *err), long least) {
    long total = 0, n = LONG_MAX; /* at first none fails, and they are counted */
    do {
        struct parts parts = {0};
        pst_error err = {0};
        live = 0;
        failed = 0;
        countdown = n;
        pst_status status = use(&parts, &err);
        if (n == LONG_MAX) total = n - countdown;
        countdown = -1;
        if (status && (!failed || status != PST_ERR_MEMORY))
            fail_msg("allocation %ld: status %s: %s", n, pst_status_name(status), err.message);
        release(&parts);
        if (live != 0) fail_msg("allocation %ld: %ld allocations not given back", n, (long)live);
        n = n == LONG_MAX ? 0 : n + (total > 1000 ? 11 : 1);
    } while (failed || n == 0);
    print_message("%ld allocations\n", total);
    assert_true(total > least);
}

static void every_allocation_fails_once(void **state) {
    (void)state;
    write_wav();
    fail_each(use_all, 100);
}

/* Every way of finding, over names that are there and some that are not. What is missed is no
 * error here; that memory was is. */
static pst_status find_all(struct parts *parts, pst_error *err) {
    static const char *const variables[] = {"XDG_DATA_HOME=" TEST_BINARY_DIR "/scratch-memory",
                                            "POTSTILL_MODEL=" MICRO, "HF_TOKEN= t ", NULL};
    static const char *const names[] = {MICRO, MICRO "x", ADAPTER, "x y", "org/name"};
    const char *const adapters[] = {ADAPTER};
    char *name = NULL;
    pst_find_options options;
    pst_find_options_init(&options);
    options.variables = variables;
    options.offline = 1;
    pst_status status = pst_finder_new(&options, &parts->finder, err);
    for (size_t i = 0; i < 25 && status != PST_ERR_MEMORY; i++) {
        pst_free(parts->found);
        parts->found = NULL;
        status = pst_finder_find(parts->finder, names[i / 5], (pst_find_kind)(i % 5), NULL,
                                 &parts->found, err);
    }
    pst_free(parts->found);
    parts->found = NULL;
    if (status == PST_ERR_MEMORY) return status;
    status = pst_finder_base(parts->finder, adapters, 1, NULL, &name, &parts->found, err);
    pst_free(name);
    if (!status)
        status = pst_finder_check_base(parts->finder, ADAPTER, "other", parts->found, 1, err);
    pst_free(parts->found);
    parts->found = NULL;
    if (!status)
        status = pst_finder_processor(parts->finder, TEST_BINARY_DIR "/scratch-memory",
                                      &parts->found, err);
    pst_free(parts->found);
    parts->found = NULL;
    if (!status) status = pst_finder_vad(parts->finder, MICRO, &parts->found, err);
    return status;
}

static void every_allocation_of_finding_fails_once(void **state) {
    (void)state;
    scratch_folder("memory");
    FILE *config = fopen(TEST_BINARY_DIR "/scratch-memory/config.json", "w");
    assert_non_null(config);
    fputs("{\"vocab_size\": 1, \"_name_or_path\": \"nowhere\"}", config);
    fclose(config);
    fail_each(find_all, 100);
}

/* A short clip from a file, and a long one that is cut. */
static int next_clip(void *user, pst_clip *clip) {
    static float samples[40000];
    size_t *taken = user;
    clip->path = *taken == 0 ? TEST_BINARY_DIR "/memory.wav" : NULL;
    clip->samples = samples;
    clip->sample_count = sizeof samples / sizeof *samples;
    return (*taken)++ < 2;
}

static pst_status clip_status; /* of the first that failed */

static int note_clip(void *user, const pst_clip_result *result) {
    (void)user;
    if (!clip_status && result->error) clip_status = result->error->code;
    return 0;
}

static pst_status use_batch(struct parts *parts, pst_error *err) {
    size_t taken = 0;
    pst_batch_options options;
    pst_decode_options decode;
    pst_status status = pst_model_open(MICRO, NULL, &parts->model, err);
    if (status) return status;
    pst_model_decode_options(parts->model, &decode);
    decode.max_new_tokens = 2;
    pst_batch_options_init(&options);
    options.threads = 2;
    options.window_seconds = 1;
    options.decode = &decode;
    options.next = next_clip;
    options.deliver = note_clip;
    options.user = &taken;
    clip_status = PST_OK;
    status = pst_batch_run(parts->model, &options, err);
    return status ? status : clip_status;
}

static void every_allocation_of_a_batch_fails_once(void **state) {
    (void)state;
    write_wav();
    fail_each(use_batch, 50);
}

/* Harmonics in syllables, which the detector without weights takes for a voice, from the second
 * half second on; then silence that ends the line. */
enum { VOICE_COUNT = 2 * PST_SAMPLE_RATE_HZ };
static float voice[VOICE_COUNT];

static void make_voice(void) {
    for (int i = PST_SAMPLE_RATE_HZ / 2; i < PST_SAMPLE_RATE_HZ * 5 / 4; i++) {
        double t = (double)i / PST_SAMPLE_RATE_HZ, sum = 0;
        for (int h = 1; h < 20; h++) sum += sin(h * t * 880) / h;
        voice[i] = (float)(0.15 * (0.6 + 0.4 * sin(t * 25)) * sum);
    }
}

static size_t lines; /* that the last stream has completed */

static void count_lines(pst_stream *stream) {
    for (const pst_stream_event *event; (event = pst_stream_next_event(stream));)
        lines += event->kind == PST_LINE_COMPLETED;
}

/* On one thread, as streams are; the text is cut at a few tokens. */
static pst_status use_stream(struct parts *parts, const char *dir, pst_error *err) {
    pst_stream_options options;
    pst_decode_options decode;
    lines = 0;
    pst_status status = pst_model_open(dir, NULL, &parts->model, err);
    if (!status) status = pst_vad_open(NULL, &parts->vad, err);
    if (status) return status;
    pst_model_decode_options(parts->model, &decode);
    decode.max_new_tokens = 3;
    pst_stream_options_init(&options);
    options.decode = &decode;
    options.vad = parts->vad;
    status = pst_stream_new(parts->model, &options, &parts->stream, err);
    for (size_t at = 0; at < VOICE_COUNT && !status; at += VOICE_COUNT / 4) {
        status = pst_stream_feed(parts->stream, voice + at, VOICE_COUNT / 4, err);
        if (!status) count_lines(parts->stream);
    }
    if (!status) status = pst_stream_finish(parts->stream, err);
    if (!status) count_lines(parts->stream);
    if (!status && lines == 0) fail_msg("the stream has heard nothing");
    return status;
}

static pst_status use_streaming(struct parts *parts, pst_error *err) {
    return use_stream(parts, MICRO "_streaming", err);
}

static pst_status use_windowed(struct parts *parts, pst_error *err) {
    return use_stream(parts, MICRO, err);
}

static void every_allocation_of_a_stream_fails_once(void **state) {
    (void)state;
    make_voice();
    fail_each(use_streaming, 50);
    fail_each(use_windowed, 50);
}

/* Speech in samples and in a file, by both detectors. */
static pst_status find_speech(struct parts *parts, pst_error *err) {
    static const char *const weights[] = {NULL, TEST_BINARY_DIR "/scratch-memory/silero"};
    pst_vad_options options;
    pst_status status = PST_OK;
    for (int i = 0; i < 4 && !status; i++) {
        pst_clip clip = {.fd = -1, .samples = voice, .sample_count = VOICE_COUNT};
        if (i % 2) clip.path = TEST_BINARY_DIR "/memory.wav";
        size_t count;
        pst_vad_free(parts->vad);
        pst_free(parts->speech);
        parts->vad = NULL;
        parts->speech = NULL;
        pst_vad_options_init(&options);
        options.weights = weights[i / 2];
        status = pst_vad_open(&options, &parts->vad, err);
        if (!status) status = pst_vad_find(parts->vad, &clip, &parts->speech, &count, NULL, err);
    }
    return status;
}

/* A file of weights for it. */
static void write_silero(void) {
    pst_error err;
    struct tensor_source tensors[SILERO_TENSORS];
    scratch_folder("memory");
    silero_tensors(tensors);
    if (safetensors_write(TEST_BINARY_DIR "/scratch-memory/silero", tensors, SILERO_TENSORS, &err))
        fail_msg("%s", err.message);
    silero_tensors_free(tensors);
}

static void every_allocation_of_a_detector_fails_once(void **state) {
    (void)state;
    make_voice();
    write_wav();
    write_silero();
    fail_each(find_speech, 10);
}

/* Words with their times. */
static pst_status find_words(struct parts *parts, pst_error *err) {
    static const pst_alignment_head heads[] = {{.layer = 0, .head = 1}, {.layer = 1}};
    pst_decode_options options;
    pst_session_options threads;
    pst_session_options_init(&threads);
    threads.threads = 1;
    pst_status status = pst_model_open(MICRO, NULL, &parts->model, err);
    if (!status) status = pst_session_new(parts->model, &threads, &parts->session, err);
    if (status) return status;
    pst_model_decode_options(parts->model, &options);
    options.max_new_tokens = 5;
    options.word_timestamps = 1;
    options.alignment_heads = heads;
    options.alignment_heads_count = 2;
    return pst_transcribe(parts->session, voice, VOICE_COUNT, &options, &parts->transcript, err);
}

static void every_allocation_of_word_times_fails_once(void **state) {
    (void)state;
    make_voice();
    fail_each(find_words, 30);
}

static pst_status verify(struct parts *parts, pst_error *err) {
    (void)parts;
    pst_verify_summary summary;
    pst_status status = pst_verify(MICRO, NULL, &summary, err);
    if (!status) status = pst_verify(ADAPTER, NULL, &summary, err);
    return status;
}

static pst_status merge(struct parts *parts, pst_error *err) {
    (void)parts;
    pst_merge_options options;
    pst_merge_options_init(&options);
    options.force = 1;
    pst_merge_adapter adapter = {ADAPTER, 1};
    return pst_merge(MICRO, &adapter, 1, TEST_BINARY_DIR "/memory-merged", &options, err);
}

static pst_status diff(struct parts *parts, pst_error *err) {
    (void)parts;
    pst_diff_summary summary;
    return pst_diff(MICRO, TEST_BINARY_DIR "/memory-merged", NULL, NULL, &summary, err);
}

/* On one thread: the count above is not for several. */
static pst_status convert(struct parts *parts, pst_error *err) {
    (void)parts;
    static const uint32_t lengths[] = {1};
    pst_convert_options options;
    pst_convert_options_init(&options);
    options.force = 1;
    options.threads = 1;
    options.precision = PST_CONVERT_PALETTE4;
    options.seconds = lengths;
    options.seconds_count = 1;
    pst_merge_adapter adapter = {ADAPTER, 1};
    return pst_convert(MICRO, &adapter, 1, TEST_BINARY_DIR "/memory-converted", &options, err);
}

/* What convert() has made, run by the interpreter up to the first token of two beams. */
static pst_status run_packages(struct parts *parts, pst_error *err) {
    static float samples[4000];
    pst_decode_options options;
    pst_session_options threads;
    pst_session_options_init(&threads);
    threads.threads = 1;
    pst_status status =
        pst_model_open(TEST_BINARY_DIR "/memory-converted", NULL, &parts->model, err);
    if (!status) status = pst_session_new(parts->model, &threads, &parts->session, err);
    if (status) return status;
    pst_model_decode_options(parts->model, &options);
    options.max_new_tokens = 1;
    options.num_beams = 2;
    return pst_transcribe(parts->session, samples, 4000, &options, &parts->transcript, err);
}

static void every_allocation_of_a_conversion_fails_once(void **state) {
    (void)state;
    fail_each(convert, 100);
    fail_each(run_packages, 100);
}

static void every_allocation_of_a_merge_fails_once(void **state) {
    (void)state;
    fail_each(verify, 100);
    fail_each(merge, 100);
    fail_each(diff, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(every_allocation_of_finding_fails_once),
        cmocka_unit_test(every_allocation_of_a_batch_fails_once),
        cmocka_unit_test(every_allocation_of_a_stream_fails_once),
        cmocka_unit_test(every_allocation_of_a_detector_fails_once),
        cmocka_unit_test(every_allocation_of_word_times_fails_once),
        cmocka_unit_test(every_allocation_of_a_merge_fails_once),
        cmocka_unit_test(every_allocation_of_a_conversion_fails_once),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
