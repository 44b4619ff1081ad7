/* segment_log.c - see segment_log.h. */
#include "transcribe/segment_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "json_text.h"
#include "resume/option_digest.h"
#include "whole_file.h"

/* A segment has half a kilobyte: this is months of speech. */
enum { FILE_BYTES_MAX = 1 << 30 };
static const char KIND[] = "potstill segments 1";

char *segment_log_path(const char *output, const char *folder, const struct inputs *inputs) {
    struct stat st;
    if (folder) {
        char *stem =
            inputs->count == 1 ? input_stem(inputs->list[0].path) : text_format("transcribe");
        char *path = text_format("%s/%s.partial", folder, stem);
        free(stem);
        return path;
    }
    if (!output || (stat(output, &st) == 0 && !S_ISREG(st.st_mode))) return NULL;
    return text_format("%s.partial", output);
}

/* The name, size and time of an input: another file of the same name is not taken for it. */
static uint64_t input_digest(const char *path) {
    struct stat st = {0};
    if (stat(path, &st) != 0) return digest_text(DIGEST_FIRST, path);
#ifdef __APPLE__
    long nanoseconds = st.st_mtimespec.tv_nsec;
#else
    long nanoseconds = st.st_mtim.tv_nsec;
#endif
    char *state = text_format("%s %lld %lld.%09ld", path, (long long)st.st_size,
                              (long long)st.st_mtime, nanoseconds);
    uint64_t digest = digest_text(DIGEST_FIRST, state);
    free(state);
    return digest;
}

/* ------------------------------------------------------------------------------------- reading */

static void keep(struct segment_log *log, const struct segment_record *record) {
    size_t count = log->known_count;
    if ((count & (count - 1)) == 0) /* room for twice as many at 0, 1, 2, 4, ... */
        log->known = need(realloc(log->known, (count ? 2 * count : 1) * sizeof *log->known));
    log->known[log->known_count++] = *record;
}

int segment_log_read(struct segment_log *log, const char *text, size_t size) {
    size_t length;
    json_t *head = record_read_line(text, size, &length);
    const char *kind = json_string_value(json_object_get(head, "kind"));
    int ours = kind && strcmp(kind, KIND) == 0;
    int same = ours && json_equal(json_object_get(head, "settings"), log->settings);
    json_decref(head);
    if (!same) return ours ? -1 : 0;
    log->sound_bytes = length;
    for (;;) {
        struct segment_record record;
        json_t *line = record_read_line(text + log->sound_bytes, size - log->sound_bytes, &length);
        int good = line && segment_record_read(&record, line);
        json_decref(line);
        if (!good) return 1;
        keep(log, &record);
        log->sound_bytes += length;
    }
}

/* The file whole, to be freed; NULL: there is none, or none that could be ours. `*exists` tells. */
static char *read_file(const char *path, size_t *size, int *exists) {
    struct stat st;
    char *text = NULL;
    *exists = lstat(path, &st) == 0;
    int fd = *exists && S_ISREG(st.st_mode) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= FILE_BYTES_MAX) {
        text = need(malloc((size_t)st.st_size + 1));
        ssize_t got = 1;
        for (*size = 0; got > 0; *size += got > 0 ? (size_t)got : 0)
            got = read(fd, text + *size, (size_t)st.st_size - *size);
    }
    if (fd >= 0) close(fd);
    return text;
}

static void say_found(const struct segment_log *log, int kind, int resume, size_t size) {
    if (kind < 0 && resume)
        say("%s: is of another model, adapter or other options, and not gone on with", log->path);
    else if (kind > 0 && !resume)
        say("%s: is of an earlier run that was not ended; it is not gone on with (see --resume)",
            log->path);
    else if (kind > 0)
        say("%s: %zu segment%s there from an earlier run, going on with the others%s", log->path,
            log->known_count, log->known_count == 1 ? " is" : "s are",
            log->sound_bytes < size ? "; its end is damaged, and done again" : "");
}

static void forget(struct segment_log *log) {
    for (size_t i = 0; i < log->known_count; i++) segment_record_free(&log->known[i]);
    free(log->known);
    log->known = NULL;
    log->known_count = 0;
}

static int order(double a, double b) {
    return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b) {
    const struct segment_record *x = a, *y = b;
    if (x->input != y->input) return x->input < y->input ? -1 : 1;
    if (x->transcript.channel != y->transcript.channel)
        return x->transcript.channel < y->transcript.channel ? -1 : 1;
    return x->start != y->start ? order(x->start, y->start) : order(x->end, y->end);
}

void segment_log_open(struct segment_log *log, char *path, json_t *settings,
                      const struct inputs *inputs, int resume) {
    size_t size = 0;
    int exists;
    *log = (struct segment_log){.path = path, .settings = settings, .fd = -1};
    if (!path) return;
    log->inputs = need(malloc((inputs->count + 1) * sizeof *log->inputs));
    for (size_t i = 0; i < inputs->count; i++) log->inputs[i] = input_digest(inputs->list[i].path);
    char *text = read_file(path, &size, &exists);
    int kind = text ? segment_log_read(log, text, size) : 0;
    if (exists && !kind) {
        say("%s: is not what transcribe leaves of a run; it is left as it is", path);
        free(log->path);
        log->path = NULL;
    } else if (exists) {
        say_found(log, kind, resume, size);
    }
    log->ours = kind != 0;
    log->goes_on = kind > 0 && resume;
    if (!log->goes_on) forget(log);
    if (log->known_count) qsort(log->known, log->known_count, sizeof *log->known, by_place);
    free(text);
}

const pst_transcript *segment_log_find(const struct segment_log *log, size_t input,
                                       const pst_segment_place *place) {
    if (!log->known_count) return NULL;
    const struct segment_record wanted = {.input = log->inputs[input],
                                          .start = place->start,
                                          .end = place->end,
                                          .transcript = {.channel = place->channel}};
    const struct segment_record *found =
        bsearch(&wanted, log->known, log->known_count, sizeof wanted, by_place);
    return found ? &found->transcript : NULL;
}

/* ------------------------------------------------------------------------------------- writing */

/* Behind what is good of the file, or anew. */
static int begin(struct segment_log *log, FILE *lines) {
    if (log->goes_on) {
        log->fd = open(log->path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        return log->fd >= 0 && ftruncate(log->fd, (off_t)log->sound_bytes) == 0 &&
               lseek(log->fd, 0, SEEK_END) >= 0;
    }
    json_t *head = need(json_object());
    json_object_set_new(head, "kind", json_text(KIND));
    json_object_set(head, "settings", log->settings);
    record_print_line(lines, head);
    json_decref(head);
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    return log->fd >= 0;
}

void segment_log_add(struct segment_log *log, size_t input, const pst_segment *segments,
                     size_t count) {
    char *text = NULL;
    size_t length = 0, added = 0;
    if (!log->path) return;
    FILE *lines = need(open_memstream(&text, &length));
    int good = 1;
    for (size_t i = 0; i < count && good; i++) {
        const pst_segment_place place = {.channel = segments[i].transcript->channel,
                                         .start = segments[i].start,
                                         .end = segments[i].end};
        if (segment_log_find(log, input, &place)) continue;
        if (log->fd < 0) good = begin(log, lines);
        json_t *object = segment_record_object(log->inputs[input], &segments[i]);
        record_print_line(lines, object);
        json_decref(object);
        added++;
    }
    if (fclose(lines)) need(NULL); /* it is memory */
    if (good && added) good = whole_file_write(log->fd, text, length);
    free(text);
    if (good) return;
    say("%s: %s; what is done is not kept any more", log->path, strerror(errno));
    free(log->path);
    log->path = NULL;
}

void segment_log_close(struct segment_log *log, int complete) {
    if (log->fd >= 0) close(log->fd);
    if (log->path && complete && (log->fd >= 0 || log->ours)) unlink(log->path);
    forget(log);
    free(log->inputs);
    free(log->path);
    json_decref(log->settings);
    *log = (struct segment_log){.fd = -1};
}
