/* test_file_writer.c - outputs are whole or absent; messages are printable. */
#include "support/test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_view.h"
#include "base/file_writer.h"
#include "potstill_tools.h"
#include "support/folder.h"
#include "support/scratch.h"

static pst_error err;
static char folder[512];

static const char *in_folder(const char *name) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int start(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("writer"));
    return 0;
}

static void a_file_is_replaced_at_once(void **state) {
    (void)state;
    assert_int_equal(file_write(in_folder("out"), "first", 5, &err), PST_OK);
    int before = folder_entries(folder);
    struct file_writer writer;
    assert_int_equal(file_writer_open(&writer, in_folder("out"), &err), PST_OK);
    assert_int_equal(file_writer_put(&writer, "second", 6, &err), PST_OK);
    struct file_view view;
    assert_int_equal(file_view_open(&view, in_folder("out"), 100, &err), PST_OK);
    assert_memory_equal(view.data, "first", 5); /* nothing shows before the commit */
    file_view_close(&view);
    file_writer_abort(&writer);
    assert_int_equal(folder_entries(folder), before);
    assert_int_equal(file_write(in_folder("out"), "third", 5, &err), PST_OK);
    assert_int_equal(file_view_open(&view, in_folder("out"), 100, &err), PST_OK);
    assert_memory_equal(view.data, "third", 5);
    file_view_close(&view);
    assert_int_equal(folder_entries(folder), before);
}

static void refusals(void **state) {
    (void)state;
    assert_int_equal(file_write(folder, "x", 1, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(pst_write_file(NULL, "x", 1, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_write_file(in_folder("none"), NULL, 1, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_write_file(in_folder("empty"), NULL, 0, &err), PST_OK);
    assert_int_equal(file_write("/no such folder/x", "x", 1, &err), PST_ERR_IO);
    struct file_view view;
    assert_int_equal(file_write(in_folder("five"), "12345", 5, &err), PST_OK);
    assert_int_equal(file_view_open(&view, in_folder("five"), 4, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "at most 4"));
    assert_int_equal(file_write(in_folder("none"), "", 0, &err), PST_OK);
    assert_int_equal(file_view_open(&view, in_folder("none"), 4, &err), PST_OK);
    assert_int_equal(view.size, 0);
    file_view_close(&view);
    assert_int_equal(file_view_open(&view, "/dev/null", 4, &err), PST_ERR_MODEL);
}

static void a_planted_link_is_not_followed(void **state) {
    (void)state;
    /* Under the names that were used once, and under one of today's form: none is touched. */
    char link_path[700];
    scratch_text(folder, "precious", "kept");
    static const char *const names[] = {"planted.tmp-1", "planted.tmp-0123456789abcdef"};
    for (int i = 0; i < 2; i++) {
        snprintf(link_path, sizeof link_path, "%s/%s", folder, names[i]);
        unlink(link_path);
        assert_int_equal(symlink("precious", link_path), 0);
    }
    assert_int_equal(file_write(in_folder("planted"), "new", 3, &err), PST_OK);
    struct file_view view;
    assert_int_equal(file_view_open(&view, in_folder("precious"), 100, &err), PST_OK);
    assert_memory_equal(view.data, "kept", 4);
    file_view_close(&view);
    scratch_remove(folder, names[0]);
    scratch_remove(folder, names[1]);
}

static void what_a_killed_process_left_is_removed(void **state) {
    (void)state;
    int before = folder_entries(folder);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct file_writer writer;
        _exit(file_writer_open(&writer, in_folder("killed"), &err));
    }
    int exit_code;
    assert_int_equal(waitpid(child, &exit_code, 0), child);
    assert_int_equal(exit_code, 0);
    assert_int_equal(folder_entries(folder), before + 1);
    struct file_writer living;
    assert_int_equal(file_writer_open(&living, in_folder("killed"), &err), PST_OK);
    assert_int_equal(folder_entries(folder), before + 1); /* the living one's */
    assert_int_equal(file_write(in_folder("killed"), "x", 1, &err), PST_OK);
    assert_int_equal(folder_entries(folder), before + 2); /* which another writer leaves alone */
    assert_int_equal(file_writer_put(&living, "second", 6, &err), PST_OK);
    assert_int_equal(file_writer_commit(&living, &err), PST_OK);
    assert_int_equal(folder_entries(folder), before + 1);
    scratch_remove(folder, "killed");
}

static void messages_are_printable(void **state) {
    (void)state;
    error_set(&err, PST_ERR_MODEL, "a\nb\033[2J\x7f");
    assert_string_equal(err.message, "a?b?[2J?");
    char longer[700];
    memset(longer, 'x', sizeof longer);
    memcpy(longer + 510, "\xe2\x96\x81", 3); /* a character across the end of the record */
    longer[sizeof longer - 1] = '\0';
    error_set(&err, PST_ERR_MODEL, "%s", longer);
    assert_int_equal(strlen(err.message), 510);
    assert_int_equal(error_set(NULL, PST_ERR_IO, "nobody listens"), PST_ERR_IO);
    error_memory(&err, 12);
    assert_string_equal(err.message, "out of memory: 12 bytes wanted");
    for (int status = 0; status <= PST_ERR_DEVICE; status++)
        assert_string_not_equal(pst_status_name((pst_status)status), "unknown");
    assert_string_equal(pst_status_name((pst_status)99), "unknown");
}

static void buffers_grow(void **state) {
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++) buffer_format(&buffer, "%d,", i % 10);
    buffer_append(&buffer, "\0end", 4);
    assert_false(buffer.failed);
    assert_int_equal(buffer.length, 2004);
    assert_string_equal(buffer.data + 2001, "end");
    buffer_append(&buffer, "x", SIZE_MAX - 5);
    assert_true(buffer.failed);
    buffer_free(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_replaced_at_once),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_planted_link_is_not_followed),
        cmocka_unit_test(what_a_killed_process_left_is_removed),
        cmocka_unit_test(messages_are_printable),
        cmocka_unit_test(buffers_grow),
    };
    return cmocka_run_group_tests_name("file_writer", tests, start, NULL);
}
