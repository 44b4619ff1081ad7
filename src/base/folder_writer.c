/* folder_writer.c - see folder_writer.h. */
#define _GNU_SOURCE /* renameat2() */
#define _DARWIN_C_SOURCE
#include "base/folder_writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/file_writer.h"

/* A folder of folders of packages, and a level to be sure. */
enum { DEPTH_MAX = 8 };

/* ------------------------------------------------------------------------------------- renaming */

/* The system can do no such rename, or not on this kind of disk. */
static int is_unknown(int error_number) {
    return error_number == ENOSYS || error_number == EINVAL || error_number == ENOTSUP;
}

/* Renames a folder unless `to` is there: errno EEXIST then. */
static int rename_new(const char *from, const char *to) {
#if defined(__linux__)
    int failed = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
#elif defined(__APPLE__)
    int failed = renamex_np(from, to, RENAME_EXCL);
#else
    int failed = 1;
    errno = ENOSYS;
#endif
    if (!failed || !is_unknown(errno)) return failed;
    /* An empty folder claims the name, and a rename onto an empty folder is atomic everywhere. */
    if (mkdir(to, 0777) != 0) return -1;
    failed = rename(from, to);
    int error_number = errno;
    if (failed) rmdir(to);
    errno = error_number == ENOTEMPTY ? EEXIST : error_number;
    return failed;
}

/* Lets two folders change names; errno ENOSYS and its like where that cannot be
 * done in one step. */
static int exchange(const char *a, const char *b) {
#if defined(__linux__)
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
#elif defined(__APPLE__)
    return renamex_np(a, b, RENAME_SWAP);
#else
    (void)a, (void)b;
    errno = ENOSYS;
    return -1;
#endif
}

/* ------------------------------------------------------------------------------------- contents */

static int is_known(const struct folder_files *files, const char *name) {
    size_t length = strlen(name), suffix = files->suffix ? strlen(files->suffix) : 0;
    if (suffix && length > suffix && strcmp(name + length - suffix, files->suffix) == 0) return 1;
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(name, files->names[i]) == 0) return 1;
    return strcmp(name, ".DS_Store") == 0; /* the Finder puts it into every folder it shows */
}

/* The first name below `fd` that is not of `files`, into `foreign`, "" when there
 * is none. Closes `fd`. */
static void find_foreign(int fd, const struct folder_files *files, char foreign[256], int depth) {
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0) close(fd);
    for (struct dirent *entry; dir && !*foreign && (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (!is_known(files, entry->d_name)) snprintf(foreign, 256, "%s", entry->d_name);
        int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int inner = *foreign || depth == DEPTH_MAX ? -1 : openat(dirfd(dir), entry->d_name, flags);
        if (inner >= 0) find_foreign(inner, files, foreign, depth + 1);
    }
    if (dir) closedir(dir);
}

static pst_status check_contents(const char *path, const struct folder_files *files,
                                 pst_error *err) {
    char foreign[256] = "";
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return error_system(err, "read", path, errno);
    find_foreign(fd, files, foreign, 0);
    if (!*foreign) return PST_OK;
    return error_set(err, PST_ERR_IO, "%s: has %s in it, which is not part of %s; not replaced",
                     path, foreign, files->what);
}

/* --------------------------------------------------------------------------------------- writer */

pst_status folder_writer_check(const char *path, const struct folder_files *replaced,
                               pst_error *err) {
    struct stat st;
    if (lstat(path, &st) != 0) return PST_OK;
    int is_folder = path_is_folder(path);
    if (!S_ISDIR(st.st_mode))
        return error_set(err, PST_ERR_IO, "%s: exists already and is %s", path,
                         is_folder ? "a link, expected the folder itself" : "not a folder");
    if (replaced) return check_contents(path, replaced, err);
    return error_set(err, PST_ERR_IO, "%s: exists already (force replaces it)", path);
}

pst_status folder_writer_open(struct folder_writer *writer, const char *path,
                              const struct folder_files *replaced, pst_error *err) {
    *writer = (struct folder_writer){.replaced = replaced};
    pst_status status = folder_writer_check(path, replaced, err);
    if (status) return status;
    writer->path = strdup(path);
    if (!writer->path) return error_memory(err, 0);
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        writer->path[length - 1] = '\0';
    if (!path_make_parents(writer->path))
        status = errno == ENOMEM ? error_memory(err, 0) : error_system(err, "create", path, errno);
    if (!status) status = temporary_make(&writer->temporary, writer->path, TEMPORARY_FOLDER, err);
    if (status) folder_writer_abort(writer);
    return status;
}

/* The old folder is at the temporary name now. What somebody put into it meanwhile stays. */
static pst_status remove_replaced(struct folder_writer *writer, pst_error *err) {
    const char *old = writer->temporary.path;
    if (!check_contents(old, writer->replaced, NULL) && path_remove_folder(old)) return PST_OK;
    error_set(err, PST_ERR_IO,
              "%s: was written, but what was there before cannot be removed: it is now %s",
              writer->path, old);
    temporary_release(&writer->temporary); /* not for folder_writer_abort() to remove */
    return PST_ERR_IO;
}

/* Where the system has no exchange, two renames: nothing has the name between them. */
static pst_status replace_in_steps(struct folder_writer *writer, pst_error *err) {
    const char *path = writer->path, *fresh = writer->temporary.path;
    struct temporary aside; /* an empty folder, onto which another can be renamed */
    pst_status status = temporary_make(&aside, path, TEMPORARY_FOLDER, err);
    if (status) return status;
    int moved = rename(path, aside.path) == 0;
    int placed = moved && rename_new(fresh, path) == 0, error_number = errno;
    if (!moved) rmdir(aside.path);
    if (!placed) status = error_system(err, "create", path, error_number);
    if (moved && !placed && rename_new(aside.path, path) != 0)
        status = error_set(err, PST_ERR_IO, "%s: cannot create: %s; what was there is now %s", path,
                           strerror(error_number), aside.path);
    if (placed && rename(aside.path, fresh) == 0) status = remove_replaced(writer, err);
    temporary_release(&aside);
    return status;
}

static pst_status put_in_place(struct folder_writer *writer, pst_error *err) {
    const char *path = writer->path, *fresh = writer->temporary.path;
    if (rename_new(fresh, path) == 0) return PST_OK;
    if (errno != EEXIST) return error_system(err, "create", path, errno);
    if (!writer->replaced)
        return error_set(err, PST_ERR_IO,
                         "%s: appeared while it was being written here; it is left as it is", path);
    pst_status status = check_contents(path, writer->replaced, err);
    if (status) return status;
    if (exchange(fresh, path) == 0) return remove_replaced(writer, err);
    return is_unknown(errno) ? replace_in_steps(writer, err)
                             : error_system(err, "create", path, errno);
}

pst_status folder_writer_commit(struct folder_writer *writer, pst_error *err) {
    pst_status status = put_in_place(writer, err);
    if (status) {
        folder_writer_abort(writer);
        return status;
    }
    path_sync_parent(writer->path);
    temporary_release(&writer->temporary);
    free(writer->path);
    writer->path = NULL;
    return PST_OK;
}

void folder_writer_abort(struct folder_writer *writer) {
    if (writer->path) temporary_remove(&writer->temporary);
    free(writer->path);
    writer->path = NULL;
}
