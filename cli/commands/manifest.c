/* manifest.c - JSONL to a list of clips.
 *
 *     {"audio": "clips/0001.flac", "text": "what was said", "speaker_id": 3}
 *     {"audio": [0.0, 0.01, ...]}
 *     {"audio": {"array": [0.0, 0.01, ...], "sampling_rate": 16000}}
 *
 * One object a line; blank lines and unknown keys are ignored. The rules are the reference
 * script's, with these differences, each because a silent mistake would be worse: a line with a key
 * given twice, with NaN or Infinity, which are not JSON though Python reads them, or with a
 * sampling_rate other than the model's is an error of that line; a byte order mark, which some
 * editors write and Python rejects, is skipped.
 *
 * Paths stay as written, relative to the working directory. No audio file is opened here. */
#include "manifest.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "console.h"
#include "json_text.h"
#include "potstill.h"
#include "text_lines.h"
#include "whole_file.h"

/* Where messages point. */
struct place {
    const char *name;
    uint32_t line;
};

/* "name:line: message", to be freed. */
__attribute__((format(printf, 2, 3))) static char *refuse(const struct place *place,
                                                          const char *format, ...) {
    char message[512];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    return text_format("%s:%u: %s", place->name, (unsigned)place->line, message);
}

static void free_entry(struct manifest_entry *entry) {
    free(entry->audio_path);
    free(entry->samples);
    free(entry->text);
    free(entry->error);
}

void manifest_free(struct manifest *manifest) {
    for (size_t i = 0; i < manifest->count; i++) free_entry(&manifest->entries[i]);
    free(manifest->entries);
    *manifest = (struct manifest){0};
}

/* -------------------------------------------------------------------------------------- a line */

static char *read_samples(const json_t *list, struct manifest_entry *entry,
                          const struct place *place) {
    size_t count = json_array_size(list);
    if (count == 0) return refuse(place, "audio is an empty list, expected samples");
    entry->samples = need(malloc(count * sizeof *entry->samples));
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_number(item))
            return refuse(place, "audio[%zu] is %s, expected a number", i, json_kind_text(item));
        entry->samples[i] = (float)json_number_value(item);
        if (!isfinite(entry->samples[i]))
            return refuse(place, "audio[%zu] is too large for a sample", i);
    }
    entry->sample_count = count;
    return NULL;
}

/* {"array": [...], "sampling_rate": 16000} */
static char *read_audio_object(const json_t *audio, struct manifest_entry *entry,
                               const struct place *place) {
    const json_t *array = json_object_get(audio, "array");
    const json_t *rate = json_object_get(audio, "sampling_rate");
    if (!json_is_array(array))
        return refuse(place, "audio is an object whose \"array\" is %s, expected a list of samples",
                      json_kind_text(array));
    if (rate && !json_is_null(rate) && json_number_value(rate) != PST_SAMPLE_RATE_HZ)
        return refuse(place,
                      "audio has another \"sampling_rate\" than %d; samples in a manifest are not "
                      "resampled (name a file instead)",
                      PST_SAMPLE_RATE_HZ);
    return read_samples(array, entry, place);
}

static char *read_audio(const json_t *audio, struct manifest_entry *entry,
                        const struct place *place) {
    if (json_is_array(audio)) return read_samples(audio, entry, place);
    if (json_is_object(audio)) return read_audio_object(audio, entry, place);
    if (!json_is_string(audio) || json_string_length(audio) == 0)
        return refuse(place,
                      "audio is %s, expected the path of a file, a list of samples, or an object "
                      "with \"array\"",
                      json_is_string(audio) ? "an empty string" : json_kind_text(audio));
    entry->audio_path = need(strdup(json_string_value(audio)));
    return NULL;
}

static char *read_entry(const json_t *object, struct manifest_entry *entry,
                        const struct place *place) {
    const json_t *text = json_object_get(object, "text");
    if (!json_is_object(object))
        return refuse(place, "holds %s, expected an object with \"audio\"", json_kind_text(object));
    if (text && !json_is_null(text) && !json_is_string(text))
        return refuse(place, "text is %s, expected a string", json_kind_text(text));
    if (!json_is_null(text))
        entry->text = need(strdup(json_is_string(text) ? json_string_value(text) : ""));
    return read_audio(json_object_get(object, "audio"), entry, place);
}

/* Python writes NaN and Infinity where it has them, so a manifest made by a script may hold some;
 * the parser's own "invalid token" would leave its author guessing. It stops behind the word, or,
 * of a negative one, behind the sign. */
static int stopped_at_nan(const json_error_t *error, const char *line, size_t length) {
    static const char *const words[] = {"NaN", "Infinity"};
    size_t at = error->position < 0 ? 0 : (size_t)error->position;
    for (int i = 0; i < 2; i++) {
        size_t size = strlen(words[i]);
        if (at >= size && at <= length && !memcmp(line + at - size, words[i], size)) return 1;
        if (at <= length && length - at >= size && !memcmp(line + at, words[i], size)) return 1;
    }
    return 0;
}

static char *refuse_json(const json_error_t *error, const char *line, size_t length,
                         const struct place *place) {
    if (json_error_code(error) == json_error_out_of_memory) need(NULL);
    return refuse(place, "column %d: %s%s", error->column, error->text,
                  stopped_at_nan(error, line, length)
                      ? " (NaN and Infinity are not JSON; samples must be finite)"
                      : "");
}

static char *parse_line(const char *line, size_t length, struct manifest_entry *entry,
                        const struct place *place) {
    json_error_t error;
    if (length > MANIFEST_LINE_BYTES_MAX)
        return refuse(place, "line is %zu bytes, expected at most %zu", length,
                      MANIFEST_LINE_BYTES_MAX);
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    if (!object) return refuse_json(&error, line, length, place);
    char *why = read_entry(object, entry, place);
    json_decref(object);
    return why;
}

/* ------------------------------------------------------------------------------------ the file */

static void add_line(struct manifest *manifest, const char *line, size_t length,
                     const struct place *place) {
    if (manifest->count == manifest->capacity) {
        manifest->capacity = manifest->capacity ? 2 * manifest->capacity : 64;
        manifest->entries =
            need(realloc(manifest->entries, manifest->capacity * sizeof *manifest->entries));
    }
    struct manifest_entry entry = {.line = place->line};
    entry.error = parse_line(line, length, &entry, place);
    manifest->entries[manifest->count++] = entry;
}

/* A file of which no line can be used is not a manifest: the reason is that of the first. */
static char *check_usable(const struct manifest *manifest, const char *name) {
    if (manifest->count == 0)
        return text_format("%s: manifest is empty, expected a line like %s", name,
                           "{\"audio\": \"clip.wav\", \"text\": \"what was said\"}");
    for (size_t i = 0; i < manifest->count; i++)
        if (!manifest->entries[i].error) return NULL;
    return text_format("%s", manifest->entries[0].error);
}

char *manifest_parse(struct manifest *manifest, const char *text, size_t size, const char *name) {
    struct place place = {.name = name};
    *manifest = (struct manifest){0};
    size_t mark = text_mark(text, size);
    struct text_lines lines = {.text = text + mark, .left = size - mark};
    while (text_lines_next(&lines)) {
        place.line = lines.number;
        add_line(manifest, lines.line, lines.length, &place);
    }
    char *why = check_usable(manifest, name);
    if (why) manifest_free(manifest);
    return why;
}

char *manifest_read(struct manifest *manifest, const char *path) {
    char *text = NULL;
    size_t size = 0;
    char *why = whole_file_read(path, MANIFEST_BYTES_MAX, &text, &size);
    if (!why) why = manifest_parse(manifest, text, size, path);
    free(text);
    return why;
}
