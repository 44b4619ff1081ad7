/* test_folder_writer.c - a folder is there whole or not at all, and nobody else's is touched. */
#include "support/test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/file_view.h"
#include "base/folder_writer.h"
#include "support/folder.h"
#include "support/scratch.h"

static pst_error err;
static char root[512];   /* where the output lies */
static char output[600]; /* root/out */

static const char *const NAMES[] = {"file", "other", "inner"};
static const struct folder_files FILES = {"a test", NAMES, 3, ".part"};

static void expect_text(const char *dir, const char *name, const char *text) {
    struct file_view view;
    char *path = path_join(dir, name);
    assert_int_equal(file_view_open(&view, path, 100, &err), PST_OK);
    assert_int_equal(view.size, strlen(text));
    assert_memory_equal(view.data, text, view.size);
    file_view_close(&view);
    free(path);
}

static int start(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("folder_writer"));
    path_remove_folder(root);
    scratch_folder("folder_writer");
    snprintf(output, sizeof output, "%s/out", root);
    return 0;
}

/* A folder "out" with one file. */
static void make(const char *text) {
    struct folder_writer writer;
    assert_int_equal(folder_writer_open(&writer, output, &FILES, &err), PST_OK);
    scratch_text(writer.temporary.path, "file", text);
    assert_int_equal(folder_writer_commit(&writer, &err), PST_OK);
}

static void a_folder_appears_whole(void **state) {
    (void)state;
    struct folder_writer writer;
    assert_int_equal(folder_writer_open(&writer, output, NULL, &err), PST_OK);
    scratch_text(writer.temporary.path, "file", "1");
    assert_false(path_is_folder(output));
    assert_int_equal(folder_writer_commit(&writer, &err), PST_OK);
    assert_int_equal(folder_entries(output), 1);
    assert_int_equal(folder_entries(root), 1);
    assert_int_equal(folder_writer_open(&writer, output, NULL, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "exists already"));
}

static void a_folder_is_replaced_whole(void **state) {
    (void)state;
    struct folder_writer writer;
    make("1");
    char with_slash[610];
    snprintf(with_slash, sizeof with_slash, "%s//", output);
    assert_int_equal(folder_writer_open(&writer, with_slash, &FILES, &err), PST_OK);
    scratch_text(writer.temporary.path, "other", "2");
    scratch_text(writer.temporary.path, "file", "2");
    expect_text(output, "file", "1");
    assert_int_equal(folder_writer_commit(&writer, &err), PST_OK);
    expect_text(output, "file", "2");
    assert_int_equal(folder_entries(output), 2);
    assert_int_equal(folder_writer_open(&writer, output, &FILES, &err), PST_OK);
    scratch_text(writer.temporary.path, "file", "3");
    folder_writer_abort(&writer);
    folder_writer_abort(&writer); /* harmless */
    expect_text(output, "file", "2");
    assert_int_equal(folder_entries(root), 1);
}

static void a_folder_with_a_foreign_file_stays(void **state) {
    (void)state;
    struct folder_writer writer;
    make("1");
    char inner[700];
    snprintf(inner, sizeof inner, "%s/x.part", output);
    assert_int_equal(mkdir(inner, 0777), 0);
    scratch_text(inner, "thesis.txt", "years");
    assert_int_equal(folder_writer_open(&writer, output, &FILES, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "thesis.txt"));
    scratch_remove(inner, "thesis.txt");
    assert_int_equal(folder_writer_open(&writer, output, &FILES, &err), PST_OK);
    scratch_text(inner, "thesis.txt", "years"); /* while it is written */
    assert_int_equal(folder_writer_commit(&writer, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "thesis.txt"));
    expect_text(inner, "thesis.txt", "years");
    assert_int_equal(folder_entries(root), 1);
    scratch_remove(inner, "thesis.txt");
    rmdir(inner);
}

static void a_folder_that_appears_meanwhile_stays(void **state) {
    (void)state;
    struct folder_writer writer, second;
    assert_int_equal(folder_writer_open(&writer, output, NULL, &err), PST_OK);
    assert_int_equal(folder_writer_open(&second, output, NULL, &err), PST_OK);
    assert_string_not_equal(writer.temporary.path, second.temporary.path);
    scratch_text(writer.temporary.path, "file", "first");
    scratch_text(second.temporary.path, "file", "second");
    assert_int_equal(folder_writer_commit(&second, &err), PST_OK);
    assert_int_equal(folder_writer_commit(&writer, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "appeared"));
    expect_text(output, "file", "second");
    assert_int_equal(folder_entries(root), 1);
    path_remove_folder(output);
    assert_int_equal(folder_writer_open(&writer, output, NULL, &err), PST_OK);
    assert_int_equal(mkdir(output, 0777), 0); /* an empty one as well */
    assert_int_equal(folder_writer_commit(&writer, &err), PST_ERR_IO);
    assert_int_equal(folder_entries(output), 0);
    assert_int_equal(folder_entries(root), 1);
}

static void links_and_files_are_not_replaced(void **state) {
    (void)state;
    struct folder_writer writer;
    char link_path[600];
    make("1");
    snprintf(link_path, sizeof link_path, "%s/link", root);
    assert_int_equal(symlink("out", link_path), 0);
    assert_int_equal(folder_writer_open(&writer, link_path, &FILES, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "is a link"));
    unlink(link_path);
    scratch_text(root, "plain", "1");
    snprintf(link_path, sizeof link_path, "%s/plain", root);
    assert_int_equal(folder_writer_open(&writer, link_path, &FILES, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "not a folder"));
    assert_int_equal(folder_entries(root), 2);
}

static void what_a_killed_process_left_is_removed(void **state) {
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct folder_writer writer;
        if (folder_writer_open(&writer, output, NULL, &err)) _exit(1);
        scratch_text(writer.temporary.path, "file", "1");
        _exit(0);
    }
    int exit_code;
    assert_int_equal(waitpid(child, &exit_code, 0), child);
    assert_int_equal(exit_code, 0);
    assert_int_equal(folder_entries(root), 1);
    scratch_text(root, "out.tmp-mine", "1"); /* not of the form of ours */
    make("2");
    assert_int_equal(folder_entries(root), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_folder_appears_whole, start),
        cmocka_unit_test_setup(a_folder_is_replaced_whole, start),
        cmocka_unit_test_setup(a_folder_with_a_foreign_file_stays, start),
        cmocka_unit_test_setup(a_folder_that_appears_meanwhile_stays, start),
        cmocka_unit_test_setup(links_and_files_are_not_replaced, start),
        cmocka_unit_test_setup(what_a_killed_process_left_is_removed, start),
    };
    return cmocka_run_group_tests_name("folder_writer", tests, NULL, NULL);
}
