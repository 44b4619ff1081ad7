/* hypotheses.c - see hypotheses.h. */
#include "eval/hypotheses.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "json_text.h"
#include "text_lines.h"
#include "whole_file.h"

static const char *const TEXT_NAMES[] = {"pred_text",  "prediction",    "hypothesis", "text",
                                         "transcript", "transcription", NULL};
static const char *const AUDIO_NAMES[] = {"audio",     "path",       "wav",  "audio_filepath",
                                          "file_name", "audio_path", "file", NULL};

/* Where the items are: by id, by audio, by audio and offset. */
struct places {
    json_t *ids, *audios;
};

static const char *text_at(const json_t *row, const char *const *names) {
    for (; *names; names++) {
        const char *text = json_string_value(json_object_get(row, *names));
        if (text) return text;
    }
    return NULL;
}

static char *audio_key(const char *audio, double offset) {
    return text_format("%.3f %s", offset, audio);
}

static struct places list_places(const struct eval_set *set) {
    struct places places = {need(json_object()), need(json_object())};
    for (size_t i = 0; i < set->count; i++) {
        const struct eval_item *item = &set->items[i];
        json_object_set_new(places.ids, item->id, json_integer((json_int_t)i));
        if (!item->audio) continue;
        char *key = audio_key(item->audio, item->offset);
        json_object_set_new(places.audios, key, json_integer((json_int_t)i));
        free(key);
    }
    return places;
}

/* The item a row is of; the number of items: none. `order`: of a row that does not say. */
static size_t find_item(const struct places *places, const json_t *row, size_t order, size_t none) {
    const json_t *id = json_object_get(row, "id"), *place = NULL;
    const char *audio = text_at(row, AUDIO_NAMES);
    char *number =
        json_is_integer(id) ? text_format("%" JSON_INTEGER_FORMAT, json_integer_value(id)) : NULL;
    const char *name = number ? number : json_string_value(id);
    if (name) place = json_object_get(places->ids, name);
    if (!place && audio) {
        char *key = audio_key(audio, json_number_value(json_object_get(row, "offset")));
        place = json_object_get(places->audios, key);
        free(key);
    }
    free(number);
    if (place) return (size_t)json_integer_value(place);
    return name || audio ? none : order;
}

static void set_text(struct eval_heard *heard, size_t item, const char *text) {
    free(heard->texts[item]);
    heard->texts[item] = need(strdup(text));
    spoken_words_free(&heard->words[item]);
}

/* Every item without a text says so. */
static void mark_missing(struct evaluation *evaluation, size_t system, const char *where) {
    struct eval_heard *heard = &evaluation->heard[system];
    for (size_t i = 0; i < evaluation->set.count; i++)
        if (!heard->texts[i] && !evaluation->set.items[i].error && !heard->errors[i])
            heard->errors[i] =
                text_format("%s: has no text for %s", where, evaluation->set.items[i].id);
}

static int take_rows(struct evaluation *evaluation, size_t system, const json_t *rows,
                     const char *path) {
    struct places places = list_places(&evaluation->set);
    size_t strangers = 0, again = 0, taken = 0, none = evaluation->set.count;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *text = text_at(row, TEXT_NAMES);
        size_t item = find_item(&places, row, i < none ? i : none, none);
        strangers += item == none;
        if (item == none || !text) continue;
        again += evaluation->heard[system].texts[item] != NULL;
        set_text(&evaluation->heard[system], item, text);
        spoken_words_read(&evaluation->heard[system].words[item], row);
        taken++;
    }
    json_decref(places.ids);
    json_decref(places.audios);
    if (!taken)
        return fail(EXIT_INPUTS,
                    "%s: has no text for any utterance of %s, expected rows with its \"id\" or "
                    "\"audio\" and \"pred_text\" or \"text\"",
                    path, evaluation->set.path);
    if (strangers)
        say("%s: %zu of %zu rows are of no utterance of %s", path, strangers, json_array_size(rows),
            evaluation->set.path);
    if (again)
        say("%s: %zu of %zu rows are of an utterance that a row before is of; the last one counts",
            path, again, json_array_size(rows));
    return 0;
}

/* ------------------------------------------------------------------------------- kinds of files */

/* Objects a line, as a list; NULL with the reason printed. */
static json_t *read_lines(const char *text, size_t size, const char *path) {
    json_t *rows = need(json_array());
    struct text_lines lines = {.text = text, .left = size};
    while (text_lines_next(&lines)) {
        json_error_t error;
        json_t *row = json_loadb(lines.line, lines.length, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(row)) {
            say("%s:%u: %s, expected a JSON object a line with \"pred_text\" or \"text\"", path,
                (unsigned)lines.number, row ? json_kind_text(row) : error.text);
            json_decref(row);
            json_decref(rows);
            return NULL;
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

/* Lines of text: one for each item. */
static int take_lines(struct evaluation *evaluation, size_t system, char *text, const char *path) {
    size_t count = 0, expected = evaluation->set.count;
    for (char *line = text; line && *line; count++) {
        char *end = strchr(line, '\n');
        if (end) *end++ = '\0';
        size_t length = strlen(line);
        if (length && line[length - 1] == '\r') line[length - 1] = '\0';
        if (count < expected) set_text(&evaluation->heard[system], count, line);
        line = end;
    }
    if (count == expected) return 0;
    return fail(EXIT_INPUTS, "%s: has %zu lines, expected %zu: one for each utterance of %s", path,
                count, expected, evaluation->set.path);
}

/* Which system of results.json; its number: there is none, and it is said. */
static size_t find_system(const json_t *systems, const char *of, const char *path) {
    size_t count = json_array_size(systems);
    if (!of && count) return count - 1;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(systems, i), "name"));
        if (name && of && strcmp(name, of) == 0) return i;
    }
    say("%s: has no system %s", path, of ? of : "at all");
    return count;
}

/* The words heard in an alignment, with their times, as spoken_words_read() takes them; NULL: there
 * are no times. */
static json_t *words_of_results(const json_t *heard) {
    const json_t *times = json_object_get(heard, "times");
    json_t *words = times ? need(json_array()) : NULL, *edit;
    size_t i, at = 0;
    json_array_foreach(words ? json_object_get(heard, "alignment") : NULL, i, edit) {
        const char *kind = json_string_value(json_array_get(edit, 0));
        if (!kind || *kind == 'd') continue;
        const json_t *span = json_array_get(times, at++);
        if (!json_is_array(span)) continue;
        json_t *word = need(json_copy((json_t *)span));
        json_array_insert(word, 0, json_array_get(edit, *kind == 's' ? 2 : 1));
        json_array_append_new(words, word);
    }
    return words;
}

static int take_results(struct evaluation *evaluation, size_t system, const json_t *results,
                        const char *path, const char *of) {
    const json_t *systems = json_object_get(results, "systems");
    size_t chosen = find_system(systems, of, path);
    if (chosen == json_array_size(systems)) return EXIT_INPUTS;
    const json_t *utterances = json_object_get(results, "utterances");
    json_t *rows = need(json_array());
    for (size_t i = 0; i < json_array_size(utterances); i++) {
        const json_t *utterance = json_array_get(utterances, i);
        const json_t *heard = json_array_get(json_object_get(utterance, "systems"), chosen);
        const char *id = json_string_value(json_object_get(utterance, "id"));
        const char *text = json_string_value(json_object_get(heard, "text"));
        if (!id || !text) continue;
        json_t *row = need(json_pack("{s:s, s:s}", "id", id, "pred_text", text));
        json_object_set_new(row, "words", words_of_results(heard));
        json_array_append_new(rows, row);
    }
    int code = take_rows(evaluation, system, rows, path);
    json_decref(rows);
    return code;
}

static int take_json(struct evaluation *evaluation, size_t system, const char *text, size_t size,
                     const char *path, const char *of) {
    json_t *whole = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    json_t *list = json_is_array(whole) ? json_incref(whole) : NULL;
    int code = EXIT_INPUTS;
    if (!list) list = json_incref(json_object_get(whole, "samples")); /* run-stt's report */
    if (json_is_array(json_object_get(whole, "systems"))) {
        code = take_results(evaluation, system, whole, path, of);
    } else if (of) {
        say("%s: is not the results.json of an evaluation", path);
    } else {
        if (!list) list = json_incref(json_object_get(whole, "utterances"));
        if (!list) list = read_lines(text, size, path);
        if (list) code = take_rows(evaluation, system, list, path);
    }
    json_decref(list);
    json_decref(whole);
    return code;
}

int hypotheses_read(struct evaluation *evaluation, size_t system, const char *path,
                    const char *of) {
    char *text = NULL;
    size_t size, length = strlen(path);
    char *why = whole_file_read(path, EVAL_SET_BYTES_MAX, &text, &size);
    int code = why ? fail(EXIT_INPUTS, "%s", why) : 0;
    size_t mark = why ? 0 : text_mark(text, size);
    if (!code && length > 4 && strcmp(path + length - 4, ".txt") == 0)
        code = take_lines(evaluation, system, text + mark, path);
    else if (!code)
        code = take_json(evaluation, system, text + mark, size - mark, path, of);
    if (!code) mark_missing(evaluation, system, path);
    free(why);
    free(text);
    return code;
}

/* -------------------------------------------------------------------------------------- columns */

void hypotheses_columns(const struct eval_set *set, char ***columns, size_t *count) {
    *columns = NULL;
    *count = 0;
    for (size_t i = 0; i < set->count; i++) {
        const char *name;
        json_t *value;
        json_object_foreach(set->items[i].fields, name, value) {
            size_t known = 0;
            if (strncmp(name, "pred_text", 9) != 0 || (name[9] && (name[9] != '_' || !name[10])))
                continue;
            while (known < *count && strcmp((*columns)[known], name) != 0) known++;
            if (known < *count) continue;
            *columns = need(realloc(*columns, (*count + 1) * sizeof **columns));
            (*columns)[(*count)++] = need(strdup(name));
        }
    }
}

void hypotheses_take(struct evaluation *evaluation, size_t system, const char *column) {
    for (size_t i = 0; i < evaluation->set.count; i++) {
        const char *text =
            json_string_value(json_object_get(evaluation->set.items[i].fields, column));
        if (text) set_text(&evaluation->heard[system], i, text);
    }
    mark_missing(evaluation, system, column);
}
