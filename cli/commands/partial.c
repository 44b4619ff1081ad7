/* partial.c - see partial.h. */
#include "partial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "json_text.h"
#include "potstill_tools.h"
#include "seconds.h"

enum { WRITE_SECONDS = 60, FILE_BYTES_MAX = 1 << 30 };

/* ------------------------------------------------------------------------------------ settings */

/* FNV-1a: it need not withstand anybody, only tell one list from the next. */
static uint64_t add_bytes(uint64_t hash, const void *bytes, size_t length) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++) hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

static uint64_t add_text(uint64_t hash, const char *text) {
    return text ? add_bytes(hash, text, strlen(text) + 1) : add_bytes(hash, "\xff", 1);
}

static const uint64_t FIRST = 14695981039346656037u;

static json_t *hexadecimal(uint64_t hash) {
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return need(json_string(text));
}

static json_t *list_digest(const struct manifest *manifest) {
    uint64_t hash = FIRST;
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_entry *entry = &manifest->entries[i];
        hash = add_text(hash, entry->audio_path);
        hash = add_text(hash, entry->text);
        hash = add_bytes(hash, &entry->sample_count, sizeof entry->sample_count);
        if (entry->samples)
            hash = add_bytes(hash, entry->samples, entry->sample_count * sizeof *entry->samples);
    }
    return hexadecimal(hash);
}

/* Names, sizes and times of the files that decide what comes out; a folder may hold others, the
 * report itself for one. Of an adapter that lies in a folder inside the one that is named, only
 * the name counts. */
static uint64_t add_files(uint64_t hash, const char *folder) {
    static const char *const NAMES[] = {
        "config.json",       "generation_config.json", "model.safetensors",
        "pytorch_model.bin", "tokenizer.json",         "model.safetensors.index.json",
        "potstill.json",     "adapter_config.json",    "adapter_model.safetensors",
        "adapter_model.bin", "adapter.safetensors",    "Manifest.json"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct stat st;
        char *path = text_format("%s/%s", folder, NAMES[i]);
        if (stat(path, &st) == 0) {
            char *state = text_format("%s %lld %lld", NAMES[i], (long long)st.st_size,
                                      (long long)st.st_mtime);
            hash = add_text(hash, state);
            free(state);
        }
        free(path);
    }
    return hash;
}

/* A model or adapter: its name, and the state of its files. */
static json_t *source_in(const char *name, const char *dir) {
    json_t *object = need(json_object());
    json_object_set_new(object, "name", json_text(name));
    json_object_set_new(object, "files", hexadecimal(add_files(FIRST, dir)));
    return object;
}

static json_t *source(const struct engine_choice *choice, const char *name, const char *required) {
    struct stat st;
    char *dir = NULL;
    if (!name) return need(json_null());
    int is_folder = stat(name, &st) == 0 && S_ISDIR(st.st_mode);
    if (!is_folder) engine_locate(choice, name, required, &dir); /* found before, so it is again */
    json_t *object = source_in(name, dir ? dir : name);
    pst_free(dir);
    return object;
}

json_t *partial_settings(const struct engine *engine, const struct engine_choice *choice,
                         const struct manifest *manifest, const char *audio) {
    json_t *settings = need(json_object());
    json_object_set_new(settings, "version", json_text(pst_version()));
    json_object_set_new(settings, "list", list_digest(manifest));
    json_object_set_new(settings, "audio", audio ? json_text(audio) : json_null());
    json_object_set_new(settings, "model", source_in(engine->model_name, engine->model_dir));
    json_object_set_new(settings, "adapter",
                        source(choice, choice->adapter, "adapter_config.json"));
    json_object_set_new(settings, "adapter_scale", json_real(choice->adapter_scale));
    json_object_set_new(settings, "processor", source(choice, choice->processor, "tokenizer.json"));
    json_object_set_new(settings, "decoder", source(choice, choice->decoder, "config.json"));
    json_object_set_new(settings, "device", json_text(engine->device));
    json_object_set_new(settings, "kernels", json_text(engine->info.kernels));
    json_object_set_new(settings, "precision", json_text(engine->info.precision));
    return settings;
}

/* ------------------------------------------------------------------------------------- reading */

/* The file as JSON; NULL when it is none. `*exists` in any case. */
static json_t *read_file(const char *path, int *exists) {
    struct stat st;
    *exists = lstat(path, &st) == 0;
    if (!*exists || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX) return NULL;
    return json_load_file(path, 0, NULL);
}

static void take_over(struct partial *partial, const json_t *file) {
    partial->samples = json_incref(json_object_get(file, "samples"));
    for (size_t i = 0; i < partial->count; i++)
        partial->kept += partial_prediction(partial, i) != NULL;
    say("%s: %zu of %zu samples are there from an earlier run, going on with the others",
        partial->path, partial->kept, partial->count);
}

void partial_open(struct partial *partial, const char *output, json_t *settings, size_t count) {
    struct stat st;
    int exists;
    *partial = (struct partial){.settings = settings, .count = count, .written = seconds_now()};
    if (!output || (stat(output, &st) == 0 && !S_ISREG(st.st_mode))) return;
    partial->path = text_format("%s.partial", output);
    json_t *file = read_file(partial->path, &exists);
    const json_t *of = json_object_get(file, "partial");
    partial->foreign = exists && !json_is_object(of);
    if (partial->foreign)
        say("%s: is not what run-stt leaves of a report; it is left as it is", partial->path);
    else if (exists && json_equal(of, settings))
        take_over(partial, file);
    else if (exists)
        say("%s: is of another model, adapter, list or other settings, and not gone on with",
            partial->path);
    json_decref(file);
}

const char *partial_prediction(const struct partial *partial, size_t index) {
    const json_t *sample = json_array_get(partial->samples, index);
    if (json_object_get(sample, "error")) return NULL;
    return json_string_value(json_object_get(sample, "prediction"));
}

/* ------------------------------------------------------------------------------------- writing */

/* The report, and the key "partial" before its last brace. */
static char *print(struct partial *partial, struct report *report, size_t *length) {
    char *text = NULL;
    FILE *stream = need(open_memstream(&text, length));
    char *settings = need(json_dumps(partial->settings, JSON_SORT_KEYS));
    report_print(report, stream);
    fflush(stream);
    fseek(stream, -2, SEEK_CUR); /* "\n}" */
    fprintf(stream, ",\n  \"partial\": %s\n}", settings);
    fclose(stream);
    free(settings);
    return need(text);
}

void partial_write(struct partial *partial, struct report *report) {
    if (!partial->path || partial->foreign || !report->count) return;
    if (report->count < partial->kept) return; /* what is there is more still */
    size_t length;
    char *text = print(partial, report, &length);
    pst_error err;
    pst_status status = pst_write_file(partial->path, text, length, &err);
    free(text);
    partial->written = seconds_now();
    if (status) say("%s", err.message);
}

void partial_write_now_and_then(struct partial *partial, struct report *report) {
    if (seconds_now() - partial->written >= WRITE_SECONDS) partial_write(partial, report);
}

void partial_remove(struct partial *partial) {
    if (partial->path && !partial->foreign) unlink(partial->path);
}

void partial_close(struct partial *partial) {
    json_decref(partial->samples);
    json_decref(partial->settings);
    free(partial->path);
    *partial = (struct partial){0};
}
