/* base_model.c - see base_model.h. */
#include "base_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <jansson.h>

#include "console.h"
#include "fetch.h"
#include "potstill_tools.h"

/* ------------------------------------------------------------------------------------- reading */

/* A pipe would be waited for, and nobody writes megabytes of settings; NULL: no such file. */
static FILE *open_file(const char *dir, const char *name) {
    enum { BYTES_MAX = 4 << 20 };
    struct stat st;
    char *path = text_format("%s/%s", dir, name);
    int usable = stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= BYTES_MAX;
    FILE *file = usable ? fopen(path, "r") : NULL;
    free(path);
    return file;
}

static char *text_of(const json_t *config, const char *key) {
    const char *text = json_string_value(json_object_get(config, key));
    return text && *text ? text_format("%s", text) : NULL;
}

static void read_config(struct base_model *base) {
    static const char name[] = "adapter_config.json";
    FILE *file = open_file(base->adapter_dir, name);
    json_t *config = file ? json_loadf(file, 0, NULL) : NULL;
    base->name = text_of(config, "base_model_name_or_path");
    base->revision = text_of(config, "revision");
    base->file = name;
    json_decref(config);
    if (file) fclose(file);
}

/* "  'a/b'  " or "- a/b" to a/b in fresh memory; NULL: nothing is left. */
static char *plain_value(const char *text) {
    text += strspn(text, " \t");
    if (text[0] == '-' && text[1] == ' ') text += 2;
    text += strspn(text, " \t\"'");
    size_t length = strcspn(text, "\"'#\r\n");
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t')) length--;
    return length ? text_format("%.*s", (int)length, text) : NULL;
}

/* Keeps the value of `key` in a line of a card, or the first of the list below it (*listed). */
static void read_line(const char *line, const char *key, int *listed, char **value) {
    size_t length = strlen(key);
    int is_key = strncmp(line, key, length) == 0;
    if (!*value && (is_key || *listed)) *value = plain_value(line + (is_key ? length : 0));
    *listed = is_key;
}

/* Model cards have keys between their first two "---". */
static void read_card(struct base_model *base) {
    enum { LINES_MAX = 200 }; /* cards have some 20 */
    char line[1024];
    char *name = NULL;
    int name_listed = 0, fingerprint_listed = 0;
    FILE *file = open_file(base->adapter_dir, "README.md");
    if (!file) return;
    if (fgets(line, sizeof line, file) && strncmp(line, "---", 3) == 0)
        for (int i = 0; i < LINES_MAX && fgets(line, sizeof line, file); i++) {
            if (strncmp(line, "---", 3) == 0) break;
            read_line(line, "base_model:", &name_listed, &name);
            read_line(line, "base_model_fingerprint:", &fingerprint_listed, &base->fingerprint);
        }
    fclose(file);
    if (base->name || !name) {
        free(name);
        return;
    }
    base->name = name;
    base->file = "README.md";
}

void base_model_read(struct base_model *base, const char *adapter_dir) {
    *base = (struct base_model){.adapter_dir = adapter_dir};
    read_config(base);
    read_card(base);
}

void base_model_free(struct base_model *base) {
    free(base->name);
    free(base->revision);
    free(base->fingerprint);
    *base = (struct base_model){0};
}

/* --------------------------------------------------------------------------------------- names */

static size_t trimmed_length(const char *name) {
    size_t length = strlen(name);
    while (length > 1 && name[length - 1] == '/') length--;
    return length;
}

/* The last part of a path or an id, and its length. */
static const char *last_part(const char *name, size_t *length) {
    size_t end = trimmed_length(name), at = end;
    while (at && name[at - 1] != '/') at--;
    *length = end - at;
    return name + at;
}

static int same_last_part(const char *a, const char *b) {
    size_t length_a, length_b;
    const char *part_a = last_part(a, &length_a), *part_b = last_part(b, &length_b);
    /* "." and ".." are no names */
    return length_a == length_b && part_a[0] != '.' && memcmp(part_a, part_b, length_a) == 0;
}

/* Moonshine's publisher has had two names on the hub. */
static int is_published(const char *name) {
    return strncmp(name, "UsefulSensors/", 14) == 0 || strncmp(name, "moonshine-ai/", 13) == 0;
}

/* Looks like "org/name"; a folder of somebody's disk may, too. */
static int is_hub_id(const char *name) {
    const char *slash = strchr(name, '/');
    return slash && slash != name && slash[1] && !strchr(slash + 1, '/') && name[0] != '.' &&
           name[0] != '~';
}

/* By their names: equal; or with the same last part, unless both are ids of different owners. */
static int same_name(const char *a, const char *b) {
    struct stat st;
    if (strcmp(a, b) == 0) return 1;
    if (!same_last_part(a, b)) return 0;
    int ids = is_hub_id(a) && is_hub_id(b) && stat(a, &st) != 0;
    return !ids || (is_published(a) && is_published(b));
}

/* ------------------------------------------------------------------------------------- finding */

static int find_as(const char *name, const struct environment *environment, const char *revision,
                   char **dir) {
    pst_error err;
    pst_search search = environment_search(environment, revision);
    return pst_find_model(name, "config.json", &search, dir, &err) == PST_OK;
}

/* Finds the base without the hub. */
static int find_here(const struct base_model *base, const struct environment *environment,
                     const char *revision, char **dir) {
    size_t length;
    const char *name = base->name;
    if (find_as(name, environment, revision, dir)) return 1;
    char *path = environment_expand(name);
    int found = strcmp(path, name) != 0 && find_as(path, environment, revision, dir);
    free(path);
    if (found) return 1;
    path = text_format("%s/%s", base->adapter_dir, name);
    found = name[0] != '/' && find_as(path, environment, revision, dir);
    free(path);
    /* An imported model stands for the one that it was imported from. */
    const char *part = last_part(name, &length);
    path = text_format("%s/%.*s", environment->models_dir, (int)length, part);
    if (!found && is_published(name)) found = find_as(path, environment, revision, dir);
    free(path);
    return found;
}

static void warn(const struct base_model *base, const char *name) {
    say("%s: made for %s (%s), but used with %s: where that is another model, the text is wrong",
        base->adapter_dir, base->name, base->file, name);
}

/* There is no base: the environment's model if the user has chosen one, or if it has the name. */
static int use_default(const struct base_model *base, const struct environment *environment,
                       const char *revision, char **dir, const pst_error *err) {
    const char *model = environment->model;
    if (!environment->model_is_chosen && !same_last_part(model, base->name))
        return fail(EXIT_MODEL,
                    "%s: made for %s (%s), which is not here%s%s; name the model to use it with, "
                    "by --model",
                    base->adapter_dir, base->name, base->file, err ? ": " : "",
                    err ? err->message : "");
    pst_error miss;
    pst_status status = fetch_find(environment, model, "config.json", revision, dir, &miss);
    return status ? fetch_fail(environment, model, "config.json", revision, &miss) : 0;
}

int base_model_find(const struct base_model *base, const struct environment *environment,
                    const char *revision, char **name, char **dir) {
    pst_error err;
    const char *wanted = revision ? revision : base->revision;
    *name = text_format("%s", base->name);
    if (find_here(base, environment, wanted, dir)) return 0;
    int asked = is_hub_id(base->name) &&
                !(environment->model_is_chosen && same_name(environment->model, base->name));
    if (asked && !fetch_find(environment, base->name, "config.json", wanted, dir, &err)) return 0;
    free(*name);
    *name = text_format("%s", environment->model);
    return use_default(base, environment, revision, dir, asked ? &err : NULL);
}

/* ----------------------------------------------------------------------------------- comparing */

static int same_folder(const char *a, const char *b) {
    struct stat at_a, at_b;
    return stat(a, &at_a) == 0 && stat(b, &at_b) == 0 && at_a.st_dev == at_b.st_dev &&
           at_a.st_ino == at_b.st_ino;
}

/* Returns 0 for a folder that does not open: whoever opens it next says why. */
static int read_fingerprint(const char *dir, pst_fingerprint *fingerprint) {
    pst_error err;
    pst_model *model = NULL;
    pst_model_options options;
    pst_model_options_init(&options);
    options.device = PST_DEVICE_CPU;
    if (pst_model_open(dir, &options, &model, &err)) return 0;
    int read = pst_model_fingerprint(model, fingerprint, &err) == PST_OK;
    pst_model_free(model);
    return read;
}

static int same_weights(const char *a, const char *b) {
    pst_fingerprint of_a, of_b;
    return same_folder(a, b) || (read_fingerprint(a, &of_a) && read_fingerprint(b, &of_b) &&
                                 strcmp(of_a.sha256, of_b.sha256) == 0);
}

static int compare_fingerprint(const struct base_model *base, const char *name, const char *dir,
                               int chosen) {
    enum { DIGITS_MIN = 8, SHOWN = 16 }; /* fewer may be chance; more nobody compares by eye */
    const char *told = base->fingerprint;
    pst_fingerprint found;
    if (strlen(told) < DIGITS_MIN) {
        say("%s/README.md: base_model_fingerprint '%s': expected %d hex digits or more",
            base->adapter_dir, told, DIGITS_MIN);
        return 0;
    }
    if (!read_fingerprint(dir, &found) || strncasecmp(told, found.sha256, strlen(told)) == 0)
        return 0;
    say("%s: made for weights with the fingerprint %.*s (README.md), but %s has %.*s: other "
        "weights of the same shape",
        base->adapter_dir, SHOWN, told, name, SHOWN, found.sha256);
    return chosen ? 0 : EXIT_MODEL;
}

int base_model_compare(const struct base_model *base, const struct environment *environment,
                       const char *name, const char *dir, int chosen) {
    char *found = NULL;
    if (base->fingerprint) return compare_fingerprint(base, name, dir, chosen);
    if (!base->name || same_name(name, base->name)) return 0;
    int here = find_here(base, environment, base->revision, &found);
    if (!here || !same_weights(found, dir)) warn(base, name);
    pst_free(found);
    return 0;
}
