/* set_folder.c - see set_folder.h. */
#include "eval/set_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "eval/eval_row.h"
#include "json_text.h"
#include "text_lines.h"
#include "whole_file.h"

/* An utterance has a few hundred. */
enum { TEXT_BYTES_MAX = 1 << 20 };

static size_t stem_length(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && dot > name ? (size_t)(dot - name) : strlen(name);
}

static int is_text(const char *name) {
    return strcmp(name + stem_length(name), ".txt") == 0;
}

/* The file beside a text that has its name and another ending; NULL: none. */
static const char *find_audio(struct dirent **names, int count, const char *text) {
    size_t length = stem_length(text);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        if (stem_length(name) == length && strncmp(name, text, length) == 0 && !is_text(name) &&
            strlen(name) > length)
            return name;
    }
    return NULL;
}

static void strip_end(char *text) {
    size_t length = strlen(text);
    while (length && strchr(" \t\r\n", text[length - 1])) text[--length] = '\0';
}

/* The file as a text, to be freed; NULL with `*why` set, to be freed. */
static json_t *read_text(const char *path, char **why) {
    char *text = NULL;
    size_t size;
    *why = whole_file_read(path, TEXT_BYTES_MAX, &text, &size);
    if (*why || !text) return NULL;
    json_t *value = NULL;
    if (strlen(text) < size) {
        *why = text_format("%s: holds a NUL byte, expected text", path);
    } else {
        strip_end(text);
        value = json_string(text + text_mark(text, strlen(text)));
        if (!value) *why = text_format("%s: is not UTF-8, expected a text that is", path);
    }
    free(text);
    return value;
}

static void add_text(struct eval_set *set, const char *folder, const char *name, const char *audio,
                     uint32_t number) {
    char *path = text_format("%s/%s", folder, name), *why = NULL;
    json_t *text = NULL;
    if (!audio)
        why = text_format("%s: no audio file beside it, expected one of this name", path);
    else
        text = read_text(path, &why);
    if (!text) {
        eval_row_add_error(set, why, number);
    } else {
        json_t *row = need(json_object());
        char *audio_path = text_format("%s/%s", folder, audio);
        json_object_set_new(row, "audio", json_text(audio_path));
        json_object_set_new(row, "text", text);
        eval_row_add(set, row, path, number);
        free(audio_path);
    }
    free(path);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

char *set_folder_read(struct eval_set *set, const char *path) {
    struct dirent **names = NULL;
    uint32_t number = 0;
    int count = scandir(path, &names, NULL, by_name);
    if (count < 0) return text_format("%s: cannot read: %s", path, strerror(errno));
    for (int i = 0; i < count; i++)
        if (is_text(names[i]->d_name))
            add_text(set, path, names[i]->d_name, find_audio(names, count, names[i]->d_name),
                     ++number);
    for (int i = 0; i < count; i++) free(names[i]);
    free(names);
    if (number) return NULL;
    return text_format("%s: no .txt file in this folder, expected one beside each audio file",
                       path);
}
