/* manifest.c - JSONL to a list of things to transcribe.
 *
 *     {"audio": "clips/0001.flac", "text": "what was said", "speaker_id": 3}
 *     {"audio": [0.0, 0.01, ...]}
 *     {"audio": {"array": [0.0, 0.01, ...], "sampling_rate": 16000}}
 *
 * One object a line; blank lines and unknown keys mean nothing. The rules are the reference
 * script's, with these differences, each because a silent mistake would be worse: a key given
 * twice, NaN and Infinity, which are not JSON though Python reads them, and a sampling_rate other
 * than the model's are refused; a byte order mark, which some editors write and Python rejects, is
 * passed over.
 *
 * Paths stay as written, relative to the working directory. Nothing is opened here. */
#include "pipeline/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/stream.h"
#include "formats/json_file.h"

/* As pst_manifest_entry, but owning. */
struct entry {
    char *audio_path;
    float *samples; /* [sample_count] */
    size_t sample_count;
    char *text;
    int64_t speaker_id;
    uint32_t line;
};

struct pst_manifest {
    struct entry *entries; /* [capacity], the first [count] set */
    size_t count;
    size_t capacity;
};

/* Where messages point. */
struct place {
    const char *name;
    uint32_t line;
};

static void release_entry(struct entry *entry) {
    free(entry->audio_path);
    free(entry->samples);
    free(entry->text);
    *entry = (struct entry){0};
}

void pst_manifest_free(pst_manifest *manifest) {
    if (!manifest) return;
    for (size_t i = 0; i < manifest->count; i++) release_entry(&manifest->entries[i]);
    free(manifest->entries);
    free(manifest);
}

/* -------------------------------------------------------------------------------------- a line */

static pst_status read_samples(const json_t *list, struct entry *entry, const struct place *place,
                               pst_error *err) {
    size_t count = json_array_size(list);
    if (count == 0)
        return error_set(err, PST_ERR_INPUT, "%s:%u: audio is an empty list, expected samples",
                         place->name, place->line);
    entry->samples = malloc(count * sizeof *entry->samples);
    if (!entry->samples) return error_memory(err, count * sizeof *entry->samples);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_number(item))
            return error_set(err, PST_ERR_INPUT, "%s:%u: audio[%zu] is %s, expected a number",
                             place->name, place->line, i, json_kind(item));
        entry->samples[i] = (float)json_number_value(item);
        if (!isfinite(entry->samples[i]))
            return error_set(err, PST_ERR_INPUT, "%s:%u: audio[%zu] is too large for a sample",
                             place->name, place->line, i);
    }
    entry->sample_count = count;
    return PST_OK;
}

/* {"array": [...], "sampling_rate": 16000} */
static pst_status read_audio_object(const json_t *audio, struct entry *entry,
                                    const struct place *place, pst_error *err) {
    const json_t *array = json_object_get(audio, "array");
    const json_t *rate = json_object_get(audio, "sampling_rate");
    if (!json_is_array(array))
        return error_set(err, PST_ERR_INPUT,
                         "%s:%u: audio is an object whose \"array\" is %s, expected a list of "
                         "samples",
                         place->name, place->line, json_kind(array));
    if (rate && !json_is_null(rate) && json_number_value(rate) != PST_SAMPLE_RATE_HZ)
        return error_set(
            err, PST_ERR_INPUT,
            "%s:%u: audio has another \"sampling_rate\" than %d; samples in a manifest "
            "are not resampled (name a file instead)",
            place->name, place->line, PST_SAMPLE_RATE_HZ);
    return read_samples(array, entry, place, err);
}

static pst_status read_audio(const json_t *audio, struct entry *entry, const struct place *place,
                             pst_error *err) {
    if (json_is_array(audio)) return read_samples(audio, entry, place, err);
    if (json_is_object(audio)) return read_audio_object(audio, entry, place, err);
    if (!json_is_string(audio) || json_string_length(audio) == 0)
        return error_set(
            err, PST_ERR_INPUT,
            "%s:%u: audio is %s, expected the path of a file, a list of samples, or an "
            "object with \"array\"",
            place->name, place->line, json_is_string(audio) ? "an empty string" : json_kind(audio));
    entry->audio_path = strdup(json_string_value(audio));
    return entry->audio_path ? PST_OK : error_memory(err, json_string_length(audio) + 1);
}

static pst_status read_entry(const json_t *object, struct entry *entry, const struct place *place,
                             pst_error *err) {
    const json_t *text = json_object_get(object, "text");
    const json_t *speaker = json_object_get(object, "speaker_id");
    if (text && !json_is_null(text) && !json_is_string(text))
        return error_set(err, PST_ERR_INPUT, "%s:%u: text is %s, expected a string", place->name,
                         place->line, json_kind(text));
    if (speaker && !json_is_null(speaker) && !json_is_integer(speaker))
        return error_set(err, PST_ERR_INPUT, "%s:%u: speaker_id is %s, expected an integer",
                         place->name, place->line, json_kind(speaker));
    entry->line = place->line;
    entry->speaker_id = json_is_integer(speaker) ? json_integer_value(speaker) : -1;
    entry->text = strdup(json_is_string(text) ? json_string_value(text) : "");
    if (!entry->text) return error_memory(err, 0);
    return read_audio(json_object_get(object, "audio"), entry, place, err);
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

static pst_status refuse_json(const json_error_t *error, const char *line, size_t length,
                              const struct place *place, pst_error *err) {
    if (json_error_code(error) == json_error_out_of_memory) return error_memory(err, 0);
    return error_set(err, PST_ERR_INPUT, "%s:%u: column %d: %s%s", place->name, place->line,
                     error->column, error->text,
                     stopped_at_nan(error, line, length)
                         ? " (NaN and Infinity are not JSON; samples must be finite)"
                         : "");
}

static pst_status parse_line(const char *line, size_t length, struct entry *entry,
                             const struct place *place, pst_error *err) {
    json_error_t error;
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    if (!object) return refuse_json(&error, line, length, place, err);
    pst_status status =
        json_is_object(object)
            ? read_entry(object, entry, place, err)
            : error_set(err, PST_ERR_INPUT, "%s:%u: holds %s, expected an object with \"audio\"",
                        place->name, place->line, json_kind(object));
    json_decref(object);
    return status;
}

/* ------------------------------------------------------------------------------------ the file */

static int is_blank(const char *line, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!strchr(" \t\r\v\f", line[i]) || line[i] == '\0') return 0;
    return 1;
}

static pst_status add_line(pst_manifest *manifest, const char *line, size_t length,
                           const struct place *place, pst_error *err) {
    if (length > MANIFEST_LINE_BYTES_MAX)
        return error_set(err, PST_ERR_INPUT, "%s:%u: line is %zu bytes, expected at most %zu",
                         place->name, place->line, length, MANIFEST_LINE_BYTES_MAX);
    if (manifest->count == manifest->capacity) {
        size_t capacity = manifest->capacity ? 2 * manifest->capacity : 64;
        struct entry *entries = realloc(manifest->entries, capacity * sizeof *entries);
        if (!entries) return error_memory(err, capacity * sizeof *entries);
        manifest->entries = entries;
        manifest->capacity = capacity;
    }
    struct entry entry = {0};
    pst_status status = parse_line(line, length, &entry, place, err);
    if (status) {
        release_entry(&entry);
        return status;
    }
    manifest->entries[manifest->count++] = entry;
    return PST_OK;
}

static pst_status add_lines(pst_manifest *manifest, const char *text, size_t size, const char *name,
                            pst_error *err) {
    struct place place = {.name = name};
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;
        place.line++;
        if (!is_blank(text, length)) {
            pst_status status = add_line(manifest, text, length, &place, err);
            if (status) return status;
        }
        if (end) length++;
        text += length;
        size -= length;
    }
    return PST_OK;
}

pst_status manifest_parse(const char *text, size_t size, const char *name, pst_manifest **manifest,
                          pst_error *err) {
    pst_manifest *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    pst_status status = add_lines(made, text, size, name, err);
    if (!status && made->count == 0)
        status = error_set(err, PST_ERR_INPUT, "%s: manifest is empty, expected a line like %s",
                           name, "{\"audio\": \"clip.wav\", \"text\": \"what was said\"}");
    if (status) {
        pst_manifest_free(made);
        return status;
    }
    *manifest = made;
    return PST_OK;
}

pst_status pst_manifest_read(const char *path, pst_manifest **manifest, pst_error *err) {
    if (!path || !manifest)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_manifest_read: a path and a place for the manifest are needed");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(err, PST_ERR_INPUT, "%s: no such file", path);
    if (fd < 0) return error_system(err, "open", path, errno);
    struct buffer text = {0};
    pst_status status = stream_read(fd, path, MANIFEST_BYTES_MAX, &text, err);
    close(fd);
    if (!status) status = manifest_parse(text.data, text.length, path, manifest, err);
    buffer_free(&text);
    return status;
}

size_t pst_manifest_count(const pst_manifest *manifest) {
    return manifest ? manifest->count : 0;
}

void pst_manifest_entry_at(const pst_manifest *manifest, size_t index, pst_manifest_entry *entry) {
    const struct entry *found = &manifest->entries[index];
    *entry = (pst_manifest_entry){.audio_path = found->audio_path,
                                  .samples = found->samples,
                                  .sample_count = found->sample_count,
                                  .text = found->text,
                                  .speaker_id = found->speaker_id,
                                  .line = found->line};
}
