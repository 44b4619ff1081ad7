/* test_option_struct.c - programs that were compiled with an older or a newer potstill.h: what
 * their option structs lack has its default, what they have beyond ours has to be zero. Every
 * reader of such a struct is called with each size. Structs lie in blocks of exactly their size,
 * for AddressSanitizer. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "potstill_tools.h"
#include "support/scratch.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"
enum { SAMPLES = 16000, NEWER_BYTES = 24 };

static pst_error err;
static pst_model *model;
static pst_session *session;
static char merged[600], packages[600];
static float samples[SAMPLES];

/* ----------------------------------------------------------------------------- calls to be made */

static pst_status open_model(const void *options) {
    pst_model *opened = NULL;
    pst_status status = pst_model_open(GOLDEN "micro", options, &opened, &err);
    pst_model_free(opened);
    return status;
}

static pst_status pull(const void *options) {
    char *dir = NULL;
    return pst_hub_pull("org/name", NULL, NULL, options, &dir, &err);
}

static void set_hub(void *options) {
    ((pst_hub_options *)options)->cache_dir = "unused";
    ((pst_hub_options *)options)->offline = 1;
}

static pst_status find(const void *search) {
    char *dir = NULL;
    pst_status status = pst_find_model("micro", "config.json", search, &dir, &err);
    pst_free(dir);
    return status;
}

static void set_search(void *search) {
    ((pst_search *)search)->models_dir = GOLDEN;
}

static pst_status find_with_hub(const void *hub) {
    pst_search search;
    pst_search_init(&search);
    search.models_dir = GOLDEN;
    search.hub = hub;
    return find(&search);
}

static pst_status new_finder(const void *options) {
    pst_finder *finder = NULL;
    pst_status status = pst_finder_new(options, &finder, &err);
    pst_finder_free(finder);
    return status;
}

static pst_status open_adapter(const void *options) {
    pst_adapter *adapter = NULL;
    pst_status status = pst_adapter_open(model, GOLDEN "adapter", options, &adapter, &err);
    pst_adapter_free(adapter);
    return status;
}

static pst_status new_session(const void *options) {
    pst_session *made = NULL;
    pst_status status = pst_session_new(model, options, &made, &err);
    pst_session_free(made);
    return status;
}

static pst_status transcribe(const void *options) {
    pst_transcript *transcript = NULL;
    pst_status status = pst_transcribe(session, samples, SAMPLES, options, &transcript, &err);
    pst_transcript_free(transcript);
    return status;
}

static int clips_given;

static int next_clip(void *user, pst_clip *clip) {
    (void)user;
    clip->samples = samples;
    clip->sample_count = SAMPLES;
    return clips_given++ == 0;
}

static int deliver(void *user, const pst_clip_result *result) {
    (void)user;
    assert_null(result->error);
    return 0;
}

static void set_batch(void *options) {
    clips_given = 0;
    ((pst_batch_options *)options)->next = next_clip;
    ((pst_batch_options *)options)->deliver = deliver;
}

static pst_status run_batch(const void *options) {
    return pst_batch_run(model, options, &err);
}

static pst_status run_batch_decode(const void *decode) {
    pst_batch_options options;
    pst_batch_options_init(&options);
    set_batch(&options);
    options.decode = decode;
    return pst_batch_run(model, &options, &err);
}

static pst_status merge(const void *options) {
    const pst_merge_adapter adapter = {GOLDEN "adapter", 1};
    return pst_merge(GOLDEN "micro", &adapter, 1, merged, options, &err);
}

static pst_status open_vad(const void *options) {
    pst_vad *vad = NULL;
    pst_status status = pst_vad_open(options, &vad, &err);
    pst_vad_free(vad);
    return status;
}

static pst_status read_audio(const void *options) {
    pst_audio audio = {0};
    pst_status status =
        pst_audio_read_with(TEST_SOURCE_DIR "/tests/cli/audio/chirp.wav", options, &audio, &err);
    pst_audio_free(&audio);
    return status;
}

static pst_status open_source(const void *options) {
    pst_source *source = NULL;
    pst_status status = pst_source_open_fd(0, "nothing", options, &source, &err);
    pst_source_free(source);
    return status;
}

static pst_status new_stream(const void *options) {
    pst_stream *stream = NULL;
    pst_status status = pst_stream_new(model, options, &stream, &err);
    pst_stream_free(stream);
    return status;
}

static void set_merge(void *options) {
    ((pst_merge_options *)options)->force = 1;
}

static pst_status convert(const void *options) {
    return pst_convert(GOLDEN "micro", NULL, 0, packages, options, &err);
}

static void set_convert(void *options) {
    static const uint32_t one[] = {1};
    ((pst_convert_options *)options)->force = 1;
    ((pst_convert_options *)options)->seconds = one;
    ((pst_convert_options *)options)->seconds_count = 1;
}

static pst_status open_converted(const void *options) {
    pst_model *opened = NULL;
    pst_status status = pst_model_open(packages, options, &opened, &err);
    pst_model_free(opened);
    return status;
}

static pst_status verify(const void *options) {
    pst_verify_summary summary;
    return pst_verify(GOLDEN "micro", options, &summary, &err);
}

/* That there is nothing to import is found after the options have been read. */
static pst_status import(const void *options) {
    return pst_import_ort(GOLDEN "missing", merged, options, &err);
}

/* ---------------------------------------------------------------------------------- the readers */

#define STRUCTS(X)                                                                                 \
    X(pst_model_options, read_files)                                                               \
    X(pst_hub_options, user)                                                                       \
    X(pst_search, hub)                                                                             \
    X(pst_find_options, user)                                                                      \
    X(pst_adapter_options, adapter_scale)                                                          \
    X(pst_session_options, threads)                                                                \
    X(pst_decode_options, drafts_count)                                                            \
    X(pst_audio_options, seconds_max)                                                              \
    X(pst_batch_options, session)                                                                  \
    X(pst_vad_options, audio)                                                                      \
    X(pst_source_options, channels)                                                                \
    X(pst_stream_options, guard)                                                                   \
    X(pst_merge_options, user)                                                                     \
    X(pst_convert_options, drafts_file)                                                            \
    X(pst_verify_options, user)                                                                    \
    X(pst_import_options, force)

struct kind {
    const char *name;
    size_t size;
    size_t last; /* where the last field begins: the size before it was there */
    void (*init)(void *options, size_t struct_size);
};

#define KIND(type, field)                                                                          \
    static void init_##type(void *options, size_t struct_size) {                                   \
        type##_init_sized(options, struct_size);                                                   \
    }                                                                                              \
    static const struct kind kind_##type = {#type, sizeof(type), offsetof(type, field),            \
                                            init_##type};
STRUCTS(KIND)

static const struct reader {
    const struct kind *kind;
    void (*set)(void *options); /* what the call needs; NULL: nothing */
    pst_status (*call)(const void *options);
    pst_status expected;
} READERS[] = {
    {&kind_pst_model_options, NULL, open_model, PST_OK},
    {&kind_pst_hub_options, set_hub, pull, PST_ERR_IO},
    {&kind_pst_search, set_search, find, PST_OK},
    {&kind_pst_find_options, NULL, new_finder, PST_OK},
    {&kind_pst_hub_options, set_hub, find_with_hub, PST_OK},
    {&kind_pst_adapter_options, NULL, open_adapter, PST_OK},
    {&kind_pst_session_options, NULL, new_session, PST_OK},
    {&kind_pst_decode_options, NULL, transcribe, PST_OK},
    {&kind_pst_batch_options, set_batch, run_batch, PST_OK},
    {&kind_pst_decode_options, NULL, run_batch_decode, PST_OK},
    {&kind_pst_vad_options, NULL, open_vad, PST_OK},
    {&kind_pst_audio_options, NULL, read_audio, PST_OK},
    {&kind_pst_source_options, NULL, open_source, PST_OK},
    {&kind_pst_stream_options, NULL, new_stream, PST_OK},
    {&kind_pst_merge_options, set_merge, merge, PST_OK},
    {&kind_pst_convert_options, set_convert, convert, PST_OK},
    {&kind_pst_model_options, NULL, open_converted, PST_OK},
    {&kind_pst_verify_options, NULL, verify, PST_OK},
    {&kind_pst_import_options, NULL, import, PST_ERR_MODEL},
};
enum { READER_COUNT = sizeof READERS / sizeof *READERS };

/* ---------------------------------------------------------------------------------------- tests */

/* Sizes of structs are multiples of this. */
static size_t rounded(size_t size) {
    size_t step = _Alignof(size_t);
    return (size + step - 1) / step * step;
}

/* The options of a program whose struct has `size` bytes, ready for the call; to be freed. */
static void *options_of_size(const struct reader *reader, size_t size) {
    unsigned char *options = malloc(size);
    assert_non_null(options);
    memset(options, 0xAA, size);
    reader->kind->init(options, size);
    assert_int_equal(*(size_t *)(void *)options, size);
    if (reader->set) reader->set(options);
    return options;
}

static void expect(const struct reader *reader, const void *options, pst_status expected) {
    pst_status status = reader->call(options);
    if (status != expected)
        fail_msg("%s: status %d, expected %d: %s", reader->kind->name, status, expected,
                 err.message);
}

static void older_programs_keep_working(void **state) {
    (void)state;
    for (size_t i = 0; i < READER_COUNT; i++) {
        const struct kind *kind = READERS[i].kind;
        const size_t sizes[] = {kind->size, rounded(kind->last)};
        for (int k = 0; k < 2; k++) {
            void *options = options_of_size(&READERS[i], sizes[k]);
            expect(&READERS[i], options, READERS[i].expected);
            free(options);
        }
    }
}

static void newer_programs_may_set_nothing_newer(void **state) {
    (void)state;
    for (size_t i = 0; i < READER_COUNT; i++) {
        size_t size = READERS[i].kind->size + NEWER_BYTES;
        unsigned char *options = options_of_size(&READERS[i], size);
        expect(&READERS[i], options, READERS[i].expected);
        options[size - 1] = 1;
        expect(&READERS[i], options, PST_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.message, READERS[i].kind->name));
        assert_non_null(strstr(err.message, "newer version"));
        free(options);
    }
}

static void sizes_that_no_program_has(void **state) {
    (void)state;
    for (size_t i = 0; i < READER_COUNT; i++) {
        const struct kind *kind = READERS[i].kind;
        const size_t sizes[] = {0, 1, sizeof(size_t) - 1, kind->size - 1, 4104, SIZE_MAX};
        size_t *options = options_of_size(&READERS[i], kind->size);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            char expected[160];
            *options = sizes[k];
            snprintf(expected, sizeof expected,
                     "%s: struct_size is %zu, expected %zu as %s_init() sets it", kind->name,
                     sizes[k], kind->size, kind->name);
            expect(&READERS[i], options, PST_ERR_ARGUMENT);
            assert_string_equal(err.message, expected);
        }
        free(options);
    }
}

/* A program whose decode options lack the fields with defaults that are not 0. */
static void what_is_missing_has_its_default(void **state) {
    (void)state;
    size_t size = rounded(offsetof(pst_decode_options, num_beams));
    size_t older = size;
    pst_decode_options full;
    pst_transcript *by_default, *by_older;
    pst_decode_options_init(&full);
    assert_int_equal(pst_transcribe(session, samples, SAMPLES, &full, &by_default, &err), PST_OK);
    assert_int_equal(pst_transcribe(session, samples, SAMPLES, (const pst_decode_options *)&older,
                                    &by_older, &err),
                     PST_OK);
    assert_int_equal(by_older->token_count, by_default->token_count);
    assert_memory_equal(by_older->tokens, by_default->tokens,
                        by_default->token_count * sizeof *by_default->tokens);
    pst_transcript_free(by_default);
    pst_transcript_free(by_older);
}

/* Neither does the library write behind an older program's struct. */
static void the_models_options_fit_an_older_struct(void **state) {
    (void)state;
    pst_decode_options full;
    size_t size = rounded(offsetof(pst_decode_options, forced_bos_token_id));
    unsigned char *older = malloc(size);
    assert_non_null(older);
    pst_model_decode_options(model, &full);
    pst_model_decode_options_sized(model, (pst_decode_options *)(void *)older, size);
    assert_int_equal(*(size_t *)(void *)older, size);
    assert_memory_equal(older + sizeof size, (unsigned char *)&full + sizeof size,
                        offsetof(pst_decode_options, forced_bos_token_id) - sizeof size);
    free(older);
}

static int start(void **state) {
    (void)state;
    pst_convert_options options;
    for (int i = 0; i < SAMPLES; i++) samples[i] = 0.2f * sinf((float)i * 0.05f);
    snprintf(merged, sizeof merged, "%s/merged", scratch_folder("options"));
    snprintf(packages, sizeof packages, "%s/packages", scratch_folder("options"));
    pst_convert_options_init(&options);
    set_convert(&options);
    return pst_model_open(GOLDEN "micro", NULL, &model, &err) ||
           pst_session_new(model, NULL, &session, &err) || convert(&options);
}

static int finish(void **state) {
    (void)state;
    pst_session_free(session);
    pst_model_free(model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_programs_keep_working),
        cmocka_unit_test(newer_programs_may_set_nothing_newer),
        cmocka_unit_test(sizes_that_no_program_has),
        cmocka_unit_test(what_is_missing_has_its_default),
        cmocka_unit_test(the_models_options_fit_an_older_struct),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
