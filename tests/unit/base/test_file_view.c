/* test_file_view.c - only regular files are opened, nothing is waited for, and what the system
 * refuses is told apart from what is wrong with the file. */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file_view.h"
#include "support/scratch.h"

static pst_error err;
static char path[600];

static int start(void **state) {
    (void)state;
    const char *folder = scratch_folder("file_view");
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

/* By either way to read a file, within the time that the test has. */
static void expect(const char *name, const char *message) {
    struct file_view view;
    char hex[DIGEST_HEX_SIZE];
    assert_int_equal(file_view_open(&view, name, SIZE_MAX, &err), PST_ERR_MODEL);
    if (!strstr(err.message, message)) fail_msg("%s", err.message);
    assert_int_equal(digest_file(DIGEST_SHA256, name, NULL, hex, &err), PST_ERR_MODEL);
    if (!strstr(err.message, message)) fail_msg("%s", err.message);
}

static void nothing_but_files_is_opened(void **state) {
    (void)state;
    unlink(path);
    expect(path, "no such file");
    alarm(20); /* to open a pipe waits for somebody to write */
    assert_int_equal(mkfifo(path, 0666), 0);
    expect(path, "is not a regular file, expected a file");
    unlink(path);
    expect("/dev/null", "is not a regular file");
    expect("/dev/zero", "is not a regular file");
    expect(".", "is a folder, expected a file");
    assert_int_equal(symlink("/dev/zero", path), 0);
    expect(path, "is not a regular file");
    unlink(path);
    alarm(0);
}

/* Nothing is wrong with a file that does not fit into the memory. */
static void no_memory_is_no_fault_of_the_file(void **state) {
    (void)state;
    struct file_view view;
    struct rlimit before, limit;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)3 << 30), 0); /* it takes no room on the disk */
    close(fd);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)1 << 30;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    pst_status status = file_view_open(&view, path, SIZE_MAX, &err);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    unlink(path);
    if (status == PST_OK) { /* a system that does not keep to the limit */
        file_view_close(&view);
        skip();
    }
    assert_int_equal(status, PST_ERR_MEMORY);
    assert_non_null(strstr(err.message, "cannot map: "));
}

static void what_is_detached_outlives_its_file(void **state) {
    (void)state;
    enum { SIZE = 300000 }; /* pages, and a part of one */
    static unsigned char bytes[SIZE];
    struct file_view view;
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    scratch_write(scratch_folder("file_view"), "file", bytes, SIZE);
    assert_int_equal(file_view_open(&view, path, SIZE_MAX, &err), PST_OK);
    const unsigned char *data = view.data;
    assert_int_equal(file_view_detach(&view, path, data, SIZE, &err), PST_OK);
    assert_int_equal(file_view_detach(&view, path, data + 7, 9000, &err), PST_OK); /* again */
    assert_int_equal(file_view_detach(&view, path, bytes, SIZE, &err), PST_OK);    /* not of it */
    assert_ptr_equal(view.data, data);
    assert_int_equal(truncate(path, 0), 0);
    file_view_release(&view, view.data, view.size); /* could not be read again */
    assert_memory_equal(view.data, bytes, SIZE);
    file_view_close(&view);
    unlink(path);
}

/* And what shares a page with it. */
static void a_part_may_be_detached(void **state) {
    (void)state;
    enum { SIZE = 300000, FIRST = 100001, LENGTH = 50000 };
    static unsigned char bytes[SIZE];
    struct file_view view;
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    scratch_write(scratch_folder("file_view"), "file", bytes, SIZE);
    assert_int_equal(file_view_open(&view, path, SIZE_MAX, &err), PST_OK);
    assert_int_equal(file_view_detach(&view, path, view.data + FIRST, LENGTH, &err), PST_OK);
    assert_memory_equal(view.data, bytes, SIZE); /* the rest is as it was */
    assert_int_equal(file_view_detach(&view, path, view.data + SIZE - 1, 1, &err), PST_OK);
    assert_int_equal(truncate(path, 0), 0);
    assert_memory_equal(view.data + FIRST, bytes + FIRST, LENGTH);
    assert_true(view.data[SIZE - 1] == bytes[SIZE - 1]);
    file_view_close(&view);
    unlink(path);
}

static void a_file_that_changes_is_not_detached(void **state) {
    (void)state;
    struct file_view view;
    const char *folder = scratch_folder("file_view");
    for (int gone = 0; gone < 2; gone++) {
        scratch_text(folder, "file", "as it was");
        assert_int_equal(file_view_open(&view, path, SIZE_MAX, &err), PST_OK);
        if (gone)
            unlink(path);
        else
            scratch_text(folder, "file", "as");
        assert_int_equal(file_view_detach(&view, path, view.data, view.size, &err), PST_ERR_MODEL);
        assert_non_null(strstr(err.message, path));
        assert_non_null(strstr(err.message, gone ? "no such file" : "was changed while it was"));
        file_view_close(&view);
    }
    unlink(path);
    assert_int_equal(file_view_open(&view, path, SIZE_MAX, &err), PST_ERR_MODEL);
    scratch_text(folder, "file", "");
    assert_int_equal(file_view_open(&view, path, SIZE_MAX, &err), PST_OK);
    /* Nothing is mapped. */
    assert_int_equal(file_view_detach(&view, path, view.data, 0, &err), PST_OK);
    file_view_close(&view);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_files_is_opened),
        cmocka_unit_test(what_is_detached_outlives_its_file),
        cmocka_unit_test(a_part_may_be_detached),
        cmocka_unit_test(a_file_that_changes_is_not_detached),
        cmocka_unit_test(no_memory_is_no_fault_of_the_file),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
