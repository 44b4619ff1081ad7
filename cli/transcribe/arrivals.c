/* arrivals.c - see arrivals.h. */
#include "transcribe/arrivals.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/inotify.h>
#endif

#include "console.h"
#include "seconds.h"

/* Without a change for so long a file is whole: programs that write it in several goes pause less
 * in between. Where nobody tells who has it open, a slow network may pause longer. */
static const double SETTLE_SECONDS = 1, SETTLE_UNTOLD_SECONDS = 3;
/* Between two looks at the folder: when something is on its way; and when nothing is, for not every
 * file system tells of all changes. */
enum { SOON_MS = 250, LATER_MS = 2000 };

struct arrival {
    char *name;
    struct stat state; /* as it was last seen */
    double changed;    /* when that was new, of seconds_now() */
    int written;       /* somebody writes to it */
    int given;         /* in this state */
    int there;         /* at the last look */
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct arrival *)a)->name, ((const struct arrival *)b)->name);
}

static struct arrival *add(struct arrivals *arrivals, const char *name) {
    size_t size = (arrivals->count + 1) * sizeof *arrivals->files;
    arrivals->files = need(realloc(arrivals->files, size));
    struct arrival *file = &arrivals->files[arrivals->count++];
    *file = (struct arrival){.name = text_format("%s", name), .changed = seconds_now()};
    return file;
}

static void put_in_order(struct arrivals *arrivals) {
    if (arrivals->count) qsort(arrivals->files, arrivals->count, sizeof *arrivals->files, by_name);
    arrivals->sorted = arrivals->count;
}

/* ------------------------------------------------------------------------------ what is told */

#ifdef __linux__

int arrivals_open(struct arrivals *arrivals, const char *folder) {
    struct stat st;
    *arrivals = (struct arrivals){.folder = folder, .notes = -1};
    if (stat(folder, &st) != 0) return fail(EXIT_ENVIRONMENT, "%s: %s", folder, strerror(errno));
    if (!S_ISDIR(st.st_mode)) return fail(EXIT_ENVIRONMENT, "%s: %s", folder, strerror(ENOTDIR));
    arrivals->notes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    const uint32_t events = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE;
    if (arrivals->notes >= 0 && inotify_add_watch(arrivals->notes, folder, events) < 0) {
        close(arrivals->notes);
        arrivals->notes = -1;
    }
    return 0;
}

/* Marks who is written to, whether it was seen before or not. */
static void note(struct arrivals *arrivals, const struct inotify_event *event) {
    int written = (event->mask & IN_MODIFY) != 0, known = 0;
    for (size_t i = 0; i < arrivals->count; i++) {
        struct arrival *file = &arrivals->files[i];
        if (event->mask & IN_Q_OVERFLOW) file->written = 0;
        if (!event->len || strcmp(file->name, event->name) != 0) continue;
        file->written = written;
        file->changed = seconds_now();
        known = 1;
    }
    if (known || !event->len || !written) return;
    struct arrival *file = add(arrivals, event->name);
    file->written = 1;
}

static void take_notes(struct arrivals *arrivals) {
    _Alignas(struct inotify_event) char bytes[4096];
    for (ssize_t got; (got = read(arrivals->notes, bytes, sizeof bytes)) > 0;)
        for (char *at = bytes; at < bytes + got;) {
            const struct inotify_event *event = (const void *)at;
            note(arrivals, event);
            at += sizeof *event + event->len;
        }
    put_in_order(arrivals);
}

#else

int arrivals_open(struct arrivals *arrivals, const char *folder) {
    struct stat st;
    *arrivals = (struct arrivals){.folder = folder, .notes = -1};
    if (stat(folder, &st) == 0 && S_ISDIR(st.st_mode)) return 0;
    return fail(EXIT_ENVIRONMENT, "%s: is not a folder", folder);
}

static void take_notes(struct arrivals *arrivals) {
    (void)arrivals;
}

#endif

/* -------------------------------------------------------------------------------- what is seen */

static int is_same(const struct stat *a, const struct stat *b) {
    return a->st_size == b->st_size && a->st_mtime == b->st_mtime && a->st_ino == b->st_ino &&
           a->st_ctime == b->st_ctime;
}

/* A file in the folder. */
static void see(struct arrivals *arrivals, const char *name, const struct stat *st) {
    const struct arrival wanted = {.name = (char *)name};
    struct arrival *file = NULL;
    if (arrivals->sorted)
        file = bsearch(&wanted, arrivals->files, arrivals->sorted, sizeof wanted, by_name);
    if (file && is_same(&file->state, st)) {
        file->there = 1;
        return;
    }
    if (!file) file = add(arrivals, name);
    file->state = *st;
    file->changed = seconds_now();
    file->there = 1;
    file->given = 0;
}

/* Forgets what is gone, and puts the others in order. */
static void sweep(struct arrivals *arrivals) {
    size_t kept = 0;
    for (size_t i = 0; i < arrivals->count; i++) {
        if (arrivals->files[i].there)
            arrivals->files[kept++] = arrivals->files[i];
        else
            free(arrivals->files[i].name);
    }
    arrivals->count = kept;
    put_in_order(arrivals);
}

static int look(struct arrivals *arrivals, const struct inputs *inputs) {
    DIR *dir = opendir(arrivals->folder);
    if (!dir) return fail(EXIT_ENVIRONMENT, "%s: %s", arrivals->folder, strerror(errno));
    for (size_t i = 0; i < arrivals->count; i++) arrivals->files[i].there = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        if (!inputs_is_audio(inputs, entry->d_name)) continue;
        char *path = text_format("%s/%s", arrivals->folder, entry->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) see(arrivals, entry->d_name, &st);
        free(path);
    }
    closedir(dir);
    sweep(arrivals);
    return 0;
}

/* ------------------------------------------------------------------------------- what is given */

static int stem_is_taken(const struct inputs *inputs, const char *path) {
    int taken = 0;
    char *stem = input_stem(path);
    for (size_t i = 0; i < inputs->count && !taken; i++) {
        char *other = input_stem(inputs->list[i].path);
        taken = strcmp(stem, other) == 0;
        free(other);
    }
    free(stem);
    return taken;
}

/* Adds what is whole to the inputs; returns how many are on their way. */
static size_t give(struct arrivals *arrivals, struct inputs *inputs,
                   int (*is_done)(void *user, const char *path, const struct stat *st),
                   void *user) {
    size_t waiting = 0;
    double now = seconds_now();
    double settle = arrivals->notes >= 0 ? SETTLE_SECONDS : SETTLE_UNTOLD_SECONDS;
    for (size_t i = 0; i < arrivals->count; i++) {
        struct arrival *file = &arrivals->files[i];
        if (file->given || file->state.st_size == 0) continue; /* nothing is in it yet */
        char *path = text_format("%s/%s", arrivals->folder, file->name);
        if (file->written || now - file->changed < settle) {
            waiting++;
        } else if (!stem_is_taken(inputs, path)) {
            file->given = 1;
            if (!is_done(user, path, &file->state)) inputs_add(inputs, text_format("%s", path));
        }
        free(path);
    }
    return waiting;
}

int arrivals_wait(struct arrivals *arrivals, struct inputs *inputs,
                  int (*is_done)(void *user, const char *path, const struct stat *st), void *user) {
    inputs_clear(inputs);
    for (;;) {
        int code = look(arrivals, inputs);
        if (code) return code;
        if (arrivals->notes >= 0) take_notes(arrivals);
        size_t waiting = give(arrivals, inputs, is_done, user);
        if (inputs->count) return 0;
        struct pollfd notes = {.fd = arrivals->notes, .events = POLLIN};
        if (waiting) {
            const struct timespec pause = {.tv_nsec = SOON_MS * 1000000L};
            nanosleep(&pause, NULL);
        } else {
            poll(&notes, 1, LATER_MS);
        }
    }
}

void arrivals_close(struct arrivals *arrivals) {
    for (size_t i = 0; i < arrivals->count; i++) free(arrivals->files[i].name);
    free(arrivals->files);
    if (arrivals->notes >= 0) close(arrivals->notes);
    *arrivals = (struct arrivals){.notes = -1};
}
