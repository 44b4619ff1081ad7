/* eval_partial.c - see eval_partial.h. */
#include "eval/eval_partial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "json_text.h"
#include "whole_file.h"

static char *line_name(const char *key, const char *id) {
    return text_format("%s %s", key, id);
}

/* A line that a killed process has not finished is none. */
static void take_line(struct eval_partial *partial, const char *line, size_t length) {
    json_t *row = json_loadb(line, length, 0, NULL);
    const char *key = json_string_value(json_object_get(row, "key"));
    const char *id = json_string_value(json_object_get(row, "id"));
    json_t *text = json_object_get(row, "text");
    if (key && id && json_is_string(text)) {
        char *name = line_name(key, id);
        json_object_set(partial->lines, name, row);
        free(name);
    }
    json_decref(row);
}

int eval_partial_open(struct eval_partial *partial, const char *folder) {
    char *text = NULL;
    size_t size = 0;
    *partial = (struct eval_partial){.path = text_format("%s/partial.jsonl", folder),
                                     .lines = need(json_object())};
    char *why = access(partial->path, F_OK) == 0
                    ? whole_file_read(partial->path, EVAL_SET_BYTES_MAX, &text, &size)
                    : NULL;
    int code = why ? fail(EXIT_ENVIRONMENT, "%s", why) : 0;
    for (const char *line = text; line && !code;) {
        const char *end = strchr(line, '\n');
        take_line(partial, line, end ? (size_t)(end - line) : strlen(line));
        line = end ? end + 1 : NULL;
    }
    free(why);
    if (!code) partial->file = fopen(partial->path, "ab");
    if (!code && !partial->file)
        code = fail(EXIT_ENVIRONMENT, "%s: cannot write: %s", partial->path, strerror(errno));
    /* What comes next begins a line. */
    if (!code && text && size && text[size - 1] != '\n') fputc('\n', partial->file);
    free(text);
    return code;
}

const char *eval_partial_text(const struct eval_partial *partial, const char *key, const char *id,
                              struct spoken_words *words) {
    char *name = line_name(key, id);
    const json_t *row = json_object_get(partial->lines, name);
    free(name);
    spoken_words_read(words, row);
    return json_string_value(json_object_get(row, "text"));
}

int eval_partial_add(struct eval_partial *partial, const char *key, const char *id,
                     const char *text, const struct spoken_words *words) {
    fputs("{\"key\": ", partial->file);
    json_print_text(partial->file, key);
    fputs(", \"id\": ", partial->file);
    json_print_text(partial->file, id);
    fputs(", \"text\": ", partial->file);
    json_print_text(partial->file, text);
    if (words->known) {
        fputs(", \"words\": ", partial->file);
        spoken_words_print(partial->file, words);
    }
    fputs("}\n", partial->file);
    if (fflush(partial->file) == 0) return 0;
    return fail(EXIT_ENVIRONMENT, "%s: cannot write: %s", partial->path, strerror(errno));
}

void eval_partial_close(struct eval_partial *partial, int done) {
    if (partial->file) fclose(partial->file);
    if (partial->path && done) unlink(partial->path);
    json_decref(partial->lines);
    free(partial->path);
    *partial = (struct eval_partial){0};
}
