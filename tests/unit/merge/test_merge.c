/* test_merge.c - merging: the numbers against W + sum of w s B A, the folder,
 * and what is refused. */
#include "support/test.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file_view.h"
#include "base/temporary.h"
#include "formats/safetensors.h"
#include "merge/config_writer.h"
#include "model/model.h"
#include "potstill_tools.h"
#include "support/cancel_at.h"
#include "support/scratch.h"

static pst_error err;
static char root[512], target[600];

static const char *golden(const char *name) {
    static char paths[32][512]; /* as many as one test asks for */
    static int next;
    char *path = paths[next++ % 32];
    snprintf(path, sizeof paths[0], "%s/tests/golden/%s", TEST_SOURCE_DIR, name);
    return path;
}

static int start(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("merge"));
    snprintf(target, sizeof target, "%s/merged", root);
    return 0;
}

/* Merges the golden adapter with `weights` [count] into the micro model. */
static pst_status merge(const double *weights, size_t count, const pst_merge_options *options) {
    pst_merge_adapter adapters[4];
    for (size_t i = 0; i < count; i++)
        adapters[i] = (pst_merge_adapter){golden("adapter"), weights[i]};
    pst_merge_options forced;
    pst_merge_options_init(&forced);
    forced.force = 1;
    return pst_merge(golden("micro"), adapters, count, target, options ? options : &forced, &err);
}

static void must(pst_status status) {
    if (status) fail_msg("%s", err.message);
}

static pst_model *open_model(const char *dir) {
    pst_model *model;
    must(pst_model_open(dir, NULL, &model, &err));
    return model;
}

static size_t values_of(const struct module *module) {
    return (size_t)module->out * (module->kind == MODULE_NORM ? 1 : module->in) *
           (module->kind == MODULE_CONV1D ? module->kernel : 1);
}

/* ------------------------------------------------------------------------------------- numbers */

/* lora_A or lora_B of a module in the golden adapter's own file. */
static const float *matrix(const struct safetensors *file, const char *module, const char *part) {
    char name[256];
    snprintf(name, sizeof name, "base_model.model.%s.%s.weight", module, part);
    const struct tensor *tensor = safetensors_find(file, name);
    assert_non_null(tensor);
    const float *values = tensor_floats_in_place(tensor);
    assert_non_null(values);
    return values;
}

/* Checks every value of one adapted module: the exact sum, rounded once. */
static void check_module(const struct safetensors *file, const pst_adapter_module *adapted,
                         const struct module *base, const float *merged, double factor) {
    const float *a = matrix(file, adapted->name, "lora_A");
    const float *b = matrix(file, adapted->name, "lora_B");
    for (uint32_t o = 0; o < base->out; o++)
        for (uint32_t i = 0; i < base->in; i++) {
            double sum = 0;
            for (uint32_t r = 0; r < adapted->rank; r++)
                sum += (double)b[o * adapted->rank + r] * (double)a[r * base->in + i];
            float expected =
                (float)((double)base->weight[o * base->in + i] + factor * adapted->scale * sum);
            float got = merged[o * base->in + i];
            if (got != expected && nextafterf(got, expected) != expected)
                fail_msg("%s [%u, %u]: %.9g, expected %.9g", adapted->name, o, i, (double)got,
                         (double)expected);
        }
}

static void weights_are_the_exact_sum(void **state) {
    (void)state;
    char path[600];
    struct safetensors file;
    pst_adapter *adapter;
    pst_adapter_info info;
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", golden("adapter"));
    must(safetensors_open(&file, path, &err));
    pst_model *base = open_model(golden("micro"));
    must(pst_adapter_open(base, golden("adapter"), NULL, &adapter, &err));
    pst_adapter_describe(adapter, &info);
    must(merge((double[]){1.5, -0.25}, 2, NULL));
    pst_model *merged = open_model(target);
    uint32_t changed = 0;
    for (uint32_t i = 0; i < base->weights.module_count; i++) {
        const struct module *before = &base->weights.modules[i], *after;
        after = &merged->weights.modules[i];
        assert_string_equal(before->name, after->name);
        int same = memcmp(before->weight, after->weight, values_of(before) * sizeof(float)) == 0;
        if (before->bias)
            assert_memory_equal(before->bias, after->bias, before->out * sizeof(float));
        changed += !same;
    }
    assert_int_equal(changed, info.modules);
    for (uint32_t i = 0; i < info.modules; i++) {
        pst_adapter_module module;
        must(pst_adapter_module_at(adapter, i, &module, &err));
        check_module(&file, &module, weights_find_module(&base->weights, module.name),
                     weights_find_module(&merged->weights, module.name)->weight, 1.25);
    }
    pst_adapter_free(adapter);
    pst_model_free(base);
    pst_model_free(merged);
    safetensors_close(&file);
}

static void opposite_weights_give_the_base(void **state) {
    (void)state;
    char path[600], merged_path[620];
    struct file_view base, merged;
    must(merge((double[]){1, -1}, 2, NULL));
    snprintf(path, sizeof path, "%s/model.safetensors", golden("micro"));
    snprintf(merged_path, sizeof merged_path, "%s/model.safetensors", target);
    must(file_view_open(&base, path, 1 << 30, &err));
    must(file_view_open(&merged, merged_path, 1 << 30, &err));
    assert_int_equal(base.size, merged.size);
    assert_memory_equal(base.data, merged.data, base.size); /* the reference writer's file */
    file_view_close(&base);
    file_view_close(&merged);
}

/* The text of a second of two tones, which the micro model makes many tokens of. */
static pst_transcript *transcribe(pst_model *model, const pst_adapter *adapter) {
    static float samples[16000];
    pst_session *session;
    pst_transcript *transcript;
    for (int i = 0; i < 16000; i++)
        samples[i] = 0.2f * sinf(0.19f * (float)i) + 0.1f * sinf(0.031f * (float)i);
    must(pst_session_new(model, NULL, &session, &err));
    must(pst_session_use_adapter(session, adapter, &err));
    must(pst_transcribe(session, samples, 16000, NULL, &transcript, &err));
    pst_session_free(session);
    return transcript;
}

static void merged_and_unmerged_say_the_same(void **state) {
    (void)state;
    pst_adapter *adapter;
    pst_model *base = open_model(golden("micro"));
    must(pst_adapter_open(base, golden("adapter"), NULL, &adapter, &err));
    must(merge((double[]){1}, 1, NULL));
    pst_model *merged = open_model(target);
    pst_transcript *unmerged_transcript = transcribe(base, adapter),
                   *merged_transcript = transcribe(merged, NULL);
    pst_transcript *base_transcript = transcribe(base, NULL);
    assert_int_equal(unmerged_transcript->token_count, merged_transcript->token_count);
    assert_memory_equal(unmerged_transcript->tokens, merged_transcript->tokens,
                        merged_transcript->token_count * sizeof(int32_t));
    assert_true(base_transcript->token_count != merged_transcript->token_count ||
                memcmp(base_transcript->tokens, merged_transcript->tokens,
                       base_transcript->token_count * sizeof(int32_t)) != 0);
    pst_transcript_free(unmerged_transcript);
    pst_transcript_free(merged_transcript);
    pst_transcript_free(base_transcript);
    pst_adapter_free(adapter);
    pst_model_free(base);
    pst_model_free(merged);
}

/* -------------------------------------------------------------------------------------- folder */

static void the_folder_is_clean_in_every_type(void **state) {
    (void)state;
    static const char *const types[] = {"float32", "float16", "bfloat16"};
    for (int i = 0; i < 3; i++) {
        pst_merge_options options;
        pst_verify_summary summary;
        pst_model_info info;
        pst_merge_options_init(&options);
        options.force = 1;
        options.safe = 1;
        options.dtype = types[i];
        must(merge((double[]){1}, 1, &options));
        must(pst_verify(target, NULL, &summary, &err));
        assert_int_equal(summary.problems + summary.warnings, 0);
        assert_int_equal(summary.files, 6);
        pst_model *model = open_model(target);
        pst_model_describe(model, &info);
        assert_string_equal(info.dtype, types[i]);
        pst_model_free(model);
    }
    /* Damage that no format check can see. */
    char path[620];
    snprintf(path, sizeof path, "%s/model.safetensors", target);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, -1, SEEK_END);
    fputc(1, file);
    fclose(file);
    pst_verify_summary summary;
    must(pst_verify(target, NULL, &summary, &err));
    assert_int_equal(summary.problems, 1);
}

/* Writes an adapter of rank 1 on proj_out, of the value `value` throughout. */
static const char *output_adapter(float value) {
    static char dir[600];
    static float a[32], b[328];
    snprintf(dir, sizeof dir, "%s", scratch_folder("merge-output"));
    scratch_text(dir, "adapter_config.json",
                 "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1, "
                 "\"target_modules\": [\"proj_out\"]}");
    for (int i = 0; i < 32; i++) a[i] = value;
    for (int i = 0; i < 328; i++) b[i] = value;
    const struct tensor_source sources[] = {
        {"base_model.model.proj_out.lora_A.weight", DTYPE_F32, 2, {1, 32}, a},
        {"base_model.model.proj_out.lora_B.weight", DTYPE_F32, 2, {328, 1}, b},
    };
    char path[700];
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", dir);
    must(safetensors_write(path, sources, 2, &err));
    return dir;
}

static void one_side_of_tied_weights_unties_them(void **state) {
    (void)state;
    pst_merge_adapter adapter = {output_adapter(0.5f), 1};
    pst_merge_options options;
    pst_merge_options_init(&options);
    options.force = 1;
    must(pst_merge(golden("micro"), &adapter, 1, target, &options, &err));
    pst_model *base = open_model(golden("micro")), *merged = open_model(target);
    assert_true(base->config.tie_word_embeddings);
    assert_false(merged->config.tie_word_embeddings);
    size_t count = 328 * 32;
    assert_memory_equal(base->weights.embed_tokens.weight, merged->weights.embed_tokens.weight,
                        count * sizeof(float));
    for (size_t i = 0; i < count; i++)
        assert_true(merged->weights.proj_out.weight[i] ==
                    base->weights.embed_tokens.weight[i] + 0.25f);
    pst_model_free(base);
    pst_model_free(merged);
    /* A change too small to survive rounding leaves them one. */
    adapter.weight = 1e-30;
    must(pst_merge(golden("micro"), &adapter, 1, target, &options, &err));
    merged = open_model(target);
    assert_true(merged->config.tie_word_embeddings);
    assert_int_equal(merged->weights.checkpoint.tensors, 75);
    pst_model_free(merged);
}

static int warnings;

static void count_warning(void *user, const char *message) {
    (void)user;
    assert_non_null(strstr(message, "proj_out.weight"));
    warnings++;
}

static void overflow_is_said_or_refused(void **state) {
    (void)state;
    pst_merge_adapter adapter = {output_adapter(300.0f), 1};
    pst_merge_options options;
    pst_merge_options_init(&options);
    options.force = 1;
    options.dtype = "float16";
    options.warn = count_warning;
    warnings = 0;
    must(pst_merge(golden("micro"), &adapter, 1, target, &options, &err));
    assert_int_equal(warnings, 1);
    options.safe = 1;
    assert_int_equal(pst_merge(golden("micro"), &adapter, 1, target, &options, &err),
                     PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "merged proj_out.weight[0] is 9000"));
    assert_non_null(strstr(err.message, "too large for float16"));
    options.dtype = "float32";
    must(pst_merge(golden("micro"), &adapter, 1, target, &options, &err));
    assert_int_equal(warnings, 1);
}

static void configs_are_rewritten_as_transformers_does(void **state) {
    (void)state;
    struct {
        const char *from, *to, *dtype;
        int tied;
    } cases[] = {
        {"micro", "micro", "float32", 1},
        {"micro_v4", "micro_v5", "float32", 1},
        {"micro_f16", "micro_f16", "float16", 1},
        {"micro_untied", "micro_untied", "float32", 0},
        {"micro_bf16", "micro_bf16", "bfloat16", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer text = {0};
        struct file_view expected;
        char path[600];
        must(config_rewrite(&text, golden(cases[i].from), cases[i].dtype, cases[i].tied, &err));
        snprintf(path, sizeof path, "%s/config.json", golden(cases[i].to));
        must(file_view_open(&expected, path, 1 << 20, &err));
        assert_int_equal(text.length, expected.size);
        assert_memory_equal(text.data, expected.data, text.length);
        file_view_close(&expected);
        buffer_free(&text);
    }
}

/* ------------------------------------------------------------------------------------ refusals */

static void refusals(void **state) {
    (void)state;
    pst_merge_options options;
    pst_merge_options_init(&options);
    const char *micro = golden("micro");
    pst_merge_adapter adapter = {golden("adapter"), 1};
    must(merge((double[]){1}, 1, NULL));
    assert_int_equal(pst_merge(micro, &adapter, 1, target, &options, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "exists already (force replaces it)"));
    options.force = 1;
    assert_int_equal(pst_merge(micro, &adapter, 1, root, &options, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "is not a model"));
    assert_int_equal(pst_merge(micro, &adapter, 1, micro, &options, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_merge(micro, &adapter, 1, adapter.dir, &options, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_merge(micro, &adapter, 0, target, &options, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_merge(NULL, &adapter, 1, target, &options, &err), PST_ERR_ARGUMENT);
    adapter.weight = NAN;
    assert_int_equal(pst_merge(micro, &adapter, 1, target, &options, &err), PST_ERR_ARGUMENT);
    adapter.weight = 1;
    options.dtype = "int8";
    assert_int_equal(pst_merge(micro, &adapter, 1, target, &options, &err), PST_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "dtype is \"int8\""));
    options.dtype = NULL;
    assert_int_equal(pst_merge(golden("micro_v5"), &adapter, 1, target, &options, &err),
                     PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "the base model needs"));
    options.struct_size = 1;
    assert_int_equal(pst_merge(micro, &adapter, 1, target, &options, &err), PST_ERR_ARGUMENT);
    pst_model_free(open_model(target)); /* what was there still is */
}

/* Writes an adapter that replaces the decoder's last norm, beside a rank-1
 * change of one projection. */
static const char *norm_adapter(void) {
    static char dir[600];
    static float a[32], b[32], norm[32];
    snprintf(dir, sizeof dir, "%s", scratch_folder("merge-norm"));
    scratch_text(dir, "adapter_config.json",
                 "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1, "
                 "\"target_modules\": [\"layers.0.self_attn.q_proj\"], "
                 "\"modules_to_save\": [\"decoder.norm\"]}");
    for (int i = 0; i < 32; i++) norm[i] = (float)i;
    const char *prefix = "base_model.model.model.";
    char names[5][128];
    for (int i = 0; i < 4; i++)
        snprintf(names[i], sizeof names[i], "%s%s.layers.0.self_attn.q_proj.lora_%c.weight", prefix,
                 i < 2 ? "encoder" : "decoder", i % 2 ? 'B' : 'A');
    snprintf(names[4], sizeof names[4], "%sdecoder.norm.weight", prefix);
    const struct tensor_source sources[] = {
        {names[0], DTYPE_F32, 2, {1, 32}, a}, {names[1], DTYPE_F32, 2, {32, 1}, b},
        {names[2], DTYPE_F32, 2, {1, 32}, a}, {names[3], DTYPE_F32, 2, {32, 1}, b},
        {names[4], DTYPE_F32, 1, {32}, norm},
    };
    char path[700];
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", dir);
    must(safetensors_write(path, sources, 5, &err));
    return dir;
}

static void one_tensor_is_replaced_once(void **state) {
    (void)state;
    pst_merge_adapter adapters[] = {
        {norm_adapter(), 1}, {golden("adapter"), 1}, {norm_adapter(), 1}};
    pst_merge_options options;
    pst_merge_options_init(&options);
    options.force = 1;
    must(pst_merge(golden("micro"), adapters, 2, target, &options, &err));
    pst_model *merged = open_model(target);
    for (int i = 0; i < 32; i++) assert_true(merged->weights.decoder_norm.weight[i] == (float)i);
    pst_model_free(merged);
    assert_int_equal(pst_merge(golden("micro"), adapters, 3, target, &options, &err),
                     PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "replace the weight of model.decoder.norm"));
}

/* A disk that is full: the limit on the size of a file stands for it. */
static void a_failed_merge_leaves_nothing(void **state) {
    (void)state;
    char name[600], made[620], left[640];
    snprintf(name, sizeof name, "%s/never", root);
    snprintf(made, sizeof made, "%s", name);
    snprintf(left, sizeof left, "%s.tmp-%ld", name, (long)getpid());
    pst_merge_adapter adapter = {golden("adapter"), 1};
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    static const rlim_t sizes[] = {0, 100, 20000, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        limit = before;
        limit.rlim_cur = sizes[i];
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        pst_status status = pst_merge(golden("micro"), &adapter, 1, name, NULL, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, PST_ERR_IO);
        assert_non_null(strstr(err.message, "model.safetensors: cannot write: "));
        assert_false(path_is_folder(made));
        assert_false(path_is_folder(left));
    }
    signal(SIGXFSZ, handler);
}

static const char *const MODEL_FILES[] = {"config.json", "generation_config.json",
                                          "model.safetensors", "preprocessor_config.json",
                                          "tokenizer.json"};

static void link_to(const char *folder, const char *name, const char *to) {
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    assert_int_equal(symlink(to, path), 0);
}

/* A folder of a stranger may point at files of ours: they do not become part of the result. */
static void links_that_lead_out_are_not_copied(void **state) {
    (void)state;
    char folder[600], result[600], secret[600];
    snprintf(folder, sizeof folder, "%s/linked", root);
    snprintf(result, sizeof result, "%s/of_linked", root);
    snprintf(secret, sizeof secret, "%s/secret", root);
    mkdir(folder, 0777);
    scratch_text(root, "secret", "{\"decoder_start_token_id\": 1, \"secret\": 1}");
    static const char *const NAMES[] = {"vocab.json", "LICENSE", "tokenizer_config.json",
                                        "generation_config.json"};
    for (size_t i = 0; i < sizeof MODEL_FILES / sizeof *MODEL_FILES; i++)
        scratch_copy(golden("micro"), folder, MODEL_FILES[i]);
    pst_merge_adapter adapter = {golden("adapter"), 1};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        link_to(folder, NAMES[i], i % 2 ? secret : "../secret");
        assert_int_equal(pst_merge(folder, &adapter, 1, result, NULL, &err), PST_ERR_MODEL);
        if (!strstr(err.message, "outside of its folder, and not copied"))
            fail_msg("%s: %s", NAMES[i], err.message);
        if (!strstr(err.message, NAMES[i])) fail_msg("%s: %s", NAMES[i], err.message);
        assert_int_equal(names_with(root, "of_linked"), 0);
        scratch_remove(folder, NAMES[i]);
    }
    scratch_text(folder, "inside", "terms");
    link_to(folder, "LICENSE", "inside");
    must(pst_merge(folder, &adapter, 1, result, NULL, &err));
    assert_true(path_has_file(result, "LICENSE"));
    assert_true(path_remove_folder(result));
    assert_true(path_remove_folder(folder));
}

/* As huggingface_hub and pull lay it out: links into blobs/. */
static void a_snapshot_is_merged(void **state) {
    (void)state;
    char repository[600], blobs[700], snapshot[700], result[600], to[100];
    snprintf(repository, sizeof repository, "%s/models--a--b", root);
    snprintf(result, sizeof result, "%s/of_snapshot", root);
    snprintf(blobs, sizeof blobs, "%s/blobs", repository);
    snprintf(snapshot, sizeof snapshot, "%s/snapshots", repository);
    mkdir(repository, 0777);
    mkdir(blobs, 0777);
    mkdir(snapshot, 0777);
    snprintf(snapshot, sizeof snapshot, "%s/snapshots/c0ffee", repository);
    mkdir(snapshot, 0777);
    for (size_t i = 0; i < sizeof MODEL_FILES / sizeof *MODEL_FILES; i++) {
        snprintf(to, sizeof to, "../../blobs/%s", MODEL_FILES[i]);
        scratch_copy(golden("micro"), blobs, MODEL_FILES[i]);
        link_to(snapshot, MODEL_FILES[i], to);
    }
    pst_merge_adapter adapter = {golden("adapter"), 1};
    must(pst_merge(snapshot, &adapter, 1, result, NULL, &err));
    assert_true(path_has_file(result, "tokenizer.json"));
    assert_true(path_remove_folder(result));
    link_to(snapshot, "LICENSE", "../../../secret"); /* outside of the repository */
    assert_int_equal(pst_merge(snapshot, &adapter, 1, result, NULL, &err), PST_ERR_MODEL);
    assert_true(path_remove_folder(repository));
}

/* Wherever the caller's wish is seen. */
static void a_stopped_merge_leaves_nothing(void **state) {
    (void)state;
    char name[600], base[512], folder[512]; /* golden() is asked more often than it remembers */
    snprintf(name, sizeof name, "%s/stopped", root);
    snprintf(base, sizeof base, "%s", golden("micro"));
    snprintf(folder, sizeof folder, "%s", golden("adapter"));
    pst_merge_adapter adapter = {folder, 1};
    struct cancel_at stop = {.limit = 0};
    pst_merge_options options;
    pst_merge_options_init(&options);
    options.cancelled = cancel_at;
    options.user = &stop;
    pst_status status;
    for (; (status = pst_merge(base, &adapter, 1, name, &options, &err)); stop.limit++) {
        assert_int_equal(status, PST_ERR_CANCELLED);
        assert_int_equal(stop.asked, stop.limit + 1); /* once is enough */
        assert_int_equal(names_with(root, "stopped"), 0);
        stop.asked = 0;
    }
    assert_true(stop.limit > 40); /* at every tensor, and every file that is hashed */
    assert_int_equal(names_with(root, "stopped"), 1);
    /* What is to be replaced stays as well. */
    options.force = 1;
    stop = (struct cancel_at){.limit = stop.asked - 1};
    assert_int_equal(pst_merge(base, &adapter, 1, name, &options, &err), PST_ERR_CANCELLED);
    assert_int_equal(names_with(root, "stopped"), 1);
    pst_model_free(open_model(name));
    assert_true(path_remove_folder(name));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_the_exact_sum),
        cmocka_unit_test(opposite_weights_give_the_base),
        cmocka_unit_test(merged_and_unmerged_say_the_same),
        cmocka_unit_test(the_folder_is_clean_in_every_type),
        cmocka_unit_test(one_side_of_tied_weights_unties_them),
        cmocka_unit_test(overflow_is_said_or_refused),
        cmocka_unit_test(configs_are_rewritten_as_transformers_does),
        cmocka_unit_test(one_tensor_is_replaced_once),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_failed_merge_leaves_nothing),
        cmocka_unit_test(a_stopped_merge_leaves_nothing),
        cmocka_unit_test(links_that_lead_out_are_not_copied),
        cmocka_unit_test(a_snapshot_is_merged),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
