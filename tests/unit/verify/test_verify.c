/* test_verify.c - each kind of damage is found, by file and by name, and all of it in one run. */
#include "support/test.h"

#include <math.h>

#include "base/buffer.h"
#include "base/file_view.h"
#include "formats/safetensors.h"
#include "potstill_tools.h"
#include "support/scratch.h"

static const char *const FILES[] = {"config.json", "generation_config.json", "model.safetensors",
                                    "preprocessor_config.json", "tokenizer.json"};
static pst_error err;
static pst_verify_summary summary;
static struct buffer findings; /* "problem FILE: MESSAGE\n" ... */
static char folder[512];

static const char *golden(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s", TEST_SOURCE_DIR, name);
    return path;
}

/* A fresh copy of the micro model. */
static void copy_micro(void) {
    snprintf(folder, sizeof folder, "%s", scratch_folder("verify"));
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        scratch_copy(golden("micro"), folder, FILES[i]);
    scratch_remove(folder, "model.safetensors.index.json");
    scratch_remove(folder, "notes.json");
}

static void note(void *user, const pst_finding *finding) {
    (void)user;
    buffer_format(&findings, "%s %s: %s\n",
                  finding->severity == PST_PROBLEM ? "problem" : "warning", finding->file,
                  finding->message);
}

/* Checks `dir`; findings and summary are filled. */
static void check(const char *dir, const pst_model *model) {
    pst_verify_options options;
    pst_verify_options_init(&options);
    options.model = model;
    options.finding = note;
    buffer_free(&findings);
    buffer_text(&findings, "");
    if (pst_verify(dir, &options, &summary, &err) != PST_OK) fail_msg("%s", err.message);
}

static void expect(const char *text) {
    if (!strstr(findings.data, text)) fail_msg("no \"%s\" among:\n%s", text, findings.data);
}

/* Replaces the first `from` in a file of the folder by `to`. */
static void edit(const char *name, const char *from, const char *to) {
    char path[600];
    struct file_view view;
    struct buffer text = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_view_open(&view, path, 1 << 20, &err), PST_OK);
    buffer_append(&text, view.data, view.size);
    file_view_close(&view);
    char *at = strstr(text.data, from);
    assert_non_null(at);
    struct buffer edited = {0};
    buffer_append(&edited, text.data, (size_t)(at - text.data));
    buffer_text(&edited, to);
    buffer_append(&edited, at + strlen(from),
                  text.length - (size_t)(at - text.data) - strlen(from));
    scratch_write(folder, name, edited.data, edited.length);
    buffer_free(&text);
    buffer_free(&edited);
}

/* Writes the micro model's tensors again, after `change` has had them. */
static void rewrite(void (*change)(struct tensor_source *sources, size_t *count)) {
    char path[600];
    struct safetensors file;
    snprintf(path, sizeof path, "%s/model.safetensors", golden("micro"));
    assert_int_equal(safetensors_open(&file, path, &err), PST_OK);
    struct tensor_source *sources = calloc(file.count + 2, sizeof *sources);
    size_t count = file.count;
    for (size_t i = 0; i < count; i++) {
        const struct tensor *tensor = &file.tensors[i];
        sources[i] = (struct tensor_source){.name = tensor->name,
                                            .dtype = tensor->dtype,
                                            .dims = tensor->dims,
                                            .data = tensor->data};
        memcpy(sources[i].shape, tensor->shape, sizeof tensor->shape);
    }
    change(sources, &count);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_int_equal(safetensors_write(path, sources, count, &err), PST_OK);
    free(sources);
    safetensors_close(&file);
}

static void good_folders_are_clean(void **state) {
    (void)state;
    static const char *const names[] = {"micro",      "micro_v4",      "micro_v5",     "micro_f16",
                                        "micro_bf16", "micro_sharded", "micro_untied", "adapter"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check(golden(names[i]), NULL);
        assert_string_equal(findings.data, "");
        assert_int_equal(summary.problems + summary.warnings, 0);
        assert_true(summary.files >= 2 && summary.tensors >= 60);
    }
    assert_string_equal(summary.kind, "adapter");
}

static const float broken[4] = {1, 2, 3, 0};
static float not_finite[32];

static void damage(struct tensor_source *sources, size_t *count) {
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct tensor_source source = sources[i];
        if (strcmp(source.name, "model.decoder.norm.weight") == 0) {
            memset(not_finite, 0, sizeof not_finite);
            not_finite[5] = (float)INFINITY;
            assert_true(source.shape[0] == 32);
            source.data = not_finite;
        }
        if (strcmp(source.name, "model.encoder.layers.0.mlp.fc1.bias") == 0) {
            source.shape[0] = 4;
            source.data = broken;
        }
        if (strcmp(source.name, "model.encoder.layers.1.input_layernorm.weight") != 0)
            sources[kept++] = source;
    }
    sources[kept] = (struct tensor_source){
        .name = "model.encoder.extra.weight", .dtype = DTYPE_F32, .dims = 1, .shape = {4}};
    sources[kept++].data = broken;
    *count = kept;
}

static void every_tensor_is_judged(void **state) {
    (void)state;
    copy_micro();
    rewrite(damage);
    check(folder, NULL);
    expect("problem model.safetensors: tensor model.encoder.layers.1.input_layernorm.weight is "
           "missing\n");
    expect("problem model.safetensors: model.encoder.layers.0.mlp.fc1.bias is [4], its config.json "
           "needs [");
    expect("problem model.safetensors: model.decoder.norm.weight has infinity at [5], expected "
           "finite values\n");
    expect("problem model.safetensors: tensor model.encoder.extra.weight is not of this model\n");
    assert_int_equal(summary.problems, 4);
    assert_int_equal(summary.warnings, 0);
}

static void every_file_is_judged(void **state) {
    (void)state;
    copy_micro();
    edit("config.json", "\"use_cache\"", "\"use_chache\"");
    edit("generation_config.json", "\"eos_token_id\": 2", "\"eos_token_id\": 5");
    edit("preprocessor_config.json", "16000", "8000");
    scratch_text(folder, "notes.json", "{\"a\": 1, \"a\": 2}");
    scratch_text(folder, "model.safetensors.index.json", "{");
    check(folder, NULL);
    expect("warning config.json: use_chache is not a setting of Moonshine\n");
    expect(
        "problem tokenizer.json: token 5, the eos_token_id of the model, is not marked special\n");
    expect("problem preprocessor_config.json: sampling_rate 8000 and feature_size 1; ");
    expect("problem notes.json: line 1 column ");
    expect("problem model.safetensors.index.json: line 1 column ");
    expect("warning model.safetensors.index.json: is not used: there is model.safetensors too\n");
    assert_int_equal(summary.problems, 4);
}

static void what_stops_one_check_stops_no_other(void **state) {
    (void)state;
    copy_micro();
    scratch_text(folder, "config.json", "{\"model_type\": ");
    scratch_text(folder, "tokenizer.json", "[]");
    scratch_text(folder, "generation_config.json", "[]");
    check(folder, NULL);
    expect("problem config.json: line 1 column ");
    expect("problem tokenizer.json: ");
    assert_int_equal(summary.problems, 2);
    copy_micro();
    edit("config.json", "\"vocab_size\": 328", "\"vocab_size\": 330");
    edit("config.json", "\"dtype\": \"float32\"", "\"dtype\": \"float16\"");
    scratch_remove(folder, "generation_config.json");
    scratch_text(folder, "model.safetensors", "short");
    check(folder, NULL);
    expect("problem tokenizer.json: has no text for 2 of the 330 ids that the model can give\n");
    expect("warning generation_config.json: is missing");
    expect("problem model.safetensors: is 5 bytes, too short for a safetensors header\n");
    assert_int_equal(summary.problems, 2);
}

static void shards_belong_together(void **state) {
    (void)state;
    char name[64];
    snprintf(folder, sizeof folder, "%s", scratch_folder("verify-shards"));
    scratch_copy(golden("micro_sharded"), folder, "config.json");
    scratch_copy(golden("micro_sharded"), folder, "generation_config.json");
    scratch_copy(golden("micro_sharded"), folder, "tokenizer.json");
    scratch_copy(golden("micro_sharded"), folder, "model.safetensors.index.json");
    for (int i = 1; i <= 3; i++) {
        snprintf(name, sizeof name, "model-0000%d-of-00003.safetensors", i);
        scratch_copy(golden("micro_sharded"), folder, name);
    }
    check(folder, NULL);
    assert_string_equal(findings.data, "");
    scratch_remove(folder, "model-00003-of-00003.safetensors");
    check(folder, NULL);
    expect("problem model-00003-of-00003.safetensors: no such file\n");
    scratch_text(folder, "model-00003-of-00003.safetensors", "");
    check(folder, NULL);
    expect("problem model-00003-of-00003.safetensors: is 0 bytes");
}

static void adapters(void **state) {
    (void)state;
    pst_model *model;
    assert_int_equal(pst_model_open(golden("micro"), NULL, &model, &err), PST_OK);
    check(golden("adapter"), model);
    assert_string_equal(findings.data, "");
    pst_model_free(model);
    assert_int_equal(pst_model_open(golden("micro_v5"), NULL, &model, &err), PST_OK);
    check(golden("adapter"), model);
    expect("the base model needs");
    assert_int_equal(summary.problems, 1);
    pst_model_free(model);

    static const struct {
        const char *name, *finding;
    } bad[] = {
        {"only_b", "lora_B.weight has no lora_A beside it\n"},
        {"nan", " has NaN at ["},
        {"integers", ", expected F32, F16, BF16 or F64\n"},
        {"config_cut", "problem adapter_config.json: line "},
        {"no_tensors", "problem adapter_model.safetensors: no such file\n"},
        {"no_prefix", " tensors have names that PEFT does not look for, such as "},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/tests/bad/adapter/%s", TEST_SOURCE_DIR, bad[i].name);
        check(path, NULL);
        expect(bad[i].finding);
    }
}

static void refusals(void **state) {
    (void)state;
    pst_verify_options options = {0};
    const pst_verify_summary before = summary;
    assert_int_equal(pst_verify(NULL, NULL, &summary, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_verify(".", NULL, NULL, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_verify(".", &options, &summary, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_verify("no such folder", NULL, &summary, &err), PST_ERR_MODEL);
    assert_int_equal(pst_verify(scratch_folder("empty"), NULL, &summary, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "is neither a model (config.json) nor an adapter"));
    assert_memory_equal(&before, &summary, sizeof before);
    assert_int_equal(pst_verify(golden("micro"), NULL, &summary, NULL), PST_OK);
}

static int end(void **state) {
    (void)state;
    buffer_free(&findings);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_folders_are_clean),
        cmocka_unit_test(every_tensor_is_judged),
        cmocka_unit_test(every_file_is_judged),
        cmocka_unit_test(what_stops_one_check_stops_no_other),
        cmocka_unit_test(shards_belong_together),
        cmocka_unit_test(adapters),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
