/* test_session.c - what pst_transcribe() refuses, and that a session forgets
 * what it heard before. */
#include "support/test.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "network/network.h"
#include "potstill.h"
#include "support/cancel_at.h"
#include "support/scratch.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"
enum { SAMPLES = 24000 };

static pst_error err;
static pst_model *model;
static float samples[SAMPLES];

static int start(void **state) {
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 0.2f * sinf((float)i * 0.05f) + 0.1f * sinf((float)i * (float)i * 1e-5f);
    return pst_model_open(GOLDEN "micro", NULL, &model, &err);
}

static int finish(void **state) {
    (void)state;
    pst_model_free(model);
    return 0;
}

static pst_session *new_session(unsigned threads) {
    pst_session *session;
    pst_session_options options;
    pst_session_options_init(&options);
    options.threads = threads;
    assert_int_equal(pst_session_new(model, &options, &session, &err), PST_OK);
    return session;
}

static void refuse(pst_session *session, const float *audio, size_t count,
                   const pst_decode_options *options, pst_status status, const char *part) {
    pst_transcript *transcript = NULL;
    assert_int_equal(pst_transcribe(session, audio, count, options, &transcript, &err), status);
    assert_null(transcript);
    if (!strstr(err.message, part)) fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void sounds_that_cannot_be_heard(void **state) {
    (void)state;
    pst_session *session = new_session(1);
    refuse(session, samples, 894, NULL, PST_ERR_INPUT, "894 samples (56 ms), at least 895");
    refuse(session, samples, 0, NULL, PST_ERR_INPUT, "0 samples");
    samples[700] = NAN;
    refuse(session, samples, 1000, NULL, PST_ERR_INPUT, "sample 700 is not a finite number");
    samples[700] = 0;
    refuse(session, NULL, 1000, NULL, PST_ERR_ARGUMENT, "must not be NULL");
    refuse(NULL, samples, 1000, NULL, PST_ERR_ARGUMENT, "must not be NULL");
    pst_session_free(session);
    pst_session_free(NULL);
    pst_transcript_free(NULL);
}

static void options_out_of_range(void **state) {
    (void)state;
    pst_session *session = new_session(1);
    pst_decode_options options = {0};
    refuse(session, samples, 1000, &options, PST_ERR_ARGUMENT, "pst_decode_options_init");
    const int32_t bad_ids[] = {5, 32768}, negative[] = {-1};
    pst_sequence_bias empty = {NULL, 0, 1.0f}, beyond = {bad_ids, 2, 1.0f};
    struct {
        const char *part;
        pst_decode_options options;
    } cases[13];
    size_t n = sizeof cases / sizeof cases[0];
    for (size_t i = 0; i < n; i++) pst_model_decode_options(model, &cases[i].options);
    cases[0].part = "num_beams", cases[0].options.num_beams = 0;
    cases[1].part = "num_beams", cases[1].options.num_beams = 65;
    cases[2].part = "repetition_penalty", cases[2].options.repetition_penalty = 0;
    cases[3].part = "repetition_penalty", cases[3].options.repetition_penalty = INFINITY;
    cases[4].part = "length_penalty", cases[4].options.length_penalty = NAN;
    cases[5].part = "limit is 1 ", cases[5].options.max_length = 1;
    cases[6].part = "limit is", cases[6].options.max_new_tokens = 1 << 30;
    cases[7].part = "early_stopping", cases[7].options.early_stopping = (pst_early_stopping)9;
    cases[8].part = "suppress_tokens: 32768", cases[8].options.suppress_tokens = bad_ids;
    cases[8].options.suppress_tokens_count = 2;
    cases[9].part = "begin_suppress_tokens: -1", cases[9].options.begin_suppress_tokens = negative;
    cases[9].options.begin_suppress_tokens_count = 1;
    cases[10].part = "sequence_bias[0]", cases[10].options.sequence_bias = &empty;
    cases[10].options.sequence_bias_count = 1;
    cases[11].part = "sequence_bias: 32768", cases[11].options.sequence_bias = &beyond;
    cases[11].options.sequence_bias_count = 1;
    cases[12].part = "forced_eos_token_id", cases[12].options.forced_eos_token_id = 1 << 20;
    for (size_t i = 0; i < n; i++)
        refuse(session, samples, 1000, &cases[i].options, PST_ERR_ARGUMENT, cases[i].part);
    pst_session_free(session);
}

static pst_transcript *transcribe(pst_session *session, size_t count, uint32_t beams) {
    pst_transcript *transcript;
    pst_decode_options options;
    pst_model_decode_options(model, &options);
    options.num_beams = beams;
    options.max_new_tokens = 12;
    if (pst_transcribe(session, samples, count, &options, &transcript, &err))
        fail_msg("%s", err.message);
    return transcript;
}

static void assert_same(const pst_transcript *a, const pst_transcript *b) {
    assert_int_equal(a->token_count, b->token_count);
    assert_memory_equal(a->tokens, b->tokens, a->token_count * sizeof *a->tokens);
    assert_true(a->avg_logprob == b->avg_logprob); /* to the last bit */
    assert_true(a->score == b->score);
}

/* Longer clips and wider searches in between leave no trace, nor do other numbers of threads. */
static void a_session_forgets(void **state) {
    (void)state;
    static const size_t counts[] = {895, 24000, 5000, 16000, 1500};
    pst_session *used = new_session(3);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (uint32_t beams = 1; beams <= 10; beams += 3) {
            pst_session *fresh = new_session(1);
            pst_transcript *again = transcribe(used, counts[i], beams),
                           *first = transcribe(fresh, counts[i], beams);
            assert_same(first, again);
            pst_transcript_free(first);
            pst_transcript_free(again);
            pst_session_free(fresh);
        }
    }
    size_t memory = pst_session_memory(used);
    pst_transcript_free(transcribe(used, 8000, 2));
    assert_int_equal(pst_session_memory(used), memory); /* it fitted */
    pst_session_free(used);
}

static void *make_session(void *session) {
    return pst_session_new(model, NULL, session, NULL) ? session : NULL;
}

/* Opening a model packs nothing; the first session does, whichever of several threads makes it, and
 * those that follow use the same weights. */
static void the_first_session_prepares(void **state) {
    (void)state;
    enum { SESSIONS = 4 };
    pthread_t threads[SESSIONS];
    pst_session *sessions[SESSIONS];
    pst_model *shared = model;
    assert_int_equal(pst_model_open(GOLDEN "micro", NULL, &model, &err), PST_OK);
    assert_null(model->network->pack.packed);
    for (int i = 0; i < SESSIONS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_session, &sessions[i]), 0);
    for (int i = 0; i < SESSIONS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    const struct packed *packed = model->network->pack.packed;
    pst_transcript *first = transcribe(sessions[0], 5000, 1),
                   *last = transcribe(sessions[3], 5000, 1);
    assert_same(first, last);
    pst_session_free(new_session(1));
    assert_ptr_equal(model->network->pack.packed, packed);
    pst_transcript_free(first);
    pst_transcript_free(last);
    for (int i = 0; i < SESSIONS; i++) pst_session_free(sessions[i]);
    pst_model_free(model);
    model = shared;
}

/* Runs check(session) with 1, 2, 3 and 5 threads over the micro model at each precision. */
static void at_each_precision(void (*check)(pst_session *session, int threads)) {
    static const unsigned threads[] = {1, 2, 3, 5};
    pst_model *float_model = model;
    for (int precision = PST_PRECISION_F32; precision <= PST_PRECISION_INT8; precision++) {
        pst_model_options options;
        pst_model_options_init(&options);
        options.precision = (pst_precision)precision;
        assert_int_equal(pst_model_open(GOLDEN "micro", &options, &model, &err), PST_OK);
        for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
            pst_session *session = new_session(threads[i]);
            check(session, (int)threads[i]);
            pst_session_free(session);
        }
        pst_model_free(model);
    }
    model = float_model;
}

/* What one thread says, more say to the last bit: a few frames, a part of a tile, many blocks. */
static void same_as_one_thread(pst_session *session, int threads) {
    enum { CLIPS = 3, WIDTHS = 3 };
    static const size_t counts[CLIPS] = {1500, 9000, SAMPLES};
    static const uint32_t beams[WIDTHS] = {1, 5, 11};
    static pst_transcript *first[CLIPS][WIDTHS];
    for (size_t i = 0; i < CLIPS; i++)
        for (size_t j = 0; j < WIDTHS; j++) {
            pst_transcript *transcript = transcribe(session, counts[i], beams[j]);
            if (threads == 1) {
                first[i][j] = transcript;
                continue;
            }
            assert_same(first[i][j], transcript);
            pst_transcript_free(transcript);
            if (threads == 5) pst_transcript_free(first[i][j]);
        }
}

static void threads_do_not_show(void **state) {
    (void)state;
    at_each_precision(same_as_one_thread);
}

struct change {
    pst_session *session;
    uint32_t threads; /* of the session */
    long asked;
};

static int change_threads(void *user) {
    struct change *change = user;
    uint32_t used = 1 + (uint32_t)change->asked++ % change->threads;
    assert_int_equal(pst_session_use_threads(change->session, used, &err), PST_OK);
    return 0;
}

/* Another number of threads at each step. */
static void same_with_others(pst_session *session, int threads) {
    pst_decode_options options;
    struct change change = {session, (uint32_t)threads, 0};
    pst_transcript *changing, *same;
    pst_model_decode_options(model, &options);
    assert_int_equal(pst_transcribe(session, samples, SAMPLES, &options, &same, &err), PST_OK);
    options.cancelled = change_threads;
    options.cancelled_user = &change;
    assert_int_equal(pst_transcribe(session, samples, SAMPLES, &options, &changing, &err), PST_OK);
    assert_true(change.asked >= (long)same->token_count);
    assert_same(same, changing);
    pst_transcript_free(same);
    pst_transcript_free(changing);
    assert_int_equal(pst_session_threads(session), threads);
    assert_int_equal(pst_session_use_threads(session, 0, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_session_use_threads(session, (uint32_t)threads + 1, &err),
                     PST_ERR_ARGUMENT);
}

static void threads_may_change(void **state) {
    (void)state;
    at_each_precision(same_with_others);
}

/* The search for the token alone, with rules that leave it nothing to do, and
 * with one that acts. */
static void same_without_probability(pst_session *session, int threads) {
    (void)threads;
    static const float penalties[] = {1.0f, 1.7f};
    for (size_t count = 1000; count <= SAMPLES; count += 5750)
        for (size_t i = 0; i < 2; i++) {
            pst_transcript *with, *without;
            pst_decode_options options;
            pst_model_decode_options(model, &options);
            options.repetition_penalty = penalties[i];
            options.max_new_tokens = 20;
            assert_int_equal(pst_transcribe(session, samples, count, &options, &with, &err), 0);
            options.skip_logprob = 1;
            assert_int_equal(pst_transcribe(session, samples, count, &options, &without, &err), 0);
            assert_true(isnan(without->avg_logprob));
            assert_null(without->token_logprobs);
            assert_true(with->avg_logprob < 0);
            assert_true(with->margin == without->margin);
            without->avg_logprob = with->avg_logprob;
            assert_same(with, without);
            pst_transcript_free(with);
            pst_transcript_free(without);
        }
}

static void a_probability_may_be_skipped(void **state) {
    (void)state;
    at_each_precision(same_without_probability);
}

/* One for each token the model chose: their mean is avg_logprob, however it searched. */
static void each_token_has_its_probability(void **state) {
    (void)state;
    pst_session *session = new_session(2);
    for (uint32_t beams = 1; beams <= 4; beams += 3)
        for (int penalised = 0; penalised < 2; penalised++) {
            pst_decode_options options;
            pst_transcript *text;
            pst_model_decode_options(model, &options);
            options.num_beams = beams;
            options.max_new_tokens = 20;
            options.word_timestamps = penalised; /* a beam search is repeated then */
            if (penalised) options.repetition_penalty = 1.7f;
            assert_int_equal(pst_transcribe(session, samples, 9000, &options, &text, &err), 0);
            double sum = 0;
            assert_true(isnan(text->token_logprobs[0]));
            for (size_t i = 1; i < text->token_count; i++) {
                assert_true(text->token_logprobs[i] <= 0);
                sum += text->token_logprobs[i];
            }
            assert_true(fabs(sum / (double)(text->token_count - 1) - text->avg_logprob) < 1e-5);
            pst_transcript_free(text);
        }
    pst_session_free(session);
}

static void a_limit_shows(void **state) {
    (void)state;
    pst_session *session = new_session(1);
    pst_decode_options options;
    pst_model_decode_options(model, &options);
    options.max_new_tokens = 3;
    options.min_new_tokens = 3;
    pst_transcript *transcript;
    assert_int_equal(pst_transcribe(session, samples, 9000, &options, &transcript, &err), PST_OK);
    assert_true(transcript->truncated);
    assert_int_equal(transcript->token_count, 4);
    assert_true(transcript->avg_logprob < 0);
    assert_true(transcript->margin >= 0);
    pst_transcript_free(transcript);
    pst_session_free(session);
}

static void an_adapter_belongs_to_its_model(void **state) {
    (void)state;
    pst_model *other;
    pst_adapter *adapter;
    assert_int_equal(pst_model_open(GOLDEN "micro", NULL, &other, &err), PST_OK);
    assert_int_equal(pst_adapter_open(other, GOLDEN "adapter", NULL, &adapter, &err), PST_OK);
    pst_session *session = new_session(1);
    assert_int_equal(pst_session_use_adapter(session, adapter, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_session_use_adapter(NULL, adapter, &err), PST_ERR_ARGUMENT);
    pst_session_free(session);
    pst_adapter_free(adapter);
    pst_model_free(other);
}

/* On and off again: the base is untouched. */
static void an_adapter_comes_and_goes(void **state) {
    (void)state;
    pst_adapter *adapter;
    assert_int_equal(pst_adapter_open(model, GOLDEN "adapter", NULL, &adapter, &err), PST_OK);
    pst_session *session = new_session(2);
    pst_transcript *before = transcribe(session, 9000, 2);
    assert_int_equal(pst_session_use_adapter(session, adapter, &err), PST_OK);
    pst_transcript *with = transcribe(session, 9000, 2);
    assert_int_equal(pst_session_use_adapter(session, NULL, &err), PST_OK);
    pst_transcript *after = transcribe(session, 9000, 2);
    assert_same(before, after);
    assert_true(with->avg_logprob != before->avg_logprob);
    pst_transcript_free(before);
    pst_transcript_free(with);
    pst_transcript_free(after);
    pst_session_free(session);
    pst_adapter_free(adapter);
}

/* do_normalize in the processor's folder makes loudness irrelevant. */
static void a_processor_may_normalise(void **state) {
    (void)state;
    const char *folder = scratch_folder("session-processor");
    scratch_text(folder, "preprocessor_config.json", "{\"do_normalize\": true}");
    pst_model_options options;
    pst_model_options_init(&options);
    options.processor_dir = folder;
    pst_model *plain = model;
    assert_int_equal(pst_model_open(GOLDEN "micro", &options, &model, &err), PST_OK);
    pst_session *session = new_session(1);
    pst_transcript *loud = transcribe(session, 9000, 1);
    for (int i = 0; i < SAMPLES; i++) samples[i] *= 0.5f;
    pst_transcript *soft = transcribe(session, 9000, 1);
    for (int i = 0; i < SAMPLES; i++) samples[i] *= 2.0f;
    assert_int_equal(loud->token_count, soft->token_count);
    assert_memory_equal(loud->tokens, soft->tokens, loud->token_count * sizeof *loud->tokens);
    assert_string_equal(loud->text, ""); /* that folder has no tokenizer */
    char *text;
    assert_int_equal(pst_model_decode(model, loud->tokens, 1, 0, &text, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "tokenizer.json"));
    pst_transcript_free(loud);
    pst_transcript_free(soft);
    pst_session_free(session);
    pst_model_free(model);
    model = plain;
}

/* Adapters that are nothing but one effect each. */
static void adapters_that_cannot_act_together(void **state) {
    (void)state;
    static const float tensor[1];
    static const double norms[3];
    static const uint32_t low[] = {3, 9}, high[] = {4, 9}, other[] = {1, 10};
    const struct effect weight = {.weight = tensor}, bias = {.bias = tensor},
                        correction = {.rank = 2, .corrects_base = 1}, dora = {.norms = norms},
                        plain = {.rank = 1},
                        rows[] = {{.rows = tensor, .row_ids = low, .row_count = 2},
                                  {.rows = tensor, .row_ids = high, .row_count = 2},
                                  {.rows = tensor, .row_ids = other, .row_count = 2}};
    const struct {
        const struct effect *first, *second;
        const char *part; /* NULL: they can */
    } cases[] = {
        {&weight, &weight, "two of the adapters replace the weight of model.encoder.conv1"},
        {&bias, &bias, "replace the bias of"},
        {&weight, &bias, NULL},
        {&rows[0], &rows[1], "replace the embedding of a token of"},
        {&rows[0], &rows[2], NULL},
        {&rows[0], &weight, "replace the weight of"},
        {&weight, &dora, "change the base weight of"},
        {&correction, &dora, "change the base weight of"},
        {&correction, &correction, "change the base weight of"},
        {&dora, &dora, NULL},
        {&plain, &weight, NULL},
        {&plain, &correction, NULL},
    };
    pst_session *session = new_session(1);
    size_t modules = model->weights.module_count;
    struct effect *effects[2] = {calloc(modules, sizeof **effects),
                                 calloc(modules, sizeof **effects)};
    struct pst_adapter fakes[2] = {{.model = model, .effects = effects[0]},
                                   {.model = model, .effects = effects[1]}};
    const pst_adapter *both[] = {&fakes[0], &fakes[1]};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int turn = 0; turn < 2; turn++) {
            effects[turn][0] = *cases[i].first;
            effects[!turn][0] = *cases[i].second;
            pst_status status = pst_session_use_adapters(session, both, NULL, 2, &err);
            assert_int_equal(status, cases[i].part ? PST_ERR_ARGUMENT : PST_OK);
            if (cases[i].part) assert_non_null(strstr(err.message, cases[i].part));
        }
    const double not_finite[] = {1, NAN};
    assert_int_equal(pst_session_use_adapters(session, both, not_finite, 2, &err),
                     PST_ERR_ARGUMENT);
    fakes[1].model = NULL;
    assert_int_equal(pst_session_use_adapters(session, both, NULL, 2, &err), PST_ERR_ARGUMENT);
    both[1] = NULL;
    assert_int_equal(pst_session_use_adapters(session, both, NULL, 2, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_session_use_adapters(session, NULL, NULL, 0, &err), PST_OK);
    pst_session_free(session);
    free(effects[0]);
    free(effects[1]);
}

/* Halves make a whole, and the base comes back untouched. */
static void adapters_chosen_by_clip(void **state) {
    (void)state;
    pst_session *session = new_session(2);
    pst_adapter *adapter;
    assert_int_equal(pst_adapter_open(model, GOLDEN "adapter", NULL, &adapter, &err), PST_OK);
    const pst_adapter *twice[] = {adapter, adapter};
    const double halves[] = {0.5, 0.5};
    pst_transcript *base = transcribe(session, SAMPLES, 3);
    pst_session_use_adapter(session, adapter, &err);
    pst_transcript *adapted = transcribe(session, SAMPLES, 3);
    assert_true(base->avg_logprob != adapted->avg_logprob);
    assert_int_equal(pst_session_use_adapters(session, twice, halves, 2, &err), PST_OK);
    pst_transcript *halved = transcribe(session, SAMPLES, 3);
    assert_int_equal(adapted->token_count, halved->token_count);
    assert_memory_equal(adapted->tokens, halved->tokens,
                        halved->token_count * sizeof *halved->tokens);
    assert_true(fabs(adapted->avg_logprob - halved->avg_logprob) < 1e-5);
    pst_session_use_adapter(session, NULL, &err);
    pst_transcript *again = transcribe(session, SAMPLES, 3);
    assert_same(base, again);
    pst_transcript_free(base);
    pst_transcript_free(adapted);
    pst_transcript_free(halved);
    pst_transcript_free(again);
    pst_session_free(session);
    pst_adapter_free(adapter);
}

/* Stops where it is asked to, at any step, and the session goes on to be used. */
static void stopping(void **state) {
    (void)state;
    for (uint32_t beams = 1; beams <= 3; beams += 2) {
        pst_decode_options options;
        struct cancel_at at = {.limit = -1};
        pst_session *session = new_session(1);
        pst_model_decode_options(model, &options);
        options.num_beams = beams;
        options.max_new_tokens = 6;
        options.cancelled = cancel_at;
        options.cancelled_user = &at;
        pst_transcript *whole = NULL, *again = NULL;
        assert_int_equal(pst_transcribe(session, samples, SAMPLES, &options, &whole, &err), PST_OK);
        long asked = at.asked;
        assert_true(asked >= (long)whole->token_count);
        for (long limit = 0; limit < asked; limit++) {
            at = (struct cancel_at){.limit = limit};
            refuse(session, samples, SAMPLES, &options, PST_ERR_CANCELLED, "stopped");
            assert_int_equal(at.asked, limit + 1);
        }
        at = (struct cancel_at){.limit = -1};
        assert_int_equal(pst_transcribe(session, samples, SAMPLES, &options, &again, &err), PST_OK);
        assert_string_equal(again->text, whole->text);
        pst_transcript_free(whole);
        pst_transcript_free(again);
        pst_session_free(session);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopping),
        cmocka_unit_test(sounds_that_cannot_be_heard),
        cmocka_unit_test(options_out_of_range),
        cmocka_unit_test(adapters_that_cannot_act_together),
        cmocka_unit_test(adapters_chosen_by_clip),
        cmocka_unit_test(a_session_forgets),
        cmocka_unit_test(the_first_session_prepares),
        cmocka_unit_test(threads_do_not_show),
        cmocka_unit_test(threads_may_change),
        cmocka_unit_test(a_probability_may_be_skipped),
        cmocka_unit_test(each_token_has_its_probability),
        cmocka_unit_test(a_limit_shows),
        cmocka_unit_test(an_adapter_belongs_to_its_model),
        cmocka_unit_test(an_adapter_comes_and_goes),
        cmocka_unit_test(a_processor_may_normalise),
    };
    return cmocka_run_group_tests_name("session", tests, start, finish);
}
