/* set_json.c - see set_json.h. */
#include "eval/set_json.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "eval/eval_row.h"
#include "json_text.h"
#include "text_lines.h"

static json_t *parse(const char *text, size_t size, json_error_t *error) {
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, error);
    if (!value && json_error_code(error) == json_error_out_of_memory) need(NULL);
    return value;
}

/* --------------------------------------------------------------------------------- all in one */

/* The list in a whole file: {"utterances": [...]}, or the list alone; NULL: it is none. */
static const json_t *list_of(const json_t *whole) {
    const json_t *list = json_object_get(whole, "utterances");
    if (json_is_array(list)) return list;
    return json_is_array(whole) ? whole : NULL;
}

static void add_list(struct eval_set *set, const json_t *list, const char *name) {
    set->is_list = 1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        char *where = text_format("%s: utterance %zu", name, i + 1);
        eval_row_add(set, json_incref(json_array_get(list, i)), where, (uint32_t)i + 1);
        free(where);
    }
}

/* An object that is to hold utterances, and holds something else; a row may have such a field. */
static char *refuse_list(const json_t *object, const char *name) {
    const json_t *list = json_object_get(object, "utterances");
    if (!list || json_is_array(list) || json_object_get(object, "text")) return NULL;
    return text_format("%s: utterances is %s, expected a list of objects", name,
                       json_kind_text(list));
}

/* ------------------------------------------------------------------------------- line by line */

static void add_line(struct eval_set *set, const char *line, size_t length, const char *name,
                     uint32_t number) {
    json_error_t error;
    json_t *row = parse(line, length, &error);
    if (row) {
        char *where = text_format("%s:%u", name, (unsigned)number);
        eval_row_add(set, row, where, number);
        free(where);
        return;
    }
    eval_row_add_error(set,
                       text_format("%s:%u: column %d: %s, expected a JSON object a line", name,
                                   (unsigned)number, error.column, error.text),
                       number);
}

static void add_lines(struct eval_set *set, const char *text, size_t size, const char *name) {
    struct text_lines lines = {.text = text, .left = size};
    while (text_lines_next(&lines)) add_line(set, lines.line, lines.length, name, lines.number);
}

char *set_json_parse(struct eval_set *set, const char *text, size_t size, const char *name) {
    json_error_t error;
    const char *end = memchr(text, '\n', size);
    json_t *whole = NULL;
    /* A first line that is an object of its own begins a file of such lines. */
    json_t *first = parse(text, end ? (size_t)(end - text) : size, &error);
    if (!json_is_object(first) || list_of(first)) whole = parse(text, size, &error);
    const json_t *list = list_of(whole);
    char *why = list ? NULL : refuse_list(whole ? whole : first, name);
    if (list)
        add_list(set, list, name);
    else if (!why)
        add_lines(set, text, size, name);
    json_decref(first);
    json_decref(whole);
    return why;
}
