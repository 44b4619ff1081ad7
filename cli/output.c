/* output.c - see output.h. */
#define _XOPEN_SOURCE 700 /* realpath() */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "potstill_tools.h"
#include "progress.h"

/* ----------------------------------------------------------------------------------- signals */

static const int held_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { HELD = sizeof held_signals / sizeof *held_signals };
static struct sigaction before[HELD];
static volatile sig_atomic_t pending;

static void remember(int number) {
    pending = number;
}

void signals_hold(void) {
    pending = 0;
    for (int i = 0; i < HELD; i++) {
        struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(held_signals[i], NULL, &before[i]);
        /* A signal that the parent had ignored (nohup) stays ignored. */
        if (before[i].sa_handler != SIG_IGN) sigaction(held_signals[i], &action, NULL);
    }
}

void signals_release(void) {
    for (int i = 0; i < HELD; i++) sigaction(held_signals[i], &before[i], NULL);
    if (pending) raise(pending); /* ends the program as the signal would have: 130, 143 */
}

int signals_pending(void) {
    return pending != 0;
}

int signals_cancelled(void *user) {
    (void)user;
    return signals_pending();
}

/* ------------------------------------------------------------------------------------- files */

static int fail_path(const char *path, int error_number) {
    return fail(EXIT_ENVIRONMENT, "%s: %s", path, strerror(error_number));
}

/* Whether a file could be created beside `path`. */
static int folder_is_writable(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = !slash ? text_format(".") : text_format("%.*s/", (int)(slash - path), path);
    int writable = access(folder, W_OK | X_OK) == 0;
    int error_number = errno;
    free(folder);
    errno = error_number;
    return writable;
}

int output_open(struct output *output, const char *path) {
    struct stat st;
    *output = (struct output){.path = path, .stream = stdout};
    if (!path) return 0;
    int exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) return fail_path(path, EISDIR);
    if ((!exists || S_ISREG(st.st_mode)) && !folder_is_writable(path))
        return fail_path(path, errno);
    output->stream = need(open_memstream(&output->text, &output->length));
    return 0;
}

int output_spare(const struct output *output, const char *input_path) {
    struct stat a, b;
    if (!output->path || stat(output->path, &a) != 0 || stat(input_path, &b) != 0) return 0;
    if (!S_ISREG(a.st_mode) || a.st_dev != b.st_dev || a.st_ino != b.st_ino) return 0;
    return fail(EXIT_USAGE, "%s: is an input, and would be overwritten by --output", input_path);
}

int output_flush(struct output *output) {
    if (output->failed) return EXIT_ENVIRONMENT;
    errno = 0;
    if (fflush(output->stream) == 0 && !ferror(output->stream)) return 0;
    if (output->path) need(NULL); /* the stream is memory */
    output->failed = 1;
    /* A reader that closes early (`| head`) is not an error to report. */
    if (errno != EPIPE) say("standard output: %s", strerror(errno ? errno : EIO));
    return EXIT_ENVIRONMENT;
}

/* To a device or a pipe, which cannot be replaced by renaming. 0, or errno. */
static int write_in_place(const char *path, const char *text, size_t length) {
    int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC), error_number = fd < 0 ? errno : 0;
    while (!error_number && length > 0) {
        ssize_t written = write(fd, text, length);
        if (written < 0 && errno != EINTR) error_number = errno;
        if (written < 0) continue;
        text += written;
        length -= (size_t)written;
    }
    if (fd >= 0 && close(fd) != 0 && !error_number) error_number = errno;
    return error_number;
}

static int write_result(const struct output *output) {
    struct stat st;
    int exists = stat(output->path, &st) == 0;
    if (exists && !S_ISREG(st.st_mode)) {
        int error_number = write_in_place(output->path, output->text, output->length);
        if (!error_number) return 0;
        return error_number == EPIPE ? EXIT_ENVIRONMENT : fail_path(output->path, error_number);
    }
    /* Through a symbolic link, the file it points to is replaced, not the link. */
    char *real = exists ? realpath(output->path, NULL) : NULL;
    const char *path = real ? real : output->path;
    signals_hold();
    pst_error err;
    pst_status status = pst_write_file(path, output->text, output->length, &err);
    signals_release();
    free(real);
    return status ? fail(exit_code_of(&err), "%s", err.message) : 0;
}

int output_close(struct output *output, int keep) {
    progress_clear();
    int code = output->stream ? output_flush(output) : 0;
    if (output->path && output->stream) {
        fclose(output->stream);
        if (!code && keep) code = write_result(output);
        free(output->text);
    }
    *output = (struct output){0};
    return code;
}

int finish_folder(const char *dir, pst_status status, const pst_error *err) {
    struct output output;
    if (status) signals_release(); /* else too late: the folder is there, and so is its name */
    /* Such a command reads a model, even where the library calls it an input. */
    if (status)
        return fail(status == PST_ERR_INPUT ? EXIT_MODEL : exit_code_of(err), "%s", err->message);
    output_open(&output, NULL);
    fprintf(output.stream, "%s\n", dir);
    return output_close(&output, 1);
}
