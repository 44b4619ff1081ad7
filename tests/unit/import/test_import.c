/* test_import.c - pst_import_ort() over a model made here: what it writes is compared value by
 * value, what is wrong with a source is named, and a failure leaves nothing behind. */
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file_writer.h"
#include "formats/json_file.h"
#include "formats/safetensors.h"
#include "potstill_tools.h"
#include "support/cancel_at.h"
#include "support/folder.h"
#include "support/ort_model.h"

#define FOLDER TEST_BINARY_DIR "/import"
#define SOURCE FOLDER "/source"
#define TARGET FOLDER "/target"

static void remove_folder(const char *folder) {
    folder_empty(folder);
    rmdir(folder);
}

static int clean_up(void **state) {
    (void)state;
    remove_folder(SOURCE);
    remove_folder(TARGET);
    mkdir(FOLDER, 0777);
    return 0;
}

static const struct tensor *check_tensor(const struct safetensors *file, const char *name,
                                         uint32_t dims, const size_t *shape) {
    const struct tensor *tensor = safetensors_find(file, name);
    if (!tensor) fail_msg("%s is missing", name);
    assert_int_equal(tensor->dtype, DTYPE_F32);
    assert_int_equal(tensor->dims, dims);
    for (uint32_t i = 0; i < dims; i++) assert_int_equal(tensor->shape[i], shape[i]);
    return tensor;
}

static void check_value(const struct tensor *tensor, size_t index, float expected) {
    float value;
    memcpy(&value, tensor->data + index * sizeof value, sizeof value);
    if (value != expected)
        fail_msg("%s[%zu] is %.9g, expected %.9g", tensor->name, index, (double)value,
                 (double)expected);
}

/* What add_floats() of ort_model.h wrote for the node at `path`; a bias has a seed 2 higher. */
static void check_floats(const struct safetensors *file, const char *name, const char *path,
                         int is_bias, uint32_t dims, const size_t *shape) {
    const struct tensor *tensor = check_tensor(file, name, dims, shape);
    for (size_t i = 0; i < tensor->count; i++)
        check_value(tensor, i, float_of(seed_of(path) + (is_bias ? 2 : 0), i));
}

static void check_vector(const struct safetensors *file, const char *name, const char *path,
                         int is_bias, size_t size) {
    check_floats(file, name, path, is_bias, 1, &size);
}

/* `prefix` + path, '/' written as '.', is the module of the node `node_prefix` + path. */
static void check_linear(const struct safetensors *file, const char *prefix,
                         const char *node_prefix, const char *path, size_t out, size_t in,
                         int has_bias, const struct recipe *recipe) {
    char name[160], node[160];
    size_t shape[2] = {out, in};
    snprintf(node, sizeof node, "%s%s", node_prefix, path);
    snprintf(name, sizeof name, "%s%s.weight", prefix, path);
    for (char *c = name; *c; c++)
        if (*c == '/') *c = '.';
    const struct tensor *tensor = check_tensor(file, name, 2, shape);
    enum fault fault = recipe->path && strcmp(recipe->path, node) == 0 ? recipe->fault : FAULT_NONE;
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            check_value(tensor, o * in + i, matrix_value(node, out, i, o, fault));
    if (!has_bias) return;
    strcpy(strrchr(name, '.'), ".bias");
    check_vector(file, name, node, 1, out);
}

static void check_encoder(const struct safetensors *file, const struct recipe *recipe) {
    size_t dim = recipe->dim;
    size_t conv1[3] = {dim, 1, 127}, conv2[3] = {2 * dim, dim, 7}, conv3[3] = {dim, 2 * dim, 3};
    check_floats(file, "model.encoder.conv1.weight", "/conv1", 0, 3, conv1);
    check_floats(file, "model.encoder.conv2.weight", "/conv2", 0, 3, conv2);
    check_vector(file, "model.encoder.conv2.bias", "/conv2", 1, 2 * dim);
    check_floats(file, "model.encoder.conv3.weight", "/conv3", 0, 3, conv3);
    check_vector(file, "model.encoder.conv3.bias", "/conv3", 1, dim);
    check_vector(file, "model.encoder.groupnorm.weight", "/groupnorm", 0, dim);
    check_vector(file, "model.encoder.groupnorm.bias", "/groupnorm", 1, dim);
    check_vector(file, "model.encoder.layer_norm.weight", "/layer_norm", 0, dim);
    check_vector(file, "model.encoder.layers.0.input_layernorm.weight", "/layers.0/input_layernorm",
                 0, dim);
    check_vector(file, "model.encoder.layers.0.post_attention_layernorm.weight",
                 "/layers.0/post_attention_layernorm", 0, dim);
    static const char *const square[] = {"q_proj", "k_proj", "v_proj", "o_proj"};
    for (int i = 0; i < 4; i++) {
        char path[64];
        snprintf(path, sizeof path, "layers.0/self_attn/%s", square[i]);
        check_linear(file, "model.encoder.", "/", path, dim, dim, 0, recipe);
    }
    check_linear(file, "model.encoder.", "/", "layers.0/mlp/fc1", FFN, dim, 1, recipe);
    check_linear(file, "model.encoder.", "/", "layers.0/mlp/fc2", dim, FFN, 1, recipe);
}

static void check_decoder(const struct safetensors *file, const struct recipe *recipe) {
    size_t dim = recipe->dim, table[2] = {VOCAB, dim};
    static const char prefix[] = "model.decoder.", nodes[] = "/model/decoder/";
    static const char *const norms[] = {"layers.0/input_layernorm",
                                        "layers.0/post_attention_layernorm",
                                        "layers.0/final_layernorm", "norm"};
    for (int i = 0; i < 4; i++) {
        char name[96], node[96];
        snprintf(node, sizeof node, "%s%s", nodes, norms[i]);
        snprintf(name, sizeof name, "%s%s.weight", prefix, norms[i]);
        for (char *c = name; *c; c++)
            if (*c == '/') *c = '.';
        check_vector(file, name, node, 0, dim);
    }
    static const char *const square[] = {"q_proj", "k_proj", "v_proj", "o_proj"};
    for (int i = 0; i < 8; i++) {
        char path[64];
        snprintf(path, sizeof path, "layers.0/%s/%s", i < 4 ? "self_attn" : "encoder_attn",
                 square[i % 4]);
        check_linear(file, prefix, nodes, path, dim, dim, 0, recipe);
    }
    check_linear(file, prefix, nodes, "layers.0/mlp/fc1", 2 * FFN, dim, 1, recipe);
    check_linear(file, prefix, nodes, "layers.0/mlp/fc2", dim, FFN, 1, recipe);
    const struct tensor *embedding =
        check_tensor(file, "model.decoder.embed_tokens.weight", 2, table);
    for (size_t token = 0; token < VOCAB; token++)
        for (size_t i = 0; i < dim; i++)
            check_value(embedding, token * dim + i,
                        matrix_value("/proj_out", VOCAB, i, token, FAULT_NONE));
}

static void check_weights(const struct recipe *recipe) {
    struct safetensors file;
    pst_error err;
    if (safetensors_open(&file, TARGET "/model.safetensors", &err)) fail_msg("%s", err.message);
    assert_string_equal(file.format, "pt");
    assert_int_equal(file.count, 10 + 10 + 15);
    check_encoder(&file, recipe);
    check_decoder(&file, recipe);
    safetensors_close(&file);
}

static void imports_every_value(void **state) {
    (void)state;
    struct recipe recipe = {.dim = 288};
    pst_error err = {0};
    make_source(SOURCE, &recipe);
    if (pst_import_ort(SOURCE, TARGET, NULL, &err)) fail_msg("%s", err.message);
    check_weights(&recipe);
    assert_int_equal(folder_entries(TARGET), 5);
    assert_true(path_is_file(TARGET "/tokenizer.json"));
    assert_false(path_is_file(TARGET "/LICENSE"));
    assert_int_equal(folder_entries(FOLDER), 2); /* source and target: no temporary folder */
}

/* Kinds of the same model that the exporter could write as well. */
static void imports_other_spellings(void **state) {
    (void)state;
    static const struct recipe recipes[] = {
        {288, "/layers.0/self_attn/q_proj", FAULT_PER_COLUMN},
        {288, "/model/decoder/layers.0/mlp/fc1", FAULT_PER_COLUMN},
        {288, "/layers.0/self_attn/v_proj", FAULT_INT8},
        {288, "/model/decoder/layers.0/self_attn/o_proj", FAULT_NO_ZERO},
        {288, "/layer_norm", FAULT_UNFUSED},
    };
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        pst_error err = {0};
        clean_up(NULL);
        make_source(SOURCE, &recipes[i]);
        if (pst_import_ort(SOURCE, TARGET, NULL, &err))
            fail_msg("%s: %s", recipes[i].path, err.message);
        check_weights(&recipes[i]);
    }
}

static int64_t int_of(const struct json_file *file, const char *key) {
    int64_t value = -1;
    assert_int_equal(json_get_int(file->root, file->path, key, 0, INT32_MAX, &value, NULL), PST_OK);
    return value;
}

/* The width decides the share of a head that is rotated; every other size is read off the
 * tensors. */
static void writes_the_sizes(void **state) {
    (void)state;
    static const struct {
        size_t dim;
        double factor;
    } widths[] = {{288, 0.9}, {416, 0.62}};
    for (int i = 0; i < 2; i++) {
        struct recipe recipe = {.dim = widths[i].dim};
        struct json_file file;
        double factor = 0;
        clean_up(NULL);
        make_source(SOURCE, &recipe);
        assert_int_equal(pst_import_ort(SOURCE, TARGET, NULL, NULL), PST_OK);
        assert_int_equal(json_file_open(&file, TARGET "/config.json", 10000, NULL), PST_OK);
        assert_int_equal(int_of(&file, "hidden_size"), widths[i].dim);
        assert_int_equal(int_of(&file, "intermediate_size"), FFN);
        assert_int_equal(int_of(&file, "encoder_num_hidden_layers"), 1);
        assert_int_equal(int_of(&file, "decoder_num_hidden_layers"), 1);
        assert_int_equal(int_of(&file, "encoder_num_attention_heads"), 8);
        assert_int_equal(int_of(&file, "vocab_size"), VOCAB);
        json_get_double(file.root, file.path, "partial_rotary_factor", 0, 1, &factor, NULL);
        assert_true(factor == widths[i].factor);
        json_file_close(&file);
        assert_int_equal(json_file_open(&file, TARGET "/generation_config.json", 1000, NULL), 0);
        assert_int_equal(int_of(&file, "max_length"), 194);
        json_file_close(&file);
        assert_int_equal(json_file_open(&file, TARGET "/preprocessor_config.json", 1000, NULL), 0);
        assert_int_equal(int_of(&file, "sampling_rate"), 16000);
        json_file_close(&file);
    }
}

static void check_refusal(const struct recipe *recipe, pst_status status, const char *message) {
    pst_error err = {0};
    make_source(SOURCE, recipe);
    assert_int_equal(pst_import_ort(SOURCE, TARGET, NULL, &err), status);
    if (!strstr(err.message, message))
        fail_msg("expected \"%s\", got \"%s\"", message, err.message);
    assert_int_equal(folder_entries(FOLDER), 1); /* the source alone */
}

static void names_missing_weights(void **state) {
    (void)state;
    static const char *const nodes[][2] = {
        {"/conv1", "encoder_model.ort: model.encoder.conv1.weight is missing"},
        {"/conv2", "model.encoder.conv2.weight is missing"},
        {"/groupnorm", "model.encoder.groupnorm: weight is missing"},
        {"/layers.0/self_attn/k_proj", "model.encoder.layers.0.self_attn.k_proj.weight is missing"},
        {"/layers.0/input_layernorm", "model.encoder.layers.0.input_layernorm.weight is missing"},
        {"/layers.0/mlp/fc1", "model.encoder.layers.0.mlp.fc1.weight is missing"},
        {"/layer_norm", "model.encoder.layer_norm.weight is missing"},
        {"/model/decoder/embed_tokens", "model.decoder.embed_tokens.weight is missing"},
        {"/model/decoder/layers.0/encoder_attn/v_proj",
         "decoder_model_merged.ort: model.decoder.layers.0.encoder_attn.v_proj.weight is missing"},
        {"/model/decoder/layers.0/mlp/fc1", "model.decoder.layers.0.mlp.fc1.weight is missing"},
        {"/model/decoder/norm", "model.decoder.norm.weight is missing"},
        {"/proj_out", "proj_out.weight is missing: there is no node /proj_out/MatMul_quant"},
    };
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        struct recipe recipe = {288, nodes[i][0], FAULT_LEFT_OUT};
        check_refusal(&recipe, PST_ERR_MODEL, nodes[i][1]);
    }
}

static void names_damaged_weights(void **state) {
    (void)state;
    static const char linear[] = "/layers.0/self_attn/q_proj", fc2[] = "/layers.0/mlp/fc2";
    static const struct {
        struct recipe recipe;
        pst_status status;
        const char *message;
    } cases[] = {
        {{288, linear, FAULT_SCALE_ZERO}, PST_ERR_MODEL, "q_proj_s is 0, expected a positive"},
        {{288, linear, FAULT_SCALE_NAN}, PST_ERR_MODEL, "expected a positive, finite scale"},
        {{288, linear, FAULT_SCALE_HUGE}, PST_ERR_MODEL, "q_proj_s is 3e+38, expected"},
        {{288, linear, FAULT_SCALE_SHAPE}, PST_ERR_MODEL, "q_proj_s is not one float32"},
        {{288, linear, FAULT_ZERO_TYPE}, PST_ERR_MODEL, "q_proj_z is not one zero point"},
        {{288, linear, FAULT_ZERO_SHAPE}, PST_ERR_MODEL, "q_proj_z is not one zero point"},
        {{288, linear, FAULT_TYPE}, PST_ERR_MODEL, "has type 7, expected 8-bit integers"},
        {{288, fc2, FAULT_SHAPE},
         PST_ERR_MODEL,
         "mlp.fc2.weight (/layers.0/mlp/fc2_q) is [289, 8], expected [8, 288]"},
        {{288, linear, FAULT_BIAS}, PST_ERR_UNSUPPORTED, "has a bias, which this network does not"},
        {{288, linear, FAULT_COMPUTED}, PST_ERR_MODEL, "input 1 is not a constant"},
        {{288, linear, FAULT_OPERATOR}, PST_ERR_UNSUPPORTED, "is a MatMul, expected a quantised"},
        {{288, "/layer_norm", FAULT_NAN}, PST_ERR_MODEL, "holds a value that is not finite"},
        {{288, "/layer_norm", FAULT_BIAS}, PST_ERR_MODEL, "is a bias that is not 0"},
        {{288, "/conv3", FAULT_NAN}, PST_ERR_MODEL, "holds a value that is not finite"},
        {{288, "/model/decoder/embed_tokens", FAULT_NAN}, PST_ERR_UNSUPPORTED, "token 5: its emb"},
        {{320, NULL, FAULT_NONE},
         PST_ERR_UNSUPPORTED,
         "the model is 320 wide, expected 288 (tiny)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refusal(&cases[i].recipe, cases[i].status, cases[i].message);
}

static void check_message(pst_status status, const char *source, const char *target,
                          const pst_import_options *options, const char *message) {
    pst_error err = {0};
    assert_int_equal(pst_import_ort(source, target, options, &err), status);
    if (!strstr(err.message, message))
        fail_msg("expected \"%s\", got \"%s\"", message, err.message);
}

static void refuses_sources_that_do_not_fit(void **state) {
    (void)state;
    struct recipe recipe = {.dim = 288};
    check_message(PST_ERR_MODEL, SOURCE, TARGET, NULL, "no such folder, expected one with");
    check_message(PST_ERR_ARGUMENT, NULL, TARGET, NULL, "a source and a target");
    check_message(PST_ERR_ARGUMENT, SOURCE, "", NULL, "a source and a target");
    make_source(SOURCE, &recipe);
    make_tokenizer(SOURCE, WORDS + 1);
    check_message(PST_ERR_MODEL, SOURCE, TARGET, NULL, "has 265 tokens, the decoder 264");
    unlink(SOURCE "/tokenizer.bin");
    check_message(PST_ERR_MODEL, SOURCE, TARGET, NULL, "tokenizer.bin: no such file");
    unlink(SOURCE "/decoder_model_merged.ort");
    check_message(PST_ERR_MODEL, SOURCE, TARGET, NULL, "decoder_model_merged.ort: no such file");
}

static void replaces_only_models_and_only_when_told(void **state) {
    (void)state;
    struct recipe recipe = {.dim = 288};
    pst_import_options force;
    pst_import_options_init(&force);
    force.force = 1;
    make_source(SOURCE, &recipe);
    check_message(PST_ERR_ARGUMENT, SOURCE, SOURCE "/.", &force, "is the source too");
    mkdir(TARGET, 0777);
    assert_int_equal(file_write(TARGET "/letters", "dear", 4, NULL), PST_OK);
    check_message(PST_ERR_IO, SOURCE, TARGET, &force, "exists already and is not a model");
    assert_true(path_is_file(TARGET "/letters"));
    assert_int_equal(file_write(TARGET "/config.json", "{}", 2, NULL), PST_OK);
    check_message(PST_ERR_IO, SOURCE, TARGET, NULL, "exists already");
    check_message(PST_ERR_IO, SOURCE, TARGET, &force, "has letters in it");
    assert_true(path_is_file(TARGET "/letters"));
    unlink(TARGET "/letters");
    assert_int_equal(pst_import_ort(SOURCE, TARGET, &force, NULL), PST_OK);
    check_weights(&recipe);
    assert_int_equal(folder_entries(FOLDER), 2);
}

static void a_stopped_import_leaves_nothing(void **state) {
    (void)state;
    struct recipe recipe = {.dim = 288};
    struct cancel_at stop = {.limit = 0};
    pst_import_options options;
    pst_error err;
    pst_import_options_init(&options);
    options.cancelled = cancel_at;
    options.user = &stop;
    make_source(SOURCE, &recipe);
    pst_status status;
    for (; (status = pst_import_ort(SOURCE, TARGET, &options, &err)); stop.limit++) {
        assert_int_equal(status, PST_ERR_CANCELLED);
        assert_int_equal(names_with(FOLDER, "target"), 0);
        stop.asked = 0;
    }
    assert_true(stop.limit > 40);
    assert_int_equal(names_with(FOLDER, "target"), 1);
}

static void check_licence(const char *text) {
    struct file_view view;
    assert_int_equal(file_view_open(&view, TARGET "/LICENSE", 100, NULL), PST_OK);
    assert_int_equal(view.size, strlen(text));
    assert_memory_equal(view.data, text, view.size);
    file_view_close(&view);
}

static void takes_the_licence_along(void **state) {
    (void)state;
    struct recipe recipe = {.dim = 288};
    pst_import_options options;
    pst_import_options_init(&options);
    make_source(SOURCE, &recipe);
    write_file(SOURCE, "LICENSE", "beside", 6);
    assert_int_equal(pst_import_ort(SOURCE, TARGET, &options, NULL), PST_OK);
    check_licence("beside");
    write_file(SOURCE, "terms", "named", 5);
    options.licence_file = SOURCE "/terms";
    options.force = 1;
    assert_int_equal(pst_import_ort(SOURCE, TARGET, &options, NULL), PST_OK);
    check_licence("named");
    options.licence_file = SOURCE "/nowhere";
    check_message(PST_ERR_MODEL, SOURCE, TARGET, &options, "nowhere: no such file");
    check_licence("named"); /* what was there is still there */
}

/* A disk that fills up, played by a limit on the size of files. */
static void leaves_nothing_when_writing_fails(void **state) {
    (void)state;
    struct recipe recipe = {.dim = 288};
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    make_source(SOURCE, &recipe);
    write_file(SOURCE, "file", "", 0);
    check_message(PST_ERR_IO, SOURCE, SOURCE "/file/target", NULL, "cannot create");
    low = (struct rlimit){.rlim_cur = 100000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    pst_error err = {0};
    pst_status status = pst_import_ort(SOURCE, TARGET, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, PST_ERR_IO);
    assert_non_null(strstr(err.message, "model.safetensors"));
    assert_int_equal(folder_entries(FOLDER), 1);
}

/* The files as published, when they are at hand. */
static void imports_the_official_model(void **state) {
    (void)state;
    static const struct {
        const char *name;
        long long bytes;
    } files[] = {{"config.json", 897},
                 {"generation_config.json", 189},
                 {"preprocessor_config.json", 215},
                 {"tokenizer.json", 1985530},
                 {"model.safetensors", 108389192}};
    const char *models = getenv("POTSTILL_MODELS");
    char *source = path_join(models ? models : "", "moonshine-tiny-ort");
    int is_there = models && path_is_folder(source);
    if (!is_there) {
        print_message(
            "skipped: no moonshine-tiny-ort in $POTSTILL_MODELS (scripts/get-model.sh)\n");
        free(source);
        skip();
    }
    pst_error err = {0};
    if (pst_import_ort(source, TARGET, NULL, &err)) fail_msg("%s", err.message);
    free(source);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct stat st;
        char *path = path_join(TARGET, files[i].name);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, files[i].bytes);
        free(path);
    }
    struct safetensors file;
    assert_int_equal(safetensors_open(&file, TARGET "/model.safetensors", NULL), PST_OK);
    size_t values = 0;
    for (size_t i = 0; i < file.count; i++) values += file.tensors[i].count;
    assert_int_equal(file.count, 160);
    assert_int_equal(values, 27092736);
    safetensors_close(&file);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, clean_up, clean_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(imports_every_value),
        TEST(imports_other_spellings),
        TEST(writes_the_sizes),
        TEST(names_missing_weights),
        TEST(names_damaged_weights),
        TEST(refuses_sources_that_do_not_fit),
        TEST(replaces_only_models_and_only_when_told),
        TEST(takes_the_licence_along),
        TEST(leaves_nothing_when_writing_fails),
        TEST(a_stopped_import_leaves_nothing),
        TEST(imports_the_official_model),
    };
    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
