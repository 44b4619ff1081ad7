/* eval_set.c - see eval_set.h. Which form a file has is seen by its name, else by its beginning. */
#include "eval/eval_set.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "eval/eval_row.h"
#include "eval/set_folder.h"
#include "eval/set_json.h"
#include "eval/set_table.h"
#include "potstill_tools.h"
#include "text_lines.h"
#include "whole_file.h"

static void free_item(struct eval_item *item) {
    free(item->id);
    free(item->audio);
    free(item->path);
    free(item->text);
    free(item->group);
    free(item->peaks);
    free(item->error);
    json_decref(item->fields);
}

void eval_set_free(struct eval_set *set) {
    for (size_t i = 0; i < set->count; i++) free_item(&set->items[i]);
    free(set->items);
    free(set->folder);
    *set = (struct eval_set){0};
}

/* A set of which no row can be used is none: the reason is that of the first. */
static char *finish(struct eval_set *set, const char *name) {
    eval_rows_finish(set);
    if (set->usable) return NULL;
    if (set->count == 0)
        return text_format("%s: holds no utterance, expected a line like %s", name,
                           "{\"audio\": \"clip.wav\", \"text\": \"what was said\"}");
    return text_format("%s%s", set->items[0].error,
                       set->count > 1 ? " (and no other row can be used)" : "");
}

static int ends_with(const char *name, const char *ending) {
    size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && strcmp(name + length - tail, ending) == 0;
}

/* '\0': JSON; else what parts the columns. */
static char separator_of(const char *text, size_t size, const char *name) {
    size_t at = 0;
    if (ends_with(name, ".tsv")) return '\t';
    if (ends_with(name, ".csv")) return ',';
    if (ends_with(name, ".jsonl") || ends_with(name, ".json")) return '\0';
    while (at < size && strchr(" \t\r\n", text[at]) && text[at]) at++;
    if (at == size || text[at] == '{' || text[at] == '[') return '\0';
    const char *end = memchr(text, '\n', size);
    size_t line = end ? (size_t)(end - text) : size;
    if (memchr(text, '\t', line)) return '\t';
    return memchr(text, ',', line) ? ',' : '\0';
}

char *eval_set_parse(struct eval_set *set, const char *text, size_t size, const char *name) {
    size_t mark = text_mark(text, size);
    text += mark;
    size -= mark;
    if (!set->path) set->path = name;
    char separator = separator_of(text, size, name);
    char *why = separator ? set_table_parse(set, text, size, name, separator)
                          : set_json_parse(set, text, size, name);
    return why ? why : finish(set, name);
}

static char *read_file(struct eval_set *set, const char *path) {
    char *text = NULL;
    size_t size;
    pst_error err;
    char *why = whole_file_read(path, EVAL_SET_BYTES_MAX, &text, &size);
    if (!why && pst_sha256(text, size, set->sha256, &err))
        why = text_format("%s: %s", path, err.message);
    if (!why) why = eval_set_parse(set, text, size, path);
    free(text);
    return why;
}

/* Hugging Face puts its table inside. */
static char *read_folder(struct eval_set *set, const char *path) {
    static const char *const NAMES[] = {"metadata.csv", "metadata.jsonl", "metadata.tsv"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char *inner = text_format("%s/%s", path, NAMES[i]);
        if (access(inner, F_OK) == 0) {
            set->path = inner; /* paths in it begin there */
            char *why = read_file(set, inner);
            set->path = path;
            free(inner);
            return why;
        }
        free(inner);
    }
    char *why = set_folder_read(set, path);
    return why ? why : finish(set, path);
}

char *eval_set_read(struct eval_set *set, const char *path, const char *by_group) {
    struct stat st;
    *set = (struct eval_set){.path = path, .by_group = by_group};
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? read_folder(set, path)
                                                       : read_file(set, path);
}
