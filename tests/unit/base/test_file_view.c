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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_files_is_opened),
        cmocka_unit_test(no_memory_is_no_fault_of_the_file),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
