/* inspect_converted.c - see inspect_converted.h. */
#include "inspect_converted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"
#include "json_text.h"

static json_t *read_index(const char *dir) {
    json_error_t problem;
    struct stat st;
    char *path = text_format("%s/potstill.json", dir);
    int is_file = stat(path, &st) == 0 && S_ISREG(st.st_mode); /* a pipe would be waited for */
    json_t *root = is_file ? json_load_file(path, JSON_REJECT_DUPLICATES, &problem) : NULL;
    if (!is_file)
        say("%s: not a regular file", path);
    else if (!root)
        say("%s: line %d: %s", path, problem.line, problem.text);
    free(path);
    return root;
}

/* Adds "a, b" to a list; `*list` is in fresh memory. */
static void append(char **list, const char *item) {
    char *longer = text_format("%s%s%s", *list, **list ? ", " : "", item);
    free(*list);
    *list = longer;
}

static void append_package(char **list, const json_t *part) {
    const char *name = json_string_value(json_object_get(part, "package"));
    if (name && !strstr(*list, name)) append(list, name);
}

static void add_lengths(json_t *object, const json_t *lengths) {
    char *seconds = text_format("%s", ""), *packages = text_format("%s", "");
    for (size_t i = 0; i < json_array_size(lengths); i++) {
        const json_t *length = json_array_get(lengths, i);
        char *number =
            text_format("%lld", (long long)json_integer_value(json_object_get(length, "seconds")));
        append(&seconds, number);
        free(number);
        append_package(&packages, json_object_get(length, "encoder"));
        append_package(&packages, json_object_get(length, "decoder"));
    }
    json_object_set_new(object, "seconds", json_text(seconds));
    json_object_set_new(object, "packages", json_text(packages));
    free(seconds);
    free(packages);
}

json_t *inspect_converted(const char *dir) {
    const char *key;
    json_t *value, *root = read_index(dir);
    if (!root) return NULL;
    json_t *object = need(json_object());
    json_object_set_new(object, "kind", json_text("converted model"));
    json_object_set_new(object, "path", json_text(dir));
    json_object_foreach(root, key, value) {
        if (!json_is_object(value) && !json_is_array(value)) json_object_set(object, key, value);
    }
    add_lengths(object, json_object_get(root, "lengths"));
    const json_t *model = json_object_get(json_object_get(root, "sources"), "model");
    json_t *base = json_object_get(model, "fingerprint");
    if (base) json_object_set(object, "base_fingerprint", base);
    json_decref(root);
    return object;
}
