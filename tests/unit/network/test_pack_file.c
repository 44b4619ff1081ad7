/* test_pack_file.c - models opened with a cache compute with the same bytes as those without,
 * whatever lies in the cache and however many processes open one at a time. */
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/content_digest.h"
#include "network/network.h"
#include "support/folder.h"
#include "support/scratch.h"

#define MICRO TEST_SOURCE_DIR "/tests/golden/micro"
static char cache[512], copy[512];

static int start(void **state) {
    (void)state;
    snprintf(copy, sizeof copy, "%s", scratch_folder("pack_model"));
    snprintf(cache, sizeof cache, "%s", scratch_folder("pack_file"));
    folder_empty(cache);
    folder_empty(copy);
    return 0;
}

static pst_model *open_model(const char *dir, pst_precision precision, const char *cache_dir) {
    pst_error err;
    pst_model *model;
    pst_model_options options;
    pst_model_options_init(&options);
    options.precision = precision;
    options.prepare = 1;
    options.cache_dir = cache_dir;
    if (pst_model_open(dir, &options, &model, &err)) fail_msg("%s", err.message);
    return model;
}

/* Are the weights in a file, and not in memory of this process? */
static int is_mapped(const pst_model *model) {
    const struct pack *pack = &model->network->pack;
    return pack->memory == NULL && pack->file.view.mapping != NULL;
}

static void same_packed(const struct packed *a, const struct packed *b,
                        const struct kernels *kernels) {
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->k, b->k);
    assert_int_equal(a->precision, b->precision);
    assert_int_equal(a->data == NULL, b->data == NULL);
    if (!a->data) return;
    assert_int_equal((uintptr_t)a->data % 64, 0);
    assert_memory_equal(a->data, b->data, kernels->packed[a->precision]->bytes(a->n, a->k));
}

static void same_weights(const pst_model *a, const pst_model *b) {
    const struct pack *left = &a->network->pack, *right = &b->network->pack;
    assert_int_equal(a->weights.module_count, b->weights.module_count);
    for (uint32_t slot = 0; slot < a->weights.module_count; slot++)
        same_packed(&left->packed[slot], &right->packed[slot], a->network->kernels);
    assert_memory_equal(left->output_error, right->output_error, a->config.vocab * sizeof(float));
}

/* Names in the cache that begin so; the last of them in `path`. */
static int count(const char *prefix, char path[1024]) {
    int found = 0;
    DIR *dir = opendir(cache);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        if (path) snprintf(path, 1024, "%s/%s", cache, entry->d_name);
        found++;
    }
    closedir(dir);
    return found;
}

static void second_opening_maps(void **state) {
    (void)state;
    for (int p = PST_PRECISION_F32; p <= PST_PRECISION_INT8; p++) {
        pst_model *plain = open_model(MICRO, (pst_precision)p, NULL);
        assert_false(is_mapped(plain));
        assert_int_equal(count("weights-", NULL), p);
        pst_model *first = open_model(MICRO, (pst_precision)p, cache);
        assert_false(is_mapped(first));
        pst_model *second = open_model(MICRO, (pst_precision)p, cache);
        assert_true(is_mapped(second));
        same_weights(plain, first);
        same_weights(plain, second);
        pst_model_free(plain);
        pst_model_free(first);
        assert_int_equal(count("weights-", NULL), p + 1); /* precisions stand side by side */
        pst_model_free(second);
    }
    assert_int_equal(count("tmp-", NULL), 0);
}

/* Opens with what lies in the cache and once more: both compute with the right bytes, and the
 * second has a good file again. */
static void heals(const char *what) {
    pst_model *plain = open_model(MICRO, PST_PRECISION_INT8, NULL);
    pst_model *first = open_model(MICRO, PST_PRECISION_INT8, cache);
    pst_model *second = open_model(MICRO, PST_PRECISION_INT8, cache);
    if (is_mapped(first)) fail_msg("%s was taken", what);
    if (!is_mapped(second)) fail_msg("%s was not replaced", what);
    same_weights(plain, first);
    same_weights(plain, second);
    pst_model_free(plain);
    pst_model_free(first);
    pst_model_free(second);
}

static void damage_heals(void **state) {
    (void)state;
    static const long PLACES[] = {0, 9, 17, 25, 40, 70, 200, 4000, 4096, 5000, -1};
    char path[1024];
    heals("an empty cache");
    assert_int_equal(count("weights-", path), 1);
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        FILE *file = fopen(path, "r+b");
        fseek(file, PLACES[i], PLACES[i] < 0 ? SEEK_END : SEEK_SET);
        int byte = fgetc(file);
        fseek(file, PLACES[i], PLACES[i] < 0 ? SEEK_END : SEEK_SET);
        fputc(byte ^ 1, file);
        fclose(file);
        heals("a damaged file");
    }
    assert_int_equal(truncate(path, 6000), 0);
    heals("a short file");
    assert_int_equal(truncate(path, 0), 0);
    heals("an empty file");
    assert_int_equal(chmod(path, 0622), 0);
    heals("a file for all");
}

/* Without a cache that can be used the model opens all the same. */
static void no_place(void **state) {
    (void)state;
    char path[1024];
    scratch_text(cache, "file", "");
    snprintf(path, sizeof path, "%s/file", cache);
    pst_model *model = open_model(MICRO, PST_PRECISION_INT8, path);
    assert_false(is_mapped(model));
    pst_model_free(model);
    pst_model_free(open_model(MICRO, PST_PRECISION_INT8, "/proc/none"));
    assert_int_equal(chdir(cache), 0); /* where the tests are run is no place either */
    pst_model_free(open_model(MICRO, PST_PRECISION_INT8, ""));
    assert_int_equal(count("", NULL), 1);
}

static void copy_model(const char *from) {
    static const char *const FILES[] = {"config.json", "model.safetensors"};
    for (int i = 0; i < 2; i++) scratch_copy(from, copy, FILES[i]);
}

/* Another checkpoint under the same name, written at once after the first. */
static void new_weights_count(void **state) {
    (void)state;
    copy_model(MICRO);
    pst_model_free(open_model(copy, PST_PRECISION_INT8, cache));
    copy_model(TEST_SOURCE_DIR "/tests/golden/micro_bf16");
    pst_model *plain = open_model(copy, PST_PRECISION_INT8, NULL);
    pst_model *cached = open_model(copy, PST_PRECISION_INT8, cache);
    same_weights(plain, cached);
    assert_false(is_mapped(cached));
    pst_model_free(plain);
    pst_model_free(cached);
    /* Its first file serves a copy elsewhere. */
    cached = open_model(MICRO, PST_PRECISION_INT8, cache);
    assert_true(is_mapped(cached));
    pst_model_free(cached);
}

/* Shards are all part of what the file is made from. */
static void shards(void **state) {
    (void)state;
    const char *dir = TEST_SOURCE_DIR "/tests/golden/micro_sharded";
    pst_model *first = open_model(dir, PST_PRECISION_BF16, cache);
    pst_model *second = open_model(dir, PST_PRECISION_BF16, cache);
    assert_true(is_mapped(second));
    same_weights(first, second);
    pst_model_free(first);
    pst_model_free(second);
}

static const struct packed *packed_output(const pst_model *model) {
    return &model->network->pack.packed[model->weights.proj_out.slot];
}

static void many_processes(void **state) {
    (void)state;
    enum { PROCESSES = 6 };
    pid_t children[PROCESSES];
    pst_model *plain = open_model(MICRO, PST_PRECISION_INT8, NULL);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i]) continue;
        int wrong = 0;
        for (int round = 0; round < 3; round++) {
            pst_model *model;
            pst_model_options options;
            pst_model_options_init(&options);
            options.precision = PST_PRECISION_INT8;
            options.cache_dir = cache;
            options.prepare = 1;
            if (pst_model_open(MICRO, &options, &model, NULL)) _exit(2);
            const struct packed *ours = packed_output(model);
            wrong |= memcmp(
                ours->data, packed_output(plain)->data,
                model->network->kernels->packed[PST_PRECISION_INT8]->bytes(ours->n, ours->k));
            wrong |=
                round > 0 && !is_mapped(model); /* its own file, or another's of the same bytes */
            pst_model_free(model);
        }
        _exit(wrong != 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int ended;
        assert_int_equal(waitpid(children[i], &ended, 0), children[i]);
        assert_int_equal(ended, 0);
    }
    pst_model_free(plain);
    assert_int_equal(count("weights-", NULL), 1);
    assert_int_equal(count("tmp-", NULL), 0);
}

/* ------------------------------------------------------------------- the digest of a checkpoint */

static void stamp(const char *path, struct file_stamp *out) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    file_stamp_of(out, &st);
}

static void digests(void **state) {
    (void)state;
    char hex[DIGEST_HEX_SIZE], path[1024];
    struct file_stamp now;
    scratch_text(copy, "abc", "abc");
    snprintf(path, sizeof path, "%s/abc", copy);
    stamp(path, &now);
    assert_int_equal(content_digest(path, &now, cache, hex), 1);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(count("content-", NULL), 0); /* written a moment ago: not to be relied on */
    uint64_t *fields[] = {&now.device, &now.inode, &now.size, (uint64_t *)&now.modified_ns,
                          (uint64_t *)&now.changed_ns};
    for (int i = 0; i < 5; i++) { /* any other state is gone */
        ++*fields[i];
        assert_int_equal(content_digest(path, &now, cache, hex), 0);
        --*fields[i];
    }
    assert_int_equal(content_digest("/nonexistent", &now, cache, hex), 0);
}

/* A digest that is kept is taken from there: another one is put in its place to see it. */
static void digests_are_kept(void **state) {
    (void)state;
    char hex[DIGEST_HEX_SIZE], path[1024];
    static unsigned char bytes[4096 + 64];
    struct file_stamp old;
    struct stat st;
    stamp(MICRO "/config.json", &old);
    assert_int_equal(stat(MICRO "/config.json", &st), 0);
    if (time(NULL) - st.st_ctime < 3) skip(); /* the source tree is being written */
    assert_int_equal(content_digest(MICRO "/config.json", &old, cache, hex), 1);
    assert_int_equal(count("content-", path), 1);
    FILE *file = fopen(path, "r+b");
    assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    assert_memory_equal(bytes + 4096, hex, 64);
    memset(bytes + 4096, 'e', 64);
    uint64_t sum = XXH3_64bits(bytes + 16, sizeof bytes - 16);
    memcpy(bytes + 8, &sum, 8);
    rewind(file);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    fclose(file);
    char other[DIGEST_HEX_SIZE];
    assert_int_equal(content_digest(MICRO "/config.json", &old, cache, other), 1);
    assert_int_equal(strspn(other, "e"), 64);
    bytes[4096] = 'x'; /* no digest at all: computed again */
    sum = XXH3_64bits(bytes + 16, sizeof bytes - 16);
    memcpy(bytes + 8, &sum, 8);
    scratch_write(cache, strrchr(path, '/') + 1, bytes, sizeof bytes);
    assert_int_equal(content_digest(MICRO "/config.json", &old, cache, other), 1);
    assert_string_equal(other, hex);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(second_opening_maps, start),
        cmocka_unit_test_setup(damage_heals, start),
        cmocka_unit_test_setup(no_place, start),
        cmocka_unit_test_setup(new_weights_count, start),
        cmocka_unit_test_setup(shards, start),
        cmocka_unit_test_setup(many_processes, start),
        cmocka_unit_test_setup(digests, start),
        cmocka_unit_test_setup(digests_are_kept, start),
    };
    return cmocka_run_group_tests_name("pack_file", tests, NULL, NULL);
}
