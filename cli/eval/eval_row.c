/* eval_row.c - see eval_row.h.
 *
 * The names are those of the reference scripts and of Moonshine's trainer, of NeMo's manifests and
 * of Hugging Face's metadata.csv. Values of tables are texts, so numbers may be texts too. */
#include "eval/eval_row.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "json_text.h"
#include "options.h"

static const char *const AUDIO_NAMES[] = {"audio",          "path",      "wav",
                                          "audio_filepath", "file_name", NULL};
static const char *const TEXT_NAMES[] = {"text", "transcript", "transcription", NULL};
static const char *const GROUP_NAMES[] = {"speaker", "group", "speaker_id", NULL};

/* A row while it is read. */
struct row {
    const json_t *object;
    const char *where;
};

__attribute__((format(printf, 2, 3))) static char *refuse(const struct row *row, const char *format,
                                                          ...) {
    char message[512];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    return text_format("%s: %s", row->where, message);
}

/* The first of `names` that the row has a value for, and its name; null is none. */
static const json_t *find(const struct row *row, const char *const *names, const char **name) {
    for (; *names; names++) {
        const json_t *value = json_object_get(row->object, *names);
        *name = *names;
        if (value && !json_is_null(value)) return value;
    }
    return NULL;
}

static char *read_audio(const struct row *row, struct eval_item *item) {
    const char *name;
    const json_t *value = find(row, AUDIO_NAMES, &name);
    if (!value) return NULL; /* ready transcripts need none */
    if (json_is_object(value)) value = json_object_get(value, "path"); /* as of datasets */
    if (!json_is_string(value) || json_string_length(value) == 0)
        return refuse(row, "%s is %s, expected the path of an audio file", name,
                      json_is_string(value) ? "an empty string" : json_kind_text(value));
    item->audio = need(strdup(json_string_value(value)));
    return NULL;
}

static char *read_text(const struct row *row, struct eval_item *item) {
    const char *name;
    const json_t *value = find(row, TEXT_NAMES, &name);
    if (!value)
        return refuse(row, "has no text, expected \"text\", \"transcript\" or \"transcription\": "
                           "what was said");
    if (!json_is_string(value))
        return refuse(row, "%s is %s, expected a string", name, json_kind_text(value));
    item->text = need(strdup(json_string_value(value)));
    return NULL;
}

/* A text or a whole number as a text; NULL with `*why` set: neither. */
static char *name_text(const struct row *row, const json_t *value, const char *name, char **why) {
    if (json_is_integer(value))
        return text_format("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_string(value)) return need(strdup(json_string_value(value)));
    *why =
        refuse(row, "%s is %s, expected a string or a whole number", name, json_kind_text(value));
    return NULL;
}

static char *read_names(const struct row *row, struct eval_item *item, const char *by_group) {
    const char *const chosen[] = {by_group, NULL};
    const char *name;
    char *why = NULL;
    const json_t *value = find(row, by_group ? chosen : GROUP_NAMES, &name);
    if (value) item->group = name_text(row, value, name, &why);
    if (!value && by_group) return refuse(row, "has no %s, expected the group it is of", by_group);
    value = json_object_get(row->object, "id");
    if (!why && value && !json_is_null(value)) item->id = name_text(row, value, "id", &why);
    if (!why && item->id && !item->id[0])
        return refuse(row, "id is an empty string, expected a name or a whole number");
    return why;
}

/* Seconds, as a number or a text that is one; left as it is where the row has none. */
static char *read_seconds(const struct row *row, const char *name, double *seconds) {
    const json_t *value = json_object_get(row->object, name);
    double number = NAN;
    if (!value || json_is_null(value)) return NULL;
    if (json_is_string(value) && json_string_length(value) == 0) return NULL;
    if (json_is_number(value)) number = json_number_value(value);
    if (json_is_string(value) && !parse_number(json_string_value(value), &number)) number = NAN;
    if (!(number >= 0 && number < 1e9) && json_is_string(value))
        return refuse(row, "%s is \"%s\", expected seconds, 0 or more", name,
                      json_string_value(value));
    if (!(number >= 0 && number < 1e9))
        return refuse(row, "%s is %s, expected seconds, 0 or more", name,
                      json_is_number(value) ? "out of range" : json_kind_text(value));
    *seconds = number;
    return NULL;
}

static char *read_row(const struct row *row, struct eval_item *item, const char *by_group) {
    if (!json_is_object(row->object))
        return refuse(row, "holds %s, expected an object with \"audio\" and \"text\"",
                      json_kind_text(row->object));
    char *why = read_audio(row, item);
    if (!why) why = read_text(row, item);
    if (!why) why = read_names(row, item, by_group);
    if (!why) why = read_seconds(row, "offset", &item->offset);
    if (!why) why = read_seconds(row, "duration", &item->duration);
    if (!why && item->duration > 0) item->seconds = item->duration;
    return why;
}

static struct eval_item *new_item(struct eval_set *set, uint32_t line) {
    if (set->count == set->capacity) {
        set->capacity = set->capacity ? 2 * set->capacity : 64;
        set->items = need(realloc(set->items, set->capacity * sizeof *set->items));
    }
    struct eval_item *item = &set->items[set->count++];
    *item = (struct eval_item){.seconds = NAN, .loudness_db = NAN, .noise_db = NAN, .line = line};
    return item;
}

void eval_row_add(struct eval_set *set, json_t *object, const char *where, uint32_t line) {
    struct eval_item *item = new_item(set, line);
    const struct row row = {object, where};
    item->fields = object;
    item->error = read_row(&row, item, set->by_group);
}

void eval_row_add_error(struct eval_set *set, char *error, uint32_t line) {
    new_item(set, line)->error = error;
}

/* --------------------------------------------------------------------------------- all together */

char *eval_audio_path(const char *folder, const char *audio) {
    if (audio[0] == '/' || !folder || access(audio, F_OK) == 0) return need(strdup(audio));
    return text_format("%s/%s", folder, audio);
}

/* The name of the file without its ending, with the offset where there is one; else the line. */
static char *make_id(const struct eval_item *item) {
    if (!item->audio) return text_format("line-%u", (unsigned)item->line);
    const char *slash = strrchr(item->audio, '/'), *name = slash ? slash + 1 : item->audio;
    const char *dot = strrchr(name, '.');
    int length = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    if (item->offset > 0) return text_format("%.*s-%.3f", length, name, item->offset);
    return text_format("%.*s", length, name);
}

char *eval_row_place(const struct eval_set *set, const struct eval_item *item) {
    return text_format(set->is_list ? "%s: utterance %u" : "%s:%u", set->path,
                       (unsigned)item->line);
}

/* Two rows of one id could not be told apart: a made one gets its line, a given one is refused. */
static void add_id(struct eval_set *set, json_t *known, size_t index) {
    struct eval_item *item = &set->items[index];
    int given = item->id != NULL;
    if (!given) item->id = make_id(item);
    json_t *other = json_object_get(known, item->id);
    if (other && given && !item->error) {
        char *place = eval_row_place(set, item);
        item->error =
            text_format("%s: id %s is that of %s %u too, expected one of its own", place, item->id,
                        set->is_list ? "utterance" : "line", (unsigned)json_integer_value(other));
        free(place);
    }
    while (json_object_get(known, item->id)) {
        char *longer = text_format("%s-%u", item->id, (unsigned)item->line);
        free(item->id);
        item->id = longer;
    }
    json_object_set_new(known, item->id, json_integer(item->line));
}

void eval_rows_finish(struct eval_set *set) {
    json_t *known = need(json_object());
    /* Given ids first, whatever is made must keep clear of them. */
    for (int given = 1; given >= 0; given--)
        for (size_t i = 0; i < set->count; i++)
            if ((set->items[i].id != NULL) == given) add_id(set, known, i);
    json_decref(known);
    const char *slash = set->path ? strrchr(set->path, '/') : NULL;
    if (slash) set->folder = text_format("%.*s", (int)(slash - set->path), set->path);
    set->usable = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct eval_item *item = &set->items[i];
        if (item->audio) item->path = eval_audio_path(set->folder, item->audio);
        set->usable += !item->error;
    }
}
