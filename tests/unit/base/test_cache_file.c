/* test_cache_file.c - what is kept comes back as it was; whatever else lies there
 * is as good as nothing. */
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cache_file.h"
#include "base/cache_folder.h"
#include "support/folder.h"
#include "support/scratch.h"

#define NAME "test-0123456789abcdef0123456789abcdef"
static const char HEAD[] = "test 1\nof these inputs\n";
enum { BODY = 1000, PAGE = 4096 };

static unsigned char body[BODY];
static const char *folder;

static struct cache_content wanted(void) {
    return (struct cache_content){.name = NAME,
                                  .head = HEAD,
                                  .head_bytes = sizeof HEAD - 1,
                                  .body = body,
                                  .body_bytes = BODY};
}

static const char *in_folder(const char *name) {
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int start(void **state) {
    (void)state;
    folder = scratch_folder("cache_file");
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        unlinkat(dirfd(dir), entry->d_name, 0);
        unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
    for (int i = 0; i < BODY; i++) body[i] = (unsigned char)(i * 7);
    return 0;
}

/* Is there a trusted file? Its body is then compared. */
static int found(void) {
    struct file_view view;
    struct cache_content content = wanted();
    content.body = NULL;
    const unsigned char *got = cache_file_open(&view, folder, &content);
    if (got) assert_memory_equal(got, body, BODY);
    if (got) assert_int_equal((uintptr_t)got % 64, 0);
    file_view_close(&view);
    return got != NULL;
}

static int keep(void) {
    struct cache_content content = wanted();
    return cache_file_write(folder, &content);
}

static void comes_back(void **state) {
    (void)state;
    struct stat st;
    assert_int_equal(found(), 0);
    assert_int_equal(keep(), 1);
    assert_int_equal(found(), 1);
    assert_int_equal(folder_entries(folder), 1); /* no temporary file */
    assert_int_equal(stat(in_folder(NAME), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    body[3]++;
    assert_int_equal(keep(), 1); /* over the old one */
    assert_int_equal(found(), 1);
    struct cache_content content = wanted();
    char deep[1024];
    snprintf(deep, sizeof deep, "%s/new", folder);
    assert_int_equal(cache_file_write(deep, &content), 1); /* folders are made */
    snprintf(deep, sizeof deep, "%s/new/%s", folder, NAME);
    assert_int_equal(unlink(deep), 0);
}

/* A whole file in aligned memory. */
static unsigned char *file_bytes(size_t *size) {
    static _Alignas(64) unsigned char bytes[2 * PAGE];
    FILE *file = fopen(in_folder(NAME), "rb");
    *size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return bytes;
}

static void every_byte_counts(void **state) {
    (void)state;
    size_t size;
    struct cache_content content = wanted();
    assert_int_equal(keep(), 1);
    unsigned char *bytes = file_bytes(&size);
    assert_int_equal(size, PAGE + BODY);
    assert_ptr_equal(cache_file_check(bytes, size, &content), bytes + PAGE);
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit += 7) {
            bytes[at] ^= (unsigned char)(1 << bit);
            assert_null(cache_file_check(bytes, size, &content));
            bytes[at] ^= (unsigned char)(1 << bit);
        }
    for (size_t cut = 0; cut < size; cut++) assert_null(cache_file_check(bytes, cut, &content));
    assert_null(cache_file_check(bytes, size + 1, &content));
}

/* Lengths that lie: all the others bytes are as they should be. */
static void numbers_that_lie(void **state) {
    (void)state;
    static const uint64_t LIES[] = {0, 1, PAGE, UINT32_MAX, INT64_MAX, UINT64_MAX};
    size_t size;
    struct cache_content content = wanted();
    assert_int_equal(keep(), 1);
    unsigned char *bytes = file_bytes(&size), kept[8];
    for (size_t field = 8; field <= 24; field += 8)
        for (size_t i = 0; i < sizeof LIES / sizeof *LIES; i++) {
            memcpy(kept, bytes + field, 8);
            memcpy(bytes + field, &LIES[i], 8);
            assert_null(cache_file_check(bytes, size, &content));
            memcpy(bytes + field, kept, 8);
        }
    content.head_bytes = SIZE_MAX; /* nor can the wish be met */
    assert_null(cache_file_check(bytes, size, &content));
    content = wanted();
    content.body_bytes = SIZE_MAX - 1;
    assert_null(cache_file_check(bytes, size, &content));
    assert_int_equal(cache_file_write(folder, &content), 0);
    content.body_bytes = CACHE_BODY_ANY;
    assert_ptr_equal(cache_file_check(bytes, size, &content), bytes + PAGE);
    for (size_t cut = 0; cut < size; cut += 7) assert_null(cache_file_check(bytes, cut, &content));
}

static void other_heads(void **state) {
    (void)state;
    struct cache_content other = wanted();
    other.head = "test 2\nof these inputs\n";
    assert_int_equal(cache_file_write(folder, &other), 1);
    assert_int_equal(found(), 0);
    other = wanted();
    other.head_bytes--;
    assert_int_equal(cache_file_write(folder, &other), 1);
    assert_int_equal(found(), 0);
    other = wanted();
    other.body_bytes--;
    assert_int_equal(cache_file_write(folder, &other), 1);
    assert_int_equal(found(), 0);
    assert_int_equal(keep(), 1);
    assert_int_equal(found(), 1);
}

static void things_that_are_no_file(void **state) {
    (void)state;
    assert_int_equal(keep(), 1);
    char other[1024];
    snprintf(other, sizeof other, "%s", in_folder("elsewhere"));
    assert_int_equal(rename(in_folder(NAME), other), 0);
    assert_int_equal(symlink(other, in_folder(NAME)), 0);
    assert_int_equal(found(), 0);
    assert_int_equal(unlink(in_folder(NAME)), 0);
    assert_int_equal(mkfifo(in_folder(NAME), 0600), 0);
    assert_int_equal(found(), 0); /* and does not wait for a writer */
    assert_int_equal(unlink(in_folder(NAME)), 0);
    assert_int_equal(mkdir(in_folder(NAME), 0700), 0);
    assert_int_equal(found(), 0);
    assert_int_equal(keep(), 0);
    assert_int_equal(folder_entries(folder), 2); /* nothing is left of the attempt */
    struct cache_content content = wanted();
    assert_int_equal(cache_file_write(other, &content), 0); /* a file, not a folder */
}

static void others_may_not_write(void **state) {
    (void)state;
    assert_int_equal(keep(), 1);
    assert_int_equal(chmod(in_folder(NAME), 0644), 0);
    assert_int_equal(found(), 1);
    assert_int_equal(chmod(in_folder(NAME), 0664), 0);
    assert_int_equal(found(), 0);
    assert_int_equal(chmod(in_folder(NAME), 0602), 0);
    assert_int_equal(found(), 0);
    struct stat st = {.st_mode = S_IFREG | 0600, .st_uid = geteuid()};
    assert_int_equal(cache_folder_owns(&st), 1);
    st.st_uid++;
    assert_int_equal(cache_folder_owns(&st), 0);
    assert_int_equal(keep(), 1); /* it is replaced */
    assert_int_equal(found(), 1);
}

/* --------------------------------------------------------------------------------- the folder */

enum { DAY = 86400 };

static void make(const char *name, size_t bytes, int days) {
    struct timespec times[2] = {{.tv_sec = time(NULL) - (time_t)days * DAY - 60}, {0}};
    times[1] = times[0];
    scratch_write(folder, name, body, bytes);
    chmod(in_folder(name), 0600);
    assert_int_equal(utimensat(AT_FDCWD, in_folder(name), times, 0), 0);
}

static int there(const char *name) {
    struct stat st;
    return stat(in_folder(name), &st) == 0;
}

#define DIGITS "0123456789abcdef0123456789abcde"
static void old_ones_go(void **state) {
    (void)state;
    static const char *const OTHERS[] = {
        "notes.txt",    "weights-" DIGITS, "weights-" DIGITS "g",    "weights-" DIGITS "00",
        "-" DIGITS "0", "tmp-toolong",     "weights-" DIGITS "0.bak"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) make(OTHERS[i], 10, 400);
    make("weights-" DIGITS "1", 10, 31);
    make("weights-" DIGITS "2", 10, 29);
    make("content-" DIGITS "3", 10, 31);
    make("tmp-a1B2c3", 10, 2);
    make("tmp-a1B2c4", 10, 0); /* someone is writing it */
    make("weights-" DIGITS "4", 10, 99);
    assert_int_equal(chmod(in_folder("weights-" DIGITS "4"), 0666), 0);
    cache_folder_clean(folder, CACHE_BYTES_MAX, CACHE_DAYS);
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) assert_true(there(OTHERS[i]));
    assert_false(there("weights-" DIGITS "1"));
    assert_true(there("weights-" DIGITS "2"));
    assert_false(there("content-" DIGITS "3"));
    assert_false(there("tmp-a1B2c3"));
    assert_true(there("tmp-a1B2c4"));
    assert_true(there("weights-" DIGITS "4")); /* not for us to judge */
}

static void too_many_go(void **state) {
    (void)state;
    make("weights-" DIGITS "1", 400, 3);
    make("weights-" DIGITS "2", 400, 2);
    make("weights-" DIGITS "3", 400, 1);
    cache_folder_clean(folder, 800, CACHE_DAYS);
    assert_false(there("weights-" DIGITS "1"));
    assert_true(there("weights-" DIGITS "2"));
    assert_true(there("weights-" DIGITS "3"));
    cache_folder_clean(folder, 1, CACHE_DAYS); /* the last one used always stays */
    assert_false(there("weights-" DIGITS "2"));
    assert_true(there("weights-" DIGITS "3"));
    cache_folder_clean("/nonexistent", 1, 1);
}

static void use_is_noted(void **state) {
    (void)state;
    struct stat st;
    static const int AGES[] = {20 * DAY, -DAY}; /* the past, the future */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(keep(), 1);
        struct timespec times[2] = {{.tv_sec = time(NULL) - AGES[i]}, {0}};
        times[1] = times[0];
        assert_int_equal(utimensat(AT_FDCWD, in_folder(NAME), times, 0), 0);
        assert_int_equal(found(), 1);
        assert_int_equal(stat(in_folder(NAME), &st), 0);
        assert_true(st.st_mtime > time(NULL) - DAY / 2 && st.st_mtime < time(NULL) + DAY / 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(comes_back, start),
        cmocka_unit_test_setup(every_byte_counts, start),
        cmocka_unit_test_setup(numbers_that_lie, start),
        cmocka_unit_test_setup(other_heads, start),
        cmocka_unit_test_setup(things_that_are_no_file, start),
        cmocka_unit_test_setup(others_may_not_write, start),
        cmocka_unit_test_setup(old_ones_go, start),
        cmocka_unit_test_setup(too_many_go, start),
        cmocka_unit_test_setup(use_is_noted, start),
    };
    return cmocka_run_group_tests_name("cache_file", tests, NULL, NULL);
}
