/* test_lora.c - adapters opened, described and refused, on the nine modules of few_modules.h. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

#include "adapter/adapter.h"
#include "support/few_modules.h"

#define Q "model.encoder.layers.0.self_attn.q_proj"
#define FC1 "model.encoder.layers.0.mlp.fc1"
#define V10 "model.decoder.layers.10.encoder_attn.v_proj"
#define KEY(module, matrix) "base_model.model." module "." matrix ".weight"

static const char DIR_NAME[] = TEST_BINARY_DIR "/lora_adapter";

/* Writes an adapter to DIR_NAME; `config` has ' for ". */
static void write_adapter(const char *config, const struct tensor_source *tensors, size_t count) {
    char path[sizeof DIR_NAME + 64];
    mkdir(DIR_NAME, 0777);
    snprintf(path, sizeof path, "%s/adapter_config.json", DIR_NAME);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "{\"peft_type\": \"LORA\", ");
    for (const char *c = config; *c; c++) fputc(*c == '\'' ? '"' : *c, file);
    fprintf(file, "}");
    assert_int_equal(fclose(file), 0);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", DIR_NAME);
    assert_int_equal(safetensors_write(path, tensors, count, NULL), PST_OK);
}

static struct tensor_source matrix(const char *name, size_t rows, size_t columns,
                                   const float *values) {
    return (struct tensor_source){
        .name = name, .dtype = DTYPE_F32, .dims = 2, .shape = {rows, columns}, .data = values};
}

struct notes {
    int count;
    char last[512];
};

static void take_note(void *user, const char *message) {
    struct notes *notes = user;
    notes->count++;
    snprintf(notes->last, sizeof notes->last, "%s", message);
}

static pst_adapter *open_well(const struct few_modules *few, struct notes *notes) {
    pst_adapter_options options;
    pst_adapter *adapter = NULL;
    pst_error err = {0};
    pst_adapter_options_init(&options);
    options.warn = take_note;
    options.user = notes;
    *notes = (struct notes){0};
    if (pst_adapter_open(&few->model, DIR_NAME, &options, &adapter, &err))
        print_error("%s\n", err.message);
    assert_non_null(adapter);
    return adapter;
}

static const float A24[8] = {1, -2, 3, -4, 0.5f, 0, 7, 0.25f};     /* [2, 4] */
static const float B42[8] = {1, 2, -3, 4, 5, 0, 0.5f, -1};         /* [4, 2] */
static const float B62[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}; /* [6, 2] */
static const float A34[12] = {1, 0, 0, 2, 0, 3, 0, 0, 4, 0, 5, 0}; /* [3, 4] */
static const float B43[12] = {1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 4, 0}; /* [4, 3] */

static void opens_in_network_order(void **state) {
    (void)state;
    struct few_modules few;
    struct notes notes;
    few_modules_init(&few);
    const struct tensor_source tensors[] = {
        matrix(KEY(V10, "lora_A"), 3, 4, A34), matrix(KEY(V10, "lora_B"), 4, 3, B43),
        matrix(KEY(FC1, "lora_A"), 2, 4, A24), matrix(KEY(FC1, "lora_B"), 6, 2, B62),
        matrix(KEY(Q, "lora_A"), 2, 4, A24),   matrix(KEY(Q, "lora_B"), 4, 2, B42),
    };
    write_adapter("'r': 2, 'lora_alpha': 5, 'base_model_name_or_path': 'some/base',"
                  "'target_modules': ['q_proj', 'fc1', 'layers.10.encoder_attn.v_proj'],"
                  "'rank_pattern': {'v_proj': 3}",
                  tensors, 6);
    pst_adapter *adapter = open_well(&few, &notes);
    assert_int_equal(notes.count, 0);
    pst_adapter_info info;
    pst_adapter_describe(adapter, &info);
    assert_string_equal(info.peft_type, "LORA");
    assert_string_equal(info.base_model, "some/base");
    assert_int_equal(info.modules, 3);
    assert_int_equal(info.parameters, 2 * (4 + 4) + 2 * (4 + 6) + 3 * (4 + 4));
    assert_int_equal(info.rank_min, 2);
    assert_int_equal(info.rank_max, 3);
    assert_false(info.rslora);
    assert_true(info.file_bytes > 48 * 4);
    static const uint32_t slots[] = {1, 2, 6};
    assert_memory_equal(adapter->slots, slots, sizeof slots);
    assert_null(adapter->effects[5].a);
    assert_int_equal(adapter->effects[6].rank, 3);
    assert_true(adapter->effects[6].scale == 5.0 / 3.0);
    assert_memory_equal(adapter->effects[6].a, A34, sizeof A34);
    assert_memory_equal(adapter->effects[6].b, B43, sizeof B43);
    assert_int_equal(adapter->block_count, 0); /* float32 is used where it lies */
    pst_adapter_free(adapter);
}

/* Frobenius norm of B A by its definition. */
static double product_norm(const float *b, const float *a, size_t out, size_t rank, size_t in) {
    double sum = 0;
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            double entry = 0;
            for (size_t r = 0; r < rank; r++) entry += (double)b[o * rank + r] * a[r * in + i];
            sum += entry * entry;
        }
    }
    return sqrt(sum);
}

static void assert_near(double value, double expected) {
    if (fabs(value - expected) > 1e-12 * fabs(expected))
        fail_msg("%.17g, expected %.17g", value, expected);
}

static void measures_modules(void **state) {
    (void)state;
    struct few_modules few;
    struct notes notes;
    float a[7 * 4], b[4 * 7]; /* more ranks than entries are worth: the other way to sum */
    few_modules_init(&few);
    for (int i = 0; i < 28; i++) {
        a[i] = (float)(i % 5) - 1.5f;
        b[i] = (float)(i % 3) * 0.3f - 0.4f;
    }
    const struct tensor_source tensors[] = {
        matrix(KEY(FC1, "lora_A"), 2, 4, A24),
        matrix(KEY(FC1, "lora_B"), 6, 2, B62),
        matrix(KEY(V10, "lora_A"), 7, 4, a),
        matrix(KEY(V10, "lora_B"), 4, 7, b),
    };
    write_adapter("'r': 2, 'lora_alpha': -3, 'use_rslora': true, 'rank_pattern': {'v_proj': 7},"
                  "'target_modules': ['fc1', 'layers.10.encoder_attn.v_proj']",
                  tensors, 4);
    pst_adapter *adapter = open_well(&few, &notes);
    pst_adapter_module module;
    assert_int_equal(pst_adapter_module_at(adapter, 0, &module, NULL), PST_OK);
    assert_string_equal(module.name, FC1);
    assert_int_equal(module.out, 6);
    assert_int_equal(module.in, 4);
    assert_int_equal(module.rank, 2);
    assert_true(module.scale == -3 / sqrt(2));
    assert_near(module.delta_norm, 3 / sqrt(2) * product_norm(B62, A24, 6, 2, 4));
    assert_near(module.weight_norm, sqrt(6 * 4)); /* of ones */
    assert_int_equal(pst_adapter_module_at(adapter, 1, &module, NULL), PST_OK);
    assert_near(module.delta_norm, 3 / sqrt(7) * product_norm(b, a, 4, 7, 4));
    pst_error err = {0};
    assert_int_equal(pst_adapter_module_at(adapter, 2, &module, &err), PST_ERR_ARGUMENT);
    assert_string_equal(err.message,
                        "pst_adapter_module_at: index is 2, the adapter changes 2 modules");
    assert_string_equal(module.name, V10); /* untouched */
    pst_adapter_free(adapter);
}

/* lora_A as half, lora_B as bfloat16; then doubles, and floats the header leaves unaligned. */
static void widens_other_types(void **state) {
    (void)state;
    static const uint16_t half[8] = {0x3C00, 0xC000, 0x4200, 0xC400, 0x3800, 0, 0x4700, 0x3400};
    static const uint16_t brain[8] = {0x3F80, 0x4000, 0xC040, 0x4080, 0x40A0, 0, 0x3F00, 0xBF80};
    double wide[12];
    struct few_modules few;
    struct notes notes;
    few_modules_init(&few);
    for (int i = 0; i < 12; i++) wide[i] = B62[i];
    struct tensor_source tensors[] = {
        matrix(KEY(Q, "lora_A"), 2, 4, NULL), matrix(KEY(Q, "lora_B"), 4, 2, NULL),
        matrix(KEY(FC1, "lora_A"), 2, 4, A24), matrix(KEY(FC1, "lora_B"), 6, 2, NULL)};
    tensors[0].dtype = DTYPE_F16;
    tensors[0].data = half;
    tensors[1].dtype = DTYPE_BF16;
    tensors[1].data = brain;
    tensors[3].dtype = DTYPE_F64;
    tensors[3].data = wide;
    write_adapter("'r': 2, 'target_modules': ['q_proj', 'fc1']", tensors, 4);
    pst_adapter *adapter = open_well(&few, &notes);
    assert_memory_equal(adapter->effects[1].a, A24, sizeof A24);
    assert_memory_equal(adapter->effects[1].b, B42, sizeof B42);
    assert_memory_equal(adapter->effects[2].a, A24, sizeof A24);
    assert_memory_equal(adapter->effects[2].b, B62, sizeof B62);
    assert_int_equal(adapter->block_count, 3);
    pst_adapter_free(adapter);
}

static void mentions_what_has_no_effect(void **state) {
    (void)state;
    struct few_modules few;
    struct notes notes;
    few_modules_init(&few);
    const struct tensor_source tensors[] = {
        matrix(KEY(Q, "lora_A"), 2, 4, A24),   matrix(KEY(Q, "lora_B"), 4, 2, B42),
        matrix(KEY(FC1, "lora_A"), 2, 4, A24), /* its lora_B is missing: zero in PEFT */
        matrix(KEY(V10, "lora_A"), 3, 4, A34), /* not targeted */
        matrix(KEY(V10, "lora_B"), 4, 3, B43),
    };
    write_adapter("'r': 2, 'target_modules': ['q_proj', 'fc1']", tensors, 3);
    pst_adapter *adapter = open_well(&few, &notes);
    assert_int_equal(notes.count, 1);
    assert_string_equal(notes.last + strlen(DIR_NAME),
                        "/adapter_model.safetensors: no lora_B for 1 of 2 targeted modules, which "
                        "stay as they are: encoder.layers.0.mlp.fc1");
    assert_int_equal(adapter->slot_count, 1);
    assert_null(adapter->effects[2].a);
    pst_adapter_free(adapter);

    write_adapter("'r': 2, 'target_modules': ['q_proj']", tensors, 5);
    adapter = open_well(&few, &notes);
    assert_int_equal(notes.count, 1);
    assert_string_equal(
        notes.last + strlen(DIR_NAME),
        "/adapter_model.safetensors: 3 of 5 tensors belong to no adapted module: " KEY(
            V10, "lora_A") ", " KEY(V10, "lora_B") ", " KEY(FC1, "lora_A"));
    pst_adapter_free(adapter);
}

static void adapts_the_output_layer(void **state) {
    (void)state;
    struct few_modules few;
    struct notes notes;
    float b[8 * 2] = {0};
    few_modules_init(&few);
    const struct tensor_source tensors[] = {matrix(KEY("proj_out", "lora_A"), 2, 4, A24),
                                            matrix(KEY("proj_out", "lora_B"), 8, 2, b)};
    write_adapter("'r': 2, 'target_modules': ['proj_out']", tensors, 2);
    pst_adapter *adapter = open_well(&few, &notes);
    assert_int_equal(adapter->slots[0], 8);
    pst_adapter_module module;
    assert_int_equal(pst_adapter_module_at(adapter, 0, &module, NULL), PST_OK);
    assert_true(module.delta_norm == 0);
    pst_adapter_free(adapter);
}

static void wants_its_arguments(void **state) {
    (void)state;
    struct few_modules few;
    pst_adapter *adapter = NULL;
    pst_adapter_options options = {0};
    pst_error err;
    few_modules_init(&few);
    assert_int_equal(pst_adapter_open(NULL, DIR_NAME, NULL, &adapter, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_adapter_open(&few.model, NULL, NULL, &adapter, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_adapter_open(&few.model, DIR_NAME, NULL, NULL, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_adapter_open(&few.model, DIR_NAME, &options, &adapter, &err),
                     PST_ERR_ARGUMENT);
    assert_int_equal(pst_adapter_open(&few.model, "/nowhere", NULL, &adapter, &err), PST_ERR_MODEL);
    assert_string_equal(err.message, "/nowhere: is not a folder, expected a PEFT adapter");
    assert_null(adapter);
    pst_adapter_free(NULL);
}

/* ---------------------------------------------------------------------------------- tests/bad */

static void read_expected(const char *dir, char *status, size_t size, char *message,
                          size_t message_size) {
    char *path = path_join(dir, "expected");
    FILE *file = fopen(path, "r");
    free(path);
    assert_non_null(file);
    assert_non_null(fgets(status, (int)size, file));
    assert_non_null(fgets(message, (int)message_size, file));
    fclose(file);
    status[strcspn(status, "\n")] = '\0';
    message[strcspn(message, "\n")] = '\0';
}

/* 1 when the adapter in `dir` is refused in the words of its file `expected`. */
static int is_refused_as_expected(const struct few_modules *few, const char *dir) {
    char status[32], message[512];
    pst_adapter *adapter = NULL;
    pst_error err = {0};
    read_expected(dir, status, sizeof status, message, sizeof message);
    pst_status result = pst_adapter_open(&few->model, dir, NULL, &adapter, &err);
    size_t prefix = strlen(dir) + 1;
    const char *said = strncmp(err.message, dir, prefix - 1) == 0 ? err.message + prefix : "";
    int good = !adapter && strcmp(pst_status_name(result), status) == 0 &&
               /* a long folder name may have pushed the end of the message out of the record */
               strncmp(said, message, strlen(said)) == 0 && *said &&
               (strlen(said) == strlen(message) || strlen(err.message) == sizeof err.message - 1);
    if (!good)
        print_error("%s\n  %s: %s\n  %s: %s\n", dir, status, message, pst_status_name(result),
                    err.message);
    pst_adapter_free(adapter);
    return good;
}

static void refuses_bad_adapters_with_reasons(void **state) {
    (void)state;
    static const char root[] = TEST_SOURCE_DIR "/tests/bad/adapter";
    struct few_modules few;
    int cases = 0, wrong = 0;
    few_modules_init(&few);
    DIR *dir = opendir(root);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char *path = path_join(root, entry->d_name);
        if (entry->d_name[0] != '.' && path_is_folder(path)) {
            cases++;
            wrong += !is_refused_as_expected(&few, path);
        }
        free(path);
    }
    closedir(dir);
    assert_true(cases >= 40);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_in_network_order),
        cmocka_unit_test(measures_modules),
        cmocka_unit_test(widens_other_types),
        cmocka_unit_test(mentions_what_has_no_effect),
        cmocka_unit_test(adapts_the_output_layer),
        cmocka_unit_test(wants_its_arguments),
        cmocka_unit_test(refuses_bad_adapters_with_reasons),
    };
    return cmocka_run_group_tests_name("lora", tests, NULL, NULL);
}
