/* test_weights.c - model folders that lack something, have too much, or lie about a shape. */
#include "support/test.h"

#include "base/buffer.h"
#include "model/model.h"
#include "support/scratch.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"

static pst_error err;

/* A scratch copy of the micro model's small files. */
static const char *copy_of_micro(const char *name) {
    const char *folder = scratch_folder(name);
    scratch_copy(GOLDEN "micro", folder, "config.json");
    scratch_copy(GOLDEN "micro", folder, "generation_config.json");
    scratch_copy(GOLDEN "micro", folder, "tokenizer.json");
    scratch_remove(folder, "model.safetensors");
    scratch_remove(folder, "model.safetensors.index.json");
    scratch_remove(folder, "pytorch_model.bin");
    return folder;
}

static void expect(const char *folder, pst_status status, const char *part) {
    pst_model *model = NULL;
    assert_int_equal(pst_model_open(folder, NULL, &model, &err), status);
    if (!status) {
        pst_model_free(model);
        return;
    }
    assert_null(model);
    if (!strstr(err.message, part)) fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

/* Writes the micro model's tensors to `folder` after `change` has had its way with the list. */
static void write_changed(const char *folder,
                          void (*change)(struct tensor_source *sources, size_t *count)) {
    struct safetensors file;
    struct tensor_source sources[256];
    char path[600];
    assert_int_equal(safetensors_open(&file, GOLDEN "micro/model.safetensors", &err), PST_OK);
    size_t count = file.count;
    assert_true(count < 256);
    for (size_t i = 0; i < count; i++) {
        const struct tensor *tensor = &file.tensors[i];
        sources[i] =
            (struct tensor_source){tensor->name, tensor->dtype, tensor->dims, {0}, tensor->data};
        memcpy(sources[i].shape, tensor->shape, sizeof tensor->shape);
    }
    change(sources, &count);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_int_equal(safetensors_write(path, sources, count, &err), PST_OK);
    safetensors_close(&file);
}

static struct tensor_source *named(struct tensor_source *sources, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(sources[i].name, name) == 0) return &sources[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void drop_one(struct tensor_source *sources, size_t *count) {
    *named(sources, *count, "model.decoder.layers.1.mlp.fc2.bias") = sources[*count - 1];
    (*count)--;
}

static void narrow_one(struct tensor_source *sources, size_t *count) {
    struct tensor_source *q =
        named(sources, *count, "model.encoder.layers.0.self_attn.q_proj.weight");
    q->shape[0] /= 2;
}

static void flatten_one(struct tensor_source *sources, size_t *count) {
    struct tensor_source *q =
        named(sources, *count, "model.encoder.layers.0.self_attn.q_proj.weight");
    q->shape[0] *= q->shape[1];
    q->dims = 1;
}

static void integers(struct tensor_source *sources, size_t *count) {
    named(sources, *count, "model.decoder.norm.weight")->dtype = DTYPE_I32;
}

static void bare_names(struct tensor_source *sources, size_t *count) {
    for (size_t i = 0; i < *count; i++)
        if (strncmp(sources[i].name, "model.", 6) == 0) sources[i].name += 6;
}

static void add_one(struct tensor_source *sources, size_t *count) {
    static const float value[2];
    sources[(*count)++] = (struct tensor_source){"model.extra", DTYPE_F32, 1, {2}, value};
}

static float other_matrix[328 * 32];

static void add_output(struct tensor_source *sources, size_t *count) {
    sources[(*count)++] =
        (struct tensor_source){"proj_out.weight", DTYPE_F32, 2, {328, 32}, other_matrix};
}

static void output_alone(struct tensor_source *sources, size_t *count) {
    named(sources, *count, "model.decoder.embed_tokens.weight")->name = "proj_out.weight";
}

/* What tie_word_embeddings says of matrices that are not stored. */
static void either_matrix_or_both(void **state) {
    (void)state;
    const char *folder = copy_of_micro("weights-tied");
    pst_model *model;
    other_matrix[5] = 7;
    write_changed(folder, add_output);
    assert_int_equal(pst_model_open(folder, NULL, &model, &err), PST_OK);
    assert_false(model->config.tie_word_embeddings);
    assert_true(model->weights.proj_out.weight[5] == 7);
    assert_true(model->weights.embed_tokens.weight[5] != 7);
    pst_model_free(model);
    write_changed(folder, output_alone);
    assert_int_equal(pst_model_open(folder, NULL, &model, &err), PST_OK);
    assert_true(model->config.tie_word_embeddings);
    assert_ptr_equal(model->weights.proj_out.weight, model->weights.embed_tokens.weight);
    pst_model_free(model);
}

static void tensors_are_checked(void **state) {
    (void)state;
    const char *folder = copy_of_micro("weights");
    write_changed(folder, drop_one);
    expect(folder, PST_ERR_MODEL, "tensor model.decoder.layers.1.mlp.fc2.bias is missing");
    write_changed(folder, narrow_one);
    expect(folder, PST_ERR_MODEL, "q_proj.weight is [16, 32], its config.json needs [32, 32]");
    write_changed(folder, flatten_one);
    expect(folder, PST_ERR_MODEL, "is [1024]");
    write_changed(folder, integers);
    expect(folder, PST_ERR_UNSUPPORTED, "model.decoder.norm.weight is I32");
    write_changed(folder, bare_names);
    expect(folder, PST_OK, NULL);
    write_changed(folder, add_one);
    expect(folder, PST_OK, NULL);
}

static void folders_without_weights(void **state) {
    (void)state;
    expect("/no such folder", PST_ERR_MODEL, "no such folder");
    const char *folder = copy_of_micro("weights-none");
    expect(folder, PST_ERR_MODEL, "has no model.safetensors, no pytorch_model.bin");
    scratch_text(folder, "pytorch_model.bin", "PK");
    expect(folder, PST_ERR_MODEL, "pytorch_model.bin: ");
    scratch_text(folder, "model.safetensors", "");
    expect(folder, PST_ERR_MODEL, "too short");
    scratch_remove(folder, "config.json");
    expect(folder, PST_ERR_MODEL, "config.json: no such file");
}

static void shards_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *index, *part;
    } cases[] = {
        {"{\"weight_map\": {\"a\": \"../model.safetensors\"}}", "plain file name"},
        {"{\"weight_map\": {\"a\": \"..\"}}", "plain file name"},
        {"{\"weight_map\": {\"a\": 3}}", "not a string"},
        {"{\"weight_map\": {}}", "weight_map is empty"},
        {"{\"weight_map\": []}", "weight_map is a list"},
        {"{}", "weight_map is missing"},
        {"{\"weight_map\": {\"a\": \"none.safetensors\"}}", "none.safetensors: no such file"},
        {"{\"weight_map\": {\"a\": \"one.safetensors\"}}", "a is not in its shard one.safetensors"},
    };
    const char *folder = copy_of_micro("weights-shards");
    static const float value;
    struct tensor_source source = {"b", DTYPE_F32, 0, {0}, &value};
    char path[600];
    snprintf(path, sizeof path, "%s/one.safetensors", folder);
    assert_int_equal(safetensors_write(path, &source, 1, &err), PST_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scratch_text(folder, "model.safetensors.index.json", cases[i].index);
        expect(folder, PST_ERR_MODEL, cases[i].part);
    }
    /* Each entry is looked for among up to 1,024 shards: a list of millions would take for ever. */
    struct buffer index = {0};
    buffer_text(&index, "{\"weight_map\": {\"b\": \"one.safetensors\"");
    for (int i = 0; i < 70000; i++) buffer_format(&index, ",\"%d\":\"one.safetensors\"", i);
    buffer_text(&index, "}}");
    assert_false(index.failed);
    scratch_text(folder, "model.safetensors.index.json", index.data);
    expect(folder, PST_ERR_MODEL, "weight_map has 70001 tensors, expected at most 65536");
    buffer_free(&index);
}

static void a_model_describes_itself(void **state) {
    (void)state;
    pst_model *model;
    pst_model_info info;
    assert_int_equal(pst_model_open(GOLDEN "micro_untied", NULL, &model, &err), PST_OK);
    pst_model_describe(model, &info);
    assert_string_equal(info.model_type, "moonshine");
    assert_string_equal(info.dtype, "float32");
    assert_int_equal(info.heads * info.head_dim, info.dim);
    assert_false(info.tied_embeddings);
    const struct weights *weights = &model->weights;
    assert_string_equal(weights->modules[0].name, "model.encoder.conv1");
    assert_string_equal(weights->modules[weights->module_count - 1].name, "proj_out");
    const struct module *fc1 = weights_find_module(weights, "model.decoder.layers.0.mlp.fc1");
    assert_non_null(fc1);
    assert_int_equal(fc1->out, 2 * info.decoder_ffn);
    assert_null(weights_find_module(weights, "model.decoder.layers.99.mlp.fc1"));
    pst_model_free(model);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            pst_model_open(i ? GOLDEN "micro_bf16" : GOLDEN "micro_f16", NULL, &model, &err), 0);
        pst_model_describe(model, &info);
        assert_string_equal(info.dtype, i ? "bfloat16" : "float16");
        pst_model_free(model);
    }
}

static void the_encoder_has_sizes_of_its_own(void **state) {
    (void)state;
    pst_model *model;
    pst_model_info whole;
    pst_model_options options;
    pst_encoder_info info, wider;
    pst_model_options_init(&options);
    assert_int_equal(pst_model_open(GOLDEN "micro", NULL, &model, &err), PST_OK);
    pst_model_describe(model, &whole);
    pst_encoder_info_init(&info);
    assert_int_equal(pst_model_describe_encoder(model, &info, &err), PST_OK);
    assert_int_equal(info.dim, whole.dim);
    assert_false(info.windowed || info.frames_back || info.frames_ahead);
    pst_model_free(model);

    for (int inclusive = 0; inclusive < 2; inclusive++) {
        pst_encoder_info *found = inclusive ? &wider : &info;
        options.inclusive_windows = inclusive;
        assert_int_equal(pst_model_open(GOLDEN "micro_streaming", &options, &model, &err), PST_OK);
        pst_encoder_info_init(found);
        assert_int_equal(pst_model_describe_encoder(model, found, &err), PST_OK);
        assert_int_equal(found->struct_size, sizeof *found);
        assert_int_equal(found->dim, model->config.encoder_dim);
        assert_int_equal(found->kv_heads, model->config.encoder_kv_heads);
        assert_true(found->windowed && found->frames_back > 0);
        pst_model_describe(model, &whole);
        assert_int_not_equal(found->dim, whole.dim);
        if (!inclusive) pst_model_free(model);
    }
    assert_int_equal(wider.frames_back, info.frames_back + info.layers);
    assert_true(wider.frames_ahead > info.frames_ahead);

    /* An older program's struct ends earlier; what lies behind it is not touched. */
    memset(&info, 0xAA, sizeof info);
    pst_encoder_info_init_sized(&info, offsetof(pst_encoder_info, windowed));
    assert_int_equal(pst_model_describe_encoder(model, &info, &err), PST_OK);
    assert_int_equal(info.ffn, wider.ffn);
    assert_int_equal(info.frames_back, 0xAAAAAAAA);
    info.struct_size = 0;
    assert_int_equal(pst_model_describe_encoder(model, &info, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_model_describe_encoder(model, NULL, &err), PST_ERR_ARGUMENT);
    pst_model_free(model);
}

/* Adds an output matrix that is the embedding, or all but one bit of it. */
static float output_copy[512 * 64];

static void repeat_embedding(struct tensor_source *sources, size_t *count) {
    struct tensor_source *embedding = named(sources, *count, "model.decoder.embed_tokens.weight");
    size_t values = embedding->shape[0] * embedding->shape[1];
    assert_true(values <= sizeof output_copy / sizeof *output_copy);
    memcpy(output_copy, embedding->data, values * sizeof *output_copy);
    sources[*count] = *embedding;
    sources[*count].name = "proj_out.weight";
    sources[(*count)++].data = output_copy;
}

static void repeat_nearly(struct tensor_source *sources, size_t *count) {
    repeat_embedding(sources, count);
    output_copy[5] += output_copy[5] * 0x1p-23f;
}

static void an_output_that_is_the_embedding_is_held_once(void **state) {
    (void)state;
    const char *folder = copy_of_micro("repeated");
    for (int equal = 0; equal < 2; equal++) {
        write_changed(folder, equal ? repeat_embedding : repeat_nearly);
        pst_model *model;
        assert_int_equal(pst_model_open(folder, NULL, &model, &err), PST_OK);
        const struct weights *weights = &model->weights;
        assert_false(weights->tied); /* an adapter of one leaves the other alone */
        assert_int_equal(weights->proj_out.weight == weights->embed_tokens.weight, equal);
        pst_model_free(model);
    }
}

static void arguments_are_checked(void **state) {
    (void)state;
    pst_model *model;
    pst_model_options options = {0};
    assert_int_equal(pst_model_open(NULL, NULL, &model, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_model_open(GOLDEN "micro", &options, &model, &err), PST_ERR_ARGUMENT);
    pst_model_options_init(&options);
    options.cpu = (pst_cpu)77;
    assert_int_equal(pst_model_open(GOLDEN "micro", &options, &model, &err), PST_ERR_ARGUMENT);
    pst_model_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_matrix_or_both),
        cmocka_unit_test(tensors_are_checked),
        cmocka_unit_test(folders_without_weights),
        cmocka_unit_test(shards_are_checked),
        cmocka_unit_test(a_model_describes_itself),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(the_encoder_has_sizes_of_its_own),
        cmocka_unit_test(an_output_that_is_the_embedding_is_held_once),
    };
    return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
