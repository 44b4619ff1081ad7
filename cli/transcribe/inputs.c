/* inputs.c - see inputs.h. */
#include "transcribe/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "environment.h"

/* What libsndfile opens by its content. Its headerless formats are not here: they need a sampling
 * rate that no file name tells. */
static const char *const extensions[] = {
    "aif", "aifc", "aiff", "au",  "avr",  "caf", "flac", "htk",  "iff",  "ircam", "m1a",  "mat",
    "mp1", "mp2",  "mp3",  "mpc", "nist", "oga", "ogg",  "opus", "paf",  "pvf",   "rf64", "sd2",
    "sds", "sf",   "snd",  "sph", "svx",  "voc", "w64",  "wav",  "wave", "wve",   "xi",
};

/* Sound in containers and codecs that need ffmpeg, also beside a picture. */
static const char *const other_extensions[] = {
    "3ga", "3gp", "aac", "ac3", "amr", "ape", "asf",  "avi", "dts", "flv",  "m4a",  "m4b", "m4v",
    "mka", "mkv", "mov", "mp4", "mpg", "mts", "mpeg", "tta", "ts",  "weba", "webm", "wma", "wv",
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int has_extension(const char *name, const char *const *list, size_t count) {
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name || name[0] == '.') return 0; /* hidden files are not meant */
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(dot + 1, list[i]) == 0) return 1;
    return 0;
}

static void add(struct inputs *inputs, char *path, char *error) {
    inputs->list = need(realloc(inputs->list, (inputs->count + 1) * sizeof *inputs->list));
    inputs->list[inputs->count++] = (struct input){path, error};
}

void inputs_add(struct inputs *inputs, char *path) {
    add(inputs, path, NULL);
}

int inputs_is_audio(const struct inputs *inputs, const char *name) {
    return has_extension(name, extensions, COUNT(extensions)) ||
           (inputs->ffmpeg && has_extension(name, other_extensions, COUNT(other_extensions)));
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct input *)a)->path, ((const struct input *)b)->path);
}

/* The audio files of a folder that are passed over. */
struct skipped {
    char **names; /* [count] */
    size_t count;
};

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Says what was passed over, and what it needs; frees the names. */
static void say_skipped(const char *path, struct skipped *skipped) {
    enum { NAMED = 3 };
    size_t count = skipped->count;
    if (count) qsort(skipped->names, count, sizeof *skipped->names, by_name);
    char *list = text_format("%s", count ? skipped->names[0] : "");
    for (size_t i = 1; i < count && i < NAMED; i++) {
        char *longer = text_format("%s, %s", list, skipped->names[i]);
        free(list);
        list = longer;
    }
    if (count)
        say("%s: skipped %zu file%s that cannot be read without ffmpeg, which is not on the PATH: "
            "%s%s",
            path, count, count == 1 ? "" : "s", list, count > NAMED ? ", ..." : "");
    for (size_t i = 0; i < count; i++) free(skipped->names[i]);
    free(skipped->names);
    free(list);
}

static void skip(struct skipped *skipped, const char *name) {
    skipped->names = need(realloc(skipped->names, (skipped->count + 1) * sizeof *skipped->names));
    skipped->names[skipped->count++] = text_format("%s", name);
}

/* A file of a folder. A pipe that is named is read; one in a folder would be waited for. */
static void add_member(struct inputs *inputs, char *name) {
    struct stat st;
    int odd = stat(name, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
    add(inputs, name,
        odd ? text_format("%s: is not a regular file, as those of a folder are", name) : NULL);
}

static void add_folder(struct inputs *inputs, const char *path) {
    DIR *dir = opendir(path);
    if (!dir) {
        add(inputs, text_format("%s", path), text_format("%s: %s", path, strerror(errno)));
        return;
    }
    size_t first = inputs->count;
    const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
    struct skipped skipped = {0};
    for (struct dirent *entry; (entry = readdir(dir));) {
        int other = has_extension(entry->d_name, other_extensions, COUNT(other_extensions));
        if (other && !inputs->ffmpeg)
            skip(&skipped, entry->d_name);
        else if (inputs_is_audio(inputs, entry->d_name))
            add_member(inputs, text_format("%s%s%s", path, slash, entry->d_name));
    }
    closedir(dir);
    say_skipped(path, &skipped);
    if (inputs->count == first)
        add(inputs, text_format("%s", path), text_format("%s: no audio file in this folder", path));
    else
        qsort(inputs->list + first, inputs->count - first, sizeof *inputs->list, by_path);
}

void inputs_expand(struct inputs *inputs, char **operands, int operand_count) {
    int stdin_taken = 0;
    *inputs =
        (struct inputs){.several = operand_count > 1, .ffmpeg = environment_program("ffmpeg")};
    pst_audio_options_init(&inputs->audio);
    inputs->audio.ffmpeg = inputs->ffmpeg;
    for (int i = 0; i < operand_count; i++) {
        struct stat st;
        char *error = NULL;
        if (strcmp(operands[i], "-") == 0) {
            /* A user who types "-" at a prompt would wait for ever. */
            if (isatty(STDIN_FILENO))
                error = text_format("-: standard input is a terminal, expected a pipe or a file");
            else if (stdin_taken)
                error = text_format("-: standard input can be read only once");
            stdin_taken = 1;
        } else if (stat(operands[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            inputs->several = 1;
            add_folder(inputs, operands[i]);
            continue;
        }
        add(inputs, text_format("%s", operands[i]), error);
    }
}

void inputs_clear(struct inputs *inputs) {
    for (size_t i = 0; i < inputs->count; i++) {
        free(inputs->list[i].path);
        free(inputs->list[i].error);
    }
    inputs->count = 0;
}

void inputs_free(struct inputs *inputs) {
    inputs_clear(inputs);
    free(inputs->list);
    free(inputs->ffmpeg);
    *inputs = (struct inputs){0};
}

char *inputs_error(const struct inputs *inputs, const char *path, const pst_error *err) {
    char *message = text_error(path, err);
    if (inputs->ffmpeg || !strstr(message, ": cannot be read as audio") ||
        !has_extension(path, other_extensions, COUNT(other_extensions)))
        return message;
    char *longer =
        text_format("%s (such files need the program ffmpeg, which is not on the PATH)", message);
    free(message);
    return longer;
}

char *input_stem(const char *path) {
    const char *slash = strrchr(path, '/');
    char *stem = text_format("%s", slash ? slash + 1 : path), *dot = strrchr(stem, '.');
    if (dot && dot != stem) *dot = '\0';
    return stem;
}
