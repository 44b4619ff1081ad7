/* page_rows.c - see page_rows.h. */
#include "eval/page_rows.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"

/* ---- alignments */

struct line {
    char *text;
    size_t length, capacity;
};

/* Adds a word behind its mark. A space in a word becomes one that does not end it. */
static void add_word(struct line *line, char mark, const char *word) {
    const size_t most = 3 + 2 * strlen(word); /* a space becomes two bytes */
    if (!line->text || line->capacity - line->length < most)
        line->text = need(realloc(line->text, line->capacity = 2 * line->capacity + most));
    if (line->length) line->text[line->length++] = ' ';
    line->text[line->length++] = mark;
    for (; *word; word++) {
        if (*word == ' ') {
            memcpy(line->text + line->length, "\xC2\xA0", 2); /* U+00A0 */
            line->length += 2;
        } else {
            line->text[line->length++] = *word;
        }
    }
}

static const char *text_at(const json_t *list, size_t index) {
    const char *text = json_string_value(json_array_get(list, index));
    return text ? text : "";
}

static json_t *alignment_text(const json_t *alignment) {
    struct line line = {0};
    size_t i;
    json_t *item, *text;
    json_array_foreach((json_t *)alignment, i, item) {
        const char mark = *text_at(item, 0);
        add_word(&line, mark ? mark : '=', text_at(item, 1));
        if (mark == 's') add_word(&line, '>', text_at(item, 2));
    }
    text = need(json_stringn(line.text ? line.text : "", line.length));
    free(line.text);
    return text;
}

/* ---- which sounds */

struct wish {
    size_t index, errors;
    double seconds;
};

static int by_errors(const void *one, const void *two) {
    const struct wish *a = one, *b = two;
    if (a->errors != b->errors) return a->errors < b->errors ? 1 : -1;
    return a->index < b->index ? -1 : 1;
}

static size_t most_errors(const json_t *utterance) {
    size_t i, most = 0;
    json_t *system;
    json_array_foreach(json_object_get(utterance, "systems"), i, system) {
        const json_int_t errors = json_integer_value(json_object_get(system, "errors"));
        if (errors > 0 && (size_t)errors > most) most = (size_t)errors;
    }
    return most;
}

/* The next value of the list; NULL at its end. All at once would not fit the memory. */
static json_t *read_next(struct page_rows *rows) {
    json_error_t error;
    while (rows->at < rows->end && strchr(", \n\r\t", *rows->at)) rows->at++;
    if (rows->at == rows->end || *rows->at == ']') return NULL;
    json_t *value =
        json_loadb(rows->at, (size_t)(rows->end - rows->at), JSON_DISABLE_EOF_CHECK, &error);
    if (value) rows->at += error.position;
    return value;
}

/* Wishes of all utterances, to be freed. */
static struct wish *list_wishes(struct page_rows *rows, size_t *count) {
    struct wish *wishes = NULL;
    size_t capacity = 0;
    json_t *utterance;
    for (*count = 0; (utterance = read_next(rows)); ++*count) {
        if (*count == capacity) {
            capacity = 2 * capacity + 64;
            wishes = need(realloc(wishes, capacity * sizeof *wishes));
        }
        wishes[*count] = (struct wish){*count, most_errors(utterance),
                                       json_number_value(json_object_get(utterance, "seconds"))};
        json_decref(utterance);
    }
    rows->at = rows->begin;
    return wishes;
}

/* Those with the most errors, which people listen to first, until the bytes are spent. */
static void choose(struct page_rows *rows) {
    size_t left = rows->sounds->embed_bytes, count;
    struct wish *wishes = list_wishes(rows, &count);
    rows->embed = need(calloc(count + 1, 1));
    if (wishes) qsort(wishes, count, sizeof *wishes, by_errors);
    for (size_t i = 0; wishes && i < count; i++) {
        const size_t bytes = page_sound_bytes(wishes[i].seconds);
        if (bytes > left) continue;
        rows->embed[wishes[i].index] = 1;
        left -= bytes;
    }
    free(wishes);
}

/* ---- rows */

static void add_sound(struct page_rows *rows, json_t *row, int embed) {
    const char *audio = json_string_value(json_object_get(row, "audio"));
    if (!audio) return;
    char *text = NULL;
    if (embed)
        text = page_sound_data(&rows->sound, rows->sounds->from, audio,
                               json_number_value(json_object_get(row, "offset")),
                               json_number_value(json_object_get(row, "seconds")));
    const char *key = text ? "sound" : "source";
    if (text)
        rows->sounds->embedded++;
    else
        text = page_sound_link(rows->sounds->from, rows->sounds->folder, audio);
    if (text) json_object_set_new(row, key, need(json_string(text)));
    free(text);
}

void page_rows_open(struct page_rows *rows, const char *text, size_t length,
                    struct report_sounds *sounds) {
    *rows = (struct page_rows){.begin = text, .at = text, .end = text + length, .sounds = sounds};
    sounds->embedded = 0;
    if (sounds->embed_bytes) choose(rows);
}

static json_t *member(const json_t *object, const char *name) {
    json_t *value = json_object_get(object, name);
    return value ? json_incref(value) : json_null();
}

json_t *page_rows_next_index(struct page_rows *rows) {
    json_t *row = read_next(rows), *index, *system;
    size_t i;
    if (!row) return NULL;
    index = need(json_pack("[o, o, o, i]", member(row, "id"), member(row, "seconds"),
                           member(row, "group"), json_object_get(row, "error") != NULL));
    json_array_foreach(json_object_get(row, "systems"), i, system) {
        json_array_append_new(index, member(system, "errors"));
        json_array_append_new(index, member(system, "words"));
    }
    json_decref(row);
    return index;
}

json_t *page_rows_next(struct page_rows *rows) {
    json_t *row = read_next(rows), *system;
    size_t i;
    if (!row) return NULL;
    json_array_foreach(json_object_get(row, "systems"), i, system) {
        json_t *alignment = json_object_get(system, "alignment");
        if (json_is_array(alignment))
            json_object_set_new(system, "alignment", alignment_text(alignment));
        json_object_del(system, "errors");
        json_object_del(system, "words");
    }
    add_sound(rows, row, rows->embed && rows->embed[rows->next]);
    rows->next++;
    json_object_del(row, "id"); /* these are in the index */
    json_object_del(row, "seconds");
    json_object_del(row, "group");
    return row;
}

void page_rows_close(struct page_rows *rows) {
    eval_sound_free(&rows->sound);
    free(rows->embed);
}
