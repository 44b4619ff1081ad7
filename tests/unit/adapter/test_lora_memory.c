/* test_lora_memory.c - opening an adapter with each allocation failing in turn.
 *
 * The program's own malloc family stands before the C library's, also for PCRE2. While armed it
 * counts down to the allocation that fails, and keeps count of blocks, so that a leak on any error
 * path shows. jansson alone gets memory that does not fail: 2.14 reads past its buffers when it
 * runs out. Sanitizers bring a malloc of their own, so there and outside glibc this is skipped. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "adapter/adapter.h"
#include "support/few_modules.h"

#if defined(__has_feature) /* clang's way to say it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)

int main(void) {
    printf("skipped: needs glibc's malloc, without sanitizers\n");
    return 77;
}

#else

#define OURS __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static struct {
    int armed;
    long left;   /* allocations until the one that fails */
    long blocks; /* allocated and not freed while armed */
} heap;

static int fails(void) {
    return heap.armed && heap.left-- == 0;
}

OURS void *malloc(size_t size) {
    if (fails()) return NULL;
    heap.blocks += heap.armed;
    return __libc_malloc(size);
}

OURS void *calloc(size_t count, size_t size) {
    if (fails()) return NULL;
    heap.blocks += heap.armed;
    return __libc_calloc(count, size);
}

OURS void *realloc(void *memory, size_t size) {
    if (fails()) return NULL;
    heap.blocks += heap.armed && !memory;
    return __libc_realloc(memory, size);
}

OURS void free(void *memory) {
    heap.blocks -= heap.armed && memory;
    __libc_free(memory);
}

#define Q "base_model.model.model.encoder.layers.0.self_attn.q_proj."
#define V "base_model.model.model.decoder.layers.10.encoder_attn.v_proj."

/* An adapter that takes every path which allocates: lists, tables, expressions, a widened matrix,
 * missing and unused tensors. */
static void write_adapter(const char *dir, const char *config_path, const char *tensors_path) {
    static const float ones[16] = {1, 1, 1, 1, 1, 1, 1, 1};
    static const unsigned char halves[16];
    const struct tensor_source tensors[] = {
        {Q "lora_A.weight", DTYPE_F16, 2, {2, 4}, halves},
        {Q "lora_B.weight", DTYPE_F32, 2, {4, 2}, ones},
        {V "lora_A.weight", DTYPE_F32, 2, {2, 4}, ones},
        {"base_model.model.unused", DTYPE_F32, 2, {2, 4}, ones},
    };
    char command[512];
    snprintf(command, sizeof command, "mkdir -p '%s'", dir);
    assert_int_equal(system(command), 0);
    FILE *file = fopen(config_path, "w");
    assert_non_null(file);
    fputs("{\"peft_type\": \"LORA\", \"r\": 2, \"target_modules\": [\"q_proj\", \"v_proj\"],"
          "\"exclude_modules\": \".*0\\\\.encoder_attn.*\", \"layers_to_transform\": [0, 10],"
          "\"layers_pattern\": \"layers\", \"rank_pattern\": {\"fc1\": 3}, \"future\": 1,"
          "\"alpha_pattern\": {\"q.*\": 2}, \"base_model_name_or_path\": \"base\"}",
          file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(safetensors_write(tensors_path, tensors, 4, NULL), PST_OK);
}

/* The same module with everything that is computed or reordered on opening. */
static void write_richer_adapter(const char *dir, const char *config_path,
                                 const char *tensors_path) {
    static const float values[] = {0.5f, 1, -2, 3, 0.25f, -1, 4, 2}, more[] = {2, 3, 4, 5};
    const struct tensor_source tensors[] = {
        {Q "lora_A.weight", DTYPE_F32, 2, {2, 4}, values},
        {Q "lora_B.weight", DTYPE_F32, 2, {4, 2}, values},
        {Q "lora_magnitude_vector", DTYPE_F32, 1, {4}, more},
        {"base_model.model.model.encoder.layer_norm.weight", DTYPE_F32, 1, {4}, more},
        {"base_model.model.model.decoder.embed_tokens.token_adapter.trainable_tokens_delta",
         DTYPE_F32,
         2,
         {2, 4},
         values},
    };
    char command[512];
    snprintf(command, sizeof command, "mkdir -p '%s'", dir);
    assert_int_equal(system(command), 0);
    FILE *file = fopen(config_path, "w");
    assert_non_null(file);
    fputs("{\"peft_type\": \"LORA\", \"r\": 2, \"target_modules\": [\"q_proj\"],"
          "\"use_dora\": true, \"init_lora_weights\": \"pissa\","
          "\"modules_to_save\": [\"layer_norm\"], \"trainable_token_indices\": [5, 2]}",
          file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(safetensors_write(tensors_path, tensors, 5, NULL), PST_OK);
}

static void ignore(void *user, const char *message) {
    (void)user;
    (void)message;
}

static void survive_each_failed_allocation(const char *dir) {
    struct few_modules few;
    pst_adapter_options options;
    pst_status status;
    long failed = 0;
    json_set_alloc_funcs(__libc_malloc, __libc_free);
    few_modules_init(&few);
    pst_adapter_options_init(&options);
    options.warn = ignore;
    do {
        pst_adapter *adapter = NULL;
        pst_error err = {0};
        heap.blocks = 0;
        heap.left = failed++;
        heap.armed = 1;
        status = pst_adapter_open(&few.model, dir, &options, &adapter, &err);
        assert_true(status == PST_OK || !adapter);
        pst_adapter_free(adapter);
        heap.armed = 0;
        assert_int_equal(heap.blocks, 0);
        if (status && status != PST_ERR_MEMORY)
            fail_msg("allocation %ld: %s", failed - 1, err.message);
    } while (status);
    assert_true(failed > 30); /* the malloc above is the one in use */
}

static void patterns_and_warnings(void **state) {
    (void)state;
    static const char dir[] = TEST_BINARY_DIR "/lora_memory";
    write_adapter(dir, TEST_BINARY_DIR "/lora_memory/adapter_config.json",
                  TEST_BINARY_DIR "/lora_memory/adapter_model.safetensors");
    survive_each_failed_allocation(dir);
}

static void corrections_norms_and_rows(void **state) {
    (void)state;
    static const char dir[] = TEST_BINARY_DIR "/lora_memory_rich";
    write_richer_adapter(dir, TEST_BINARY_DIR "/lora_memory_rich/adapter_config.json",
                         TEST_BINARY_DIR "/lora_memory_rich/adapter_model.safetensors");
    survive_each_failed_allocation(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_and_warnings),
        cmocka_unit_test(corrections_norms_and_rows),
    };
    return cmocka_run_group_tests_name("lora_memory", tests, NULL, NULL);
}

#endif
