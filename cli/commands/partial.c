/* partial.c - see partial.h. */
#include "partial.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "json_text.h"
#include "potstill_tools.h"
#include "resume/option_digest.h"
#include "resume/run_identity.h"
#include "seconds.h"

enum { WRITE_SECONDS = 60, FILE_BYTES_MAX = 1 << 30 };

/* ------------------------------------------------------------------------------------ settings */

static json_t *list_digest(const struct manifest *manifest) {
    uint64_t hash = DIGEST_FIRST;
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_entry *entry = &manifest->entries[i];
        hash = digest_text(hash, entry->audio_path);
        hash = digest_text(hash, entry->text);
        hash = digest_bytes(hash, &entry->sample_count, sizeof entry->sample_count);
        if (entry->samples)
            hash = digest_bytes(hash, entry->samples, entry->sample_count * sizeof *entry->samples);
    }
    return run_identity_hash(hash);
}

json_t *partial_settings(const struct engine *engine, const struct engine_choice *choice,
                         const struct manifest *manifest, const char *audio) {
    json_t *settings = run_identity(engine, choice);
    json_object_set_new(settings, "list", list_digest(manifest));
    json_object_set_new(settings, "audio", audio ? json_text(audio) : json_null());
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
