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

/* Those with the most errors, which people listen to first, until the bytes are spent. */
static void choose(struct page_rows *rows) {
    const size_t count = json_array_size(rows->utterances);
    size_t left = rows->sounds->embed_bytes, i;
    rows->embed = need(calloc(count + 1, 1));
    if (!left) return;
    struct wish *wishes = need(malloc((count + 1) * sizeof *wishes));
    for (i = 0; i < count; i++) {
        const json_t *utterance = json_array_get(rows->utterances, i);
        const double seconds = json_number_value(json_object_get(utterance, "seconds"));
        wishes[i] = (struct wish){i, most_errors(utterance), seconds};
    }
    qsort(wishes, count, sizeof *wishes, by_errors);
    for (i = 0; i < count; i++) {
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

void page_rows_open(struct page_rows *rows, const json_t *utterances,
                    struct report_sounds *sounds) {
    *rows = (struct page_rows){.utterances = utterances, .sounds = sounds};
    sounds->embedded = 0;
    choose(rows);
}

json_t *page_rows_next(struct page_rows *rows) {
    const json_t *utterance = json_array_get(rows->utterances, rows->next);
    if (!utterance) return NULL;
    json_t *row = need(json_copy((json_t *)utterance)); /* shallow, as the copies below */
    json_t *systems = need(json_array()), *system;
    size_t i;
    json_array_foreach(json_object_get(utterance, "systems"), i, system) {
        json_t *one = need(json_copy(system)), *alignment = json_object_get(system, "alignment");
        if (json_is_array(alignment))
            json_object_set_new(one, "alignment", alignment_text(alignment));
        json_array_append_new(systems, one);
    }
    json_object_set_new(row, "systems", systems);
    add_sound(rows, row, rows->embed[rows->next++]);
    return row;
}

void page_rows_close(struct page_rows *rows) {
    page_sound_close(&rows->sound);
    free(rows->embed);
}
