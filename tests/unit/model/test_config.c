/* test_config.c - spellings of config.json and generation_config.json, and what is refused. */
#include "support/test.h"

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

static void refusals_name_the_key(void **state) {
    (void)state;
    refused("{}", PST_ERR_MODEL, "model_type is missing");
    refused("[]", PST_ERR_MODEL, "expected an object");
    refused("{", PST_ERR_MODEL, "line 1");
    refused("{\"model_type\": \"whisper\"}", PST_ERR_UNSUPPORTED, "\"whisper\"");
    refused("{\"model_type\": \"moonshine_streaming\"}", PST_ERR_UNSUPPORTED,
            "moonshine_streaming");
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
    refused("{\"model_type\": \"moonshine\", \"eos_token_id\": [1, 2]}", PST_ERR_UNSUPPORTED,
            "eos_token_id");
    refused("{\"model_type\": \"moonshine\", \"eos_token_id\": -3}", PST_ERR_MODEL, "eos_token_id");
    refused("{\"model_type\": \"moonshine\", \"bos_token_id\": \"<s>\"}", PST_ERR_MODEL,
            "bos_token_id");
    refused("{\"model_type\": \"moonshine\", \"partial_rotary_factor\": 2}", PST_ERR_MODEL,
            "partial_rotary_factor");
}

static pst_decode_options decode;

static pst_status read_generation(const char *json) {
    int32_t *lists;
    assert_int_equal(read_config("{\"model_type\": \"moonshine\"}"), PST_OK);
    const char *folder = scratch_folder("generation");
    scratch_text(folder, "generation_config.json", json);
    pst_status status = generation_config_read(&decode, &lists, &config, folder, &err);
    free(lists); /* lists are looked at by the golden tests; here only numbers are */
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
    assert_int_equal(decode.max_length, 194);
    assert_int_equal(decode.num_beams, 5);
    assert_int_equal(decode.early_stopping, PST_STOP_FIRST);
    assert_int_equal(decode.suppress_tokens_count, 2);
    assert_int_equal(decode.begin_suppress_tokens_count, 1);
    assert_int_equal(config.eos_token_id, 9);
    assert_int_equal(read_generation("{\"early_stopping\": \"never\"}"), PST_OK);
    assert_int_equal(decode.early_stopping, PST_STOP_NEVER);
    assert_int_equal(decode.max_length, 21); /* the library's 20 new tokens */
}

static void generation_refusals(void **state) {
    (void)state;
    static const struct {
        const char *json, *part;
    } cases[] = {
        {"{\"do_sample\": true}", "do_sample"},
        {"{\"encoder_repetition_penalty\": 1.5}", "encoder_repetition_penalty"},
        {"{\"num_beam_groups\": 2}", "num_beam_groups"},
        {"{\"bad_words_ids\": [[3]]}", "bad_words_ids"},
        {"{\"sequence_bias\": [[[3], 1.0]]}", "sequence_bias"},
        {"{\"suppress_tokens\": 3}", "suppress_tokens is an integer"},
        {"{\"suppress_tokens\": [3, -4]}", "suppress_tokens[1]"},
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
    assert_int_equal(processor_read(&processor, folder, &err), PST_OK);
    assert_false(processor.do_normalize);
    scratch_text(folder, "preprocessor_config.json",
                 "{\"do_normalize\": true, \"sampling_rate\": 16000}");
    assert_int_equal(processor_read(&processor, folder, &err), PST_OK);
    assert_true(processor.do_normalize);
    scratch_text(folder, "processor_config.json",
                 "{\"feature_extractor\": {\"do_normalize\": false}}");
    assert_int_equal(processor_read(&processor, folder, &err), PST_OK);
    assert_false(processor.do_normalize);
    scratch_text(folder, "processor_config.json",
                 "{\"feature_extractor\": {\"sampling_rate\": 8000}}");
    assert_int_equal(processor_read(&processor, folder, &err), PST_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "sampling_rate 8000"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_class_defaults),
        cmocka_unit_test(both_spellings_of_rope),
        cmocka_unit_test(names_that_cover_both_stacks),
        cmocka_unit_test(refusals_name_the_key),
        cmocka_unit_test(generation_settings),
        cmocka_unit_test(generation_refusals),
        cmocka_unit_test(processor_in_either_file),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
