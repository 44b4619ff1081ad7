/* test_config.c - spellings of config.json and generation_config.json, and what is refused. */
#include "support/test.h"

#include "model/config_file.h"
#include "model/model.h"
#include "support/scratch.h"

static pst_error err;
static struct config config;

static pst_status read_config(const char *json) {
    const char *folder = scratch_folder("config");
    scratch_text(folder, "config.json", json);
    return config_read(&config, folder, &err);
}

static void refused(const char *json, pst_status status, const char *part) {
    assert_int_equal(read_config(json), status);
    if (!strstr(err.message, part)) fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    assert_non_null(strstr(err.message, "config.json: "));
}

static void defaults_are_the_class_defaults(void **state) {
    (void)state;
    assert_int_equal(read_config("{\"model_type\": \"moonshine\"}"), PST_OK);
    assert_int_equal(config.dim, 288);
    assert_int_equal(config.encoder_ffn, 1152);
    assert_int_equal(config.heads, 8);
    assert_int_equal(config.head_dim, 36);
    assert_int_equal(config.rotary_dim, 32); /* int(36 * 0.9) */
    assert_int_equal(config.vocab, 32768);
    assert_int_equal(config.max_position_embeddings, 512);
    assert_true(config.tie_word_embeddings);
    assert_int_equal(config.pad_token_id, -1);
}

static void both_spellings_of_rope(void **state) {
    (void)state;
    assert_int_equal(read_config("{\"model_type\": \"moonshine\", \"hidden_size\": 416, "
                                 "\"rope_theta\": 5000.0, \"partial_rotary_factor\": 0.62, "
                                 "\"rope_scaling\": null, \"torch_dtype\": \"float32\"}"),
                     PST_OK);
    assert_int_equal(config.head_dim, 52);
    assert_int_equal(config.rotary_dim, 32);
    assert_true(config.rope_theta == 5000.0);
    /* transformers 5: the object wins over the top level. */
    assert_int_equal(
        read_config("{\"model_type\": \"moonshine\", \"partial_rotary_factor\": 0.5, "
                    "\"rope_theta\": 1.0, \"rope_parameters\": {\"rope_type\": \"default\", "
                    "\"rope_theta\": 20000.0, \"partial_rotary_factor\": 0.9}}"),
        PST_OK);
    assert_int_equal(config.rotary_dim, 32);
    assert_true(config.rope_theta == 20000.0);
}

static void names_that_cover_both_stacks(void **state) {
    (void)state;
    assert_int_equal(read_config("{\"model_type\": \"moonshine\", \"num_hidden_layers\": 3, "
                                 "\"decoder_num_hidden_layers\": 4, \"head_dim\": 16, "
                                 "\"eos_token_id\": [7]}"),
                     PST_OK);
    assert_int_equal(config.encoder_layers, 3);
    assert_int_equal(config.decoder_layers, 4);
    assert_int_equal(config.head_dim, 16);
    assert_int_equal(config.eos_token_id, 7);
}

static void streaming_defaults_and_windows(void **state) {
    (void)state;
    assert_int_equal(read_config("{\"model_type\": \"moonshine_streaming\"}"), PST_OK);
    assert_int_equal(config.family, FAMILY_STREAMING);
    assert_int_equal(config.encoder_dim, 320);
    assert_int_equal(config.dim, 320);
    assert_int_equal(config.rotary_dim, 32);
    assert_int_equal(config.pad_token_id, 0);
    assert_int_equal(config.windows[1].ahead, 4);
    assert_int_equal(config.windows[2].ahead, 0);
    assert_int_equal(
        read_config("{\"model_type\": \"moonshine_streaming\", \"hidden_size\": 512, "
                    "\"rope_parameters\": {\"rope_type\": \"default\"}, \"encoder_config\": "
                    "{\"hidden_size\": 620, \"head_dim\": 64, \"num_key_value_heads\": 2, "
                    "\"num_hidden_layers\": 2, \"sliding_windows\": [[16, 4], [3, 1], [9, 9]]}}"),
        PST_OK);
    assert_int_equal(config.encoder_width, 512);
    assert_int_equal(config_encoder_kv_width(&config), 128);
    assert_int_equal(config.windows[1].back, 3);
    assert_int_equal(config.rotary_dim, 64); /* rope_parameters without a factor: all channels */
}

#define STREAMING(rest) "{\"model_type\": \"moonshine_streaming\", " rest "}"
#define ENCODER(rest) STREAMING("\"encoder_config\": {" rest "}")

static void streaming_refusals(void **state) {
    (void)state;
    refused(STREAMING("\"encoder_config\": 3"), PST_ERR_MODEL, "encoder_config is an integer");
    refused(STREAMING("\"num_key_value_heads\": 2"), PST_ERR_UNSUPPORTED, "of the decoder");
    refused(STREAMING("\"hidden_act\": \"gelu\""), PST_ERR_UNSUPPORTED, "hidden_act");
    refused(STREAMING("\"hidden_size\": 4"), PST_ERR_MODEL, "less than its 8 heads");
    refused(ENCODER("\"hidden_act\": \"silu\""), PST_ERR_UNSUPPORTED, "hidden_act");
    refused(ENCODER("\"num_hidden_layers\": 7"), PST_ERR_MODEL, "sliding_windows has 6");
    refused(ENCODER("\"sliding_windows\": 4"), PST_ERR_MODEL, "sliding_windows is an integer");
    refused(ENCODER("\"num_hidden_layers\": 1, \"sliding_windows\": [[16]]"), PST_ERR_MODEL,
            "sliding_windows[0]");
    refused(ENCODER("\"num_hidden_layers\": 1, \"sliding_windows\": [[0, 4]]"), PST_ERR_MODEL,
            "sliding_windows[0]");
    static const char *const PAIRS[] = {"[16, -1]", "[16.5, 4]",       "[16, 4, 1]", "[\"16\", 4]",
                                        "16",       "[16, 999999999]", "[null, 4]",  "{}"};
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 ENCODER("\"num_hidden_layers\": 2, \"sliding_windows\": [[16, 4], %s]"), PAIRS[i]);
        refused(text, PST_ERR_MODEL, "sliding_windows[1] is not two numbers");
    }
    refused(ENCODER("\"sliding_windows\": null"), PST_ERR_MODEL, "sliding_windows is null");
    refused(ENCODER("\"hidden_size\": 4"), PST_ERR_MODEL, "do not fit its hidden_size 4");
    refused(ENCODER("\"head_dim\": 0"), PST_ERR_MODEL, "head_dim is 0");
    refused(ENCODER("\"num_hidden_layers\": 1000"), PST_ERR_MODEL, "num_hidden_layers is 1000");
    refused(ENCODER("\"attention_bias\": 1"), PST_ERR_MODEL, "attention_bias is an integer");
    refused(ENCODER("\"frame_ms\": \"5\""), PST_ERR_MODEL, "frame_ms is a string");
    refused(ENCODER("\"sample_rate\": 0"), PST_ERR_MODEL, "sample_rate is 0");
    refused(STREAMING("\"rope_parameters\": {\"rope_type\": \"linear\"}"), PST_ERR_UNSUPPORTED,
            "rope_type");
    refused(STREAMING("\"head_dim\": 3, \"rope_parameters\": {\"rope_type\": \"default\"}"),
            PST_ERR_UNSUPPORTED, "does not pair up");
    refused(ENCODER("\"num_key_value_heads\": 3"), PST_ERR_MODEL, "3 key-value heads");
    refused(ENCODER("\"frame_ms\": 10.0"), PST_ERR_UNSUPPORTED, "frames of 10 ms");
    refused(ENCODER("\"sample_rate\": 8000"), PST_ERR_UNSUPPORTED, "8000 Hz");
}

static void refusals_name_the_key(void **state) {
    (void)state;
    refused("{}", PST_ERR_MODEL, "model_type is missing");
    refused("[]", PST_ERR_MODEL, "expected an object");
    refused("{", PST_ERR_MODEL, "line 1");
    refused("{\"model_type\": \"whisper\"}", PST_ERR_UNSUPPORTED, "\"whisper\"");
    refused("{\"dim\": 288, \"enc_depth\": 6}", PST_ERR_UNSUPPORTED, "custom-code layout");
    refused("{\"model_type\": \"moonshine\", \"hidden_size\": \"288\"}", PST_ERR_MODEL,
            "hidden_size is a string");
    refused("{\"model_type\": \"moonshine\", \"hidden_size\": 0}", PST_ERR_MODEL,
            "hidden_size is 0");
    refused("{\"model_type\": \"moonshine\", \"vocab_size\": 99999999999}", PST_ERR_MODEL,
            "vocab_size");
    refused("{\"model_type\": \"moonshine\", \"hidden_size\": 4}", PST_ERR_MODEL,
            "less than its 8 heads");
    refused("{\"model_type\": \"moonshine\", \"encoder_hidden_act\": \"relu\"}",
            PST_ERR_UNSUPPORTED, "encoder_hidden_act");
    refused("{\"model_type\": \"moonshine\", \"decoder_num_attention_heads\": 4}",
            PST_ERR_UNSUPPORTED, "decoder 4");
    refused("{\"model_type\": \"moonshine\", \"encoder_num_key_value_heads\": 2}",
            PST_ERR_UNSUPPORTED, "key-value heads");
    refused("{\"model_type\": \"moonshine\", \"rope_scaling\": {\"rope_type\": \"linear\"}}",
            PST_ERR_UNSUPPORTED, "rope_type");
    refused("{\"model_type\": \"moonshine\", \"head_dim\": 3, \"partial_rotary_factor\": 1.0}",
            PST_ERR_UNSUPPORTED, "does not pair up");
    refused("{\"model_type\": \"moonshine\", \"decoder_start_token_id\": [1, 2]}",
            PST_ERR_UNSUPPORTED, "decoder_start_token_id");
    refused("{\"model_type\": \"moonshine\", \"eos_token_id\": 9999999}", PST_ERR_MODEL,
            "eos_token_id");
    refused("{\"model_type\": \"moonshine\", \"bos_token_id\": \"<s>\"}", PST_ERR_MODEL,
            "bos_token_id");
    refused("{\"model_type\": \"moonshine\", \"partial_rotary_factor\": 2}", PST_ERR_MODEL,
            "partial_rotary_factor");
}

static void ids_and_ties_as_people_write_them(void **state) {
    (void)state;
    /* "None" is written as -1 too, and Python asks whether a value is true. */
    assert_int_equal(read_config("{\"model_type\": \"moonshine\", \"pad_token_id\": -1, "
                                 "\"eos_token_id\": [2, 5], \"tie_word_embeddings\": null, "
                                 "\"initializer_range\": 1000000000000000019884624838656}"),
                     PST_OK);
    assert_int_equal(config.pad_token_id, -1);
    assert_int_equal(config.eos_count, 2);
    assert_int_equal(config.eos_token_ids[1], 5);
    assert_false(config.tie_word_embeddings);
    assert_int_equal(read_config("{\"model_type\": \"moonshine\", \"tie_word_embeddings\": 1}"),
                     PST_OK);
    assert_true(config.tie_word_embeddings);
    assert_int_equal(read_config("{\"model_type\": \"moonshine\"}"), PST_OK);
    assert_int_equal(config.eos_count, 1);
}

/* An integer that no double holds either, beside texts that only look like one. */
static void integers_without_end(void **state) {
    (void)state;
    char json[800] = "{\"model_type\": \"moonshine\", \"note\": \"\\\"-12345678901234567890123\", "
                     "\"small\": -12345678901234567890123, \"large\": ";
    size_t length = strlen(json);
    memset(json + length, '7', 400);
    strcpy(json + length + 400, ", \"hidden_size\": 416}");
    assert_int_equal(read_config(json), PST_OK);
    assert_int_equal(config.dim, 416);
    strcpy(json + length + 400, ", \"hidden_size\": 18446744073709551617}");
    assert_int_equal(read_config(json), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "hidden_size is a number"));
}

static struct generation generation;
static pst_decode_options decode;

/* The lists of `decode` are gone when the next one is read. */
static pst_status read_generation(const char *json) {
    generation_close(&generation);
    assert_int_equal(read_config("{\"model_type\": \"moonshine\"}"), PST_OK);
    const char *folder = scratch_folder("generation");
    scratch_text(folder, "config.json",
                 "{\"num_beams\": 2, \"max_length\": 40, \"eos_token_id\": 7}");
    if (json)
        scratch_text(folder, "generation_config.json", json);
    else
        scratch_remove(folder, "generation_config.json");
    pst_status status = generation_config_read(&generation, &config, folder, &err);
    decode = generation.decode;
    return status;
}

static void generation_settings(void **state) {
    (void)state;
    assert_int_equal(
        read_generation("{\"max_length\": 194, \"num_beams\": 5, \"early_stopping\": true, "
                        "\"repetition_penalty\": 1.3, \"no_repeat_ngram_size\": 2, "
                        "\"suppress_tokens\": [3, 4], \"begin_suppress_tokens\": [5], "
                        "\"eos_token_id\": 9, \"do_sample\": false, \"temperature\": 0.7}"),
        PST_OK);
    assert_int_equal(decode.max_length, 195); /* the limit of a file is without the start token */
    assert_int_equal(decode.num_beams, 5);
    assert_int_equal(decode.early_stopping, PST_STOP_FIRST);
    assert_int_equal(decode.suppress_tokens_count, 2);
    assert_int_equal(decode.begin_suppress_tokens_count, 1);
    assert_int_equal(config.eos_token_id, 9);
    assert_int_equal(read_generation("{\"early_stopping\": \"never\"}"), PST_OK);
    assert_int_equal(decode.early_stopping, PST_STOP_NEVER);
    assert_int_equal(decode.max_length, 21); /* the library's 20 new tokens */
    assert_int_equal(config.eos_count, 0);   /* config.json's does not count then */
    assert_int_equal(config.decoder_start_token_id, -1);
    generation_close(&generation);
}

static void lengths_as_generate_takes_them(void **state) {
    (void)state;
    static const struct {
        const char *json;
        uint32_t max_length, max_new_tokens, min_length;
    } cases[] = {
        {"{\"max_length\": 60}", 61, 0, 0},
        {"{\"max_length\": 60.0}", 61, 0, 0},
        {"{\"max_length\": 600}", 512, 0, 0},
        {"{\"max_length\": 1000000000000000019884624838656}", 512, 0, 0},
        {"{\"max_length\": null}", 21, 0, 0},
        {"{\"max_length\": 60, \"max_new_tokens\": 700}", 61, 700, 0},
        {"{\"min_length\": 9}", 21, 0, 9},
        {"{\"min_length\": 9, \"min_new_tokens\": 0}", 21, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (read_generation(cases[i].json)) fail_msg("%s: %s", cases[i].json, err.message);
        assert_int_equal(decode.max_length, cases[i].max_length);
        assert_int_equal(decode.max_new_tokens, cases[i].max_new_tokens);
        assert_int_equal(decode.min_length, cases[i].min_length);
    }
    assert_int_equal(read_generation(NULL), PST_OK); /* then config.json speaks */
    assert_int_equal(decode.max_length, 41);
    assert_int_equal(decode.num_beams, 2);
    assert_int_equal(config.eos_token_id, 7);
    generation_close(&generation);
}

static void lists_of_tokens(void **state) {
    (void)state;
    assert_int_equal(
        read_generation("{\"suppress_tokens\": [-1, 7, 99999], \"eos_token_id\": [2, 9], "
                        "\"bad_words_ids\": [[5], [9], [3, 4]], \"forced_bos_token_id\": [8, 6], "
                        "\"sequence_bias\": [[[3, 1], 1.5]], \"bos_token_id\": 4, "
                        "\"exponential_decay_length_penalty\": [3, 1.5]}"),
        PST_OK);
    assert_int_equal(decode.suppress_tokens_count, 1); /* the others are not in the vocabulary */
    assert_int_equal(decode.suppress_tokens[0], 7);
    assert_int_equal(decode.bad_words_ids_count, 2); /* an end token is none */
    assert_int_equal(decode.bad_words_ids[0].tokens[0], 5);
    assert_int_equal(decode.bad_words_ids[1].count, 2);
    assert_int_equal(decode.sequence_bias_count, 1);
    assert_true(decode.sequence_bias[0].bias == 1.5f);
    assert_int_equal(decode.sequence_bias[0].tokens[1], 1);
    assert_int_equal(decode.forced_bos_token_id, 6);
    assert_int_equal(decode.exponential_decay_start, 3);
    assert_int_equal(config.eos_count, 2);
    assert_int_equal(config.decoder_start_token_id, 4); /* the bos token when there is no other */
    generation_close(&generation);
}

/* What only one of the searches minds stops that one. */
static void refusals_of_one_search(void **state) {
    (void)state;
    static const struct {
        const char *json, *part;
        uint32_t beams;
    } cases[] = {
        {"{\"penalty_alpha\": 0.6}", "penalty_alpha", 1},
        {"{\"dola_layers\": \"low\"}", "dola_layers", 1},
        {"{\"num_beam_groups\": 2}", "num_beam_groups", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t beams = cases[i].beams;
        assert_int_equal(read_generation(cases[i].json), PST_OK);
        assert_int_equal(generation_check(&generation, beams, &err), PST_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.message, cases[i].part));
        assert_int_equal(generation_check(&generation, beams > 1 ? 1 : 4, &err), PST_OK);
    }
    assert_int_equal(read_generation("{\"do_sample\": true, \"forced_decoder_ids\": [[1, 3]], "
                                     "\"prompt_lookup_num_tokens\": null, \"num_beams\": 400}"),
                     PST_OK);
    assert_true(generation.samples);
    assert_int_equal(generation_check(&generation, 1, &err), PST_OK);
    assert_int_equal(generation_check(&generation, 5, &err), PST_OK);
    generation_close(&generation);
}

static void generation_refusals(void **state) {
    (void)state;
    static const struct {
        const char *json, *part;
    } cases[] = {
        {"{\"encoder_repetition_penalty\": 1.5}", "encoder_repetition_penalty"},
        {"{\"num_return_sequences\": 2}", "num_return_sequences"},
        {"{\"max_new_tokens\": 0}", "max_new_tokens"},
        {"{\"max_length\": 60.5}", "max_length"},
        {"{\"bad_words_ids\": [[3], []]}", "bad_words_ids"},
        {"{\"bad_words_ids\": [[99999]]}", "bad_words_ids"},
        {"{\"sequence_bias\": [[[3]]]}", "sequence_bias"},
        {"{\"exponential_decay_length_penalty\": [3]}", "exponential_decay"},
        {"{\"stop_strings\": [\"a\"]}", "stop_strings"},
        {"{\"suppress_tokens\": 3}", "suppress_tokens is an integer"},
        {"{\"suppress_tokens\": [3, \"a\"]}", "suppress_tokens[1]"},
        {"{\"early_stopping\": \"maybe\"}", "early_stopping"},
        {"{\"max_length\": \"long\"}", "max_length"},
        {"{\"repetition_penalty\": []}", "repetition_penalty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_not_equal(read_generation(cases[i].json), PST_OK);
        if (!strstr(err.message, cases[i].part))
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].part);
    }
}

static void processor_in_either_file(void **state) {
    (void)state;
    struct processor processor;
    const char *folder = scratch_folder("processor");
    scratch_remove(folder, "processor_config.json");
    scratch_remove(folder, "preprocessor_config.json");
    assert_int_equal(processor_read(&processor, folder, NULL, &err), PST_OK);
    assert_false(processor.do_normalize);
    scratch_text(folder, "preprocessor_config.json",
                 "{\"do_normalize\": true, \"sampling_rate\": 16000}");
    assert_int_equal(processor_read(&processor, folder, NULL, &err), PST_OK);
    assert_true(processor.do_normalize);
    scratch_text(folder, "processor_config.json",
                 "{\"feature_extractor\": {\"do_normalize\": false}}");
    assert_int_equal(processor_read(&processor, folder, NULL, &err), PST_OK);
    assert_false(processor.do_normalize);
    scratch_text(folder, "processor_config.json",
                 "{\"feature_extractor\": {\"sampling_rate\": 8000}}");
    assert_int_equal(processor_read(&processor, folder, NULL, &err), PST_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "sampling_rate 8000"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_class_defaults),
        cmocka_unit_test(both_spellings_of_rope),
        cmocka_unit_test(names_that_cover_both_stacks),
        cmocka_unit_test(streaming_defaults_and_windows),
        cmocka_unit_test(streaming_refusals),
        cmocka_unit_test(refusals_name_the_key),
        cmocka_unit_test(ids_and_ties_as_people_write_them),
        cmocka_unit_test(integers_without_end),
        cmocka_unit_test(generation_settings),
        cmocka_unit_test(lengths_as_generate_takes_them),
        cmocka_unit_test(lists_of_tokens),
        cmocka_unit_test(refusals_of_one_search),
        cmocka_unit_test(generation_refusals),
        cmocka_unit_test(processor_in_either_file),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
