/* normalizer.c - see normalizer.h, and potstill_tools.h for the map. */
#include "evaluate/normalizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "evaluate/normalize.h"
#include "evaluate/whisper_basic.h"
#include "evaluate/whisper_english.h"

static pst_status write_as_is(struct buffer *out, const char *text, size_t length, pst_error *err) {
    size_t valid = utf8_valid_length(text, length);
    if (valid < length)
        return error_set(err, PST_ERR_INPUT, "text is not UTF-8 at byte %zu", valid);
    buffer_append(out, text, length);
    return out->failed ? error_memory(err, length) : PST_OK;
}

static pst_status write_kind(pst_normalization kind, struct buffer *out, const char *text,
                             pst_error *err) {
    out->length = 0;
    switch (kind) {
    case PST_NORMALIZE_NONE: return write_as_is(out, text, strlen(text), err);
    case PST_NORMALIZE_SCRIPT: return normalize_text(out, text, strlen(text), err);
    case PST_NORMALIZE_WHISPER_BASIC: return whisper_basic(out, text, strlen(text), err);
    case PST_NORMALIZE_WHISPER_ENGLISH: return whisper_english(out, text, strlen(text), err);
    default:
        return error_set(err, PST_ERR_ARGUMENT,
                         "normalisation %d is not one of pst_normalization that this version has",
                         (int)kind);
    }
}

pst_status normalizer_write(const struct pst_normalizer *normalizer, const char *text,
                            struct buffer *out, pst_error *err) {
    pst_normalization kind = normalizer ? normalizer->kind : PST_NORMALIZE_NONE;
    if (!normalizer || !normalizer->map) return write_kind(kind, out, text, err);
    struct buffer plain = {0};
    pst_status status = write_kind(kind, &plain, text, err);
    out->length = 0;
    if (!status) status = word_map_apply(normalizer->map, plain.data, out, err);
    buffer_free(&plain);
    return status;
}

/* ------------------------------------------------------------------------------------- the map */

/* "FROM = TO": two texts inside `line`, which is cut. */
static pst_status cut_line(char *line, const char *name, size_t number, char **from, char **to,
                           pst_error *err) {
    char *equals = strchr(line, '=');
    if (!equals)
        return error_set(err, PST_ERR_INPUT,
                         "%s:%zu: has no \"=\", expected FROM = TO: words, and those that stand "
                         "for them",
                         name, number);
    *equals = '\0';
    *from = line;
    *to = equals + 1 + strspn(equals + 1, " \t\r");
    size_t length = strlen(*to);
    while (length && strchr(" \t\r", (*to)[length - 1])) (*to)[--length] = '\0';
    return PST_OK;
}

static pst_status add_line(struct pst_normalizer *normalizer, char *line, const char *name,
                           size_t number, pst_error *err) {
    char *from = NULL, *to = NULL;
    size_t start = strspn(line, " \t\r");
    if (line[start] == '\0' || line[start] == '#') return PST_OK;
    struct buffer first = {0}, second = {0};
    pst_status status = cut_line(line, name, number, &from, &to, err);
    if (!status) status = write_kind(normalizer->kind, &first, from, err);
    if (!status) status = write_kind(normalizer->kind, &second, to, err);
    if (!status && first.data[strspn(first.data, " \t\r")] == '\0')
        status = error_set(err, PST_ERR_INPUT, "%s:%zu: no word before \"=\", expected FROM = TO",
                           name, number);
    if (!status) status = word_map_add(normalizer->map, first.data, second.data, err);
    buffer_free(&first);
    buffer_free(&second);
    return status;
}

static pst_status add_lines(struct pst_normalizer *normalizer, char *text, const char *name,
                            pst_error *err) {
    pst_status status = PST_OK;
    size_t valid = utf8_valid_length(text, strlen(text));
    if (valid < strlen(text))
        return error_set(err, PST_ERR_INPUT, "%s: is not UTF-8 at byte %zu", name, valid);
    for (size_t number = 1; text && !status; number++) {
        char *end = strchr(text, '\n');
        if (end) *end++ = '\0';
        status = add_line(normalizer, text, name, number, err);
        text = end;
    }
    word_map_sort(normalizer->map);
    return status;
}

static pst_status read_map(struct pst_normalizer *normalizer, const char *map, const char *name,
                           pst_error *err) {
    size_t size = strlen(map) + 1;
    char *copy = malloc(size);
    normalizer->map = word_map_new();
    pst_status status = copy && normalizer->map ? PST_OK : error_memory(err, size);
    if (!status) status = add_lines(normalizer, memcpy(copy, map, size), name, err);
    free(copy);
    return status;
}

/* -------------------------------------------------------------------------------------- public */

pst_status pst_normalizer_open(pst_normalization kind, const char *map, const char *map_name,
                               pst_normalizer **normalizer, pst_error *err) {
    if (!normalizer)
        return error_set(err, PST_ERR_ARGUMENT, "pst_normalizer_open: a pointer is NULL");
    *normalizer = NULL;
    struct pst_normalizer *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    made->kind = kind;
    struct buffer tried = {0}; /* an unknown kind is found out here */
    pst_status status = write_kind(kind, &tried, "", err);
    buffer_free(&tried);
    if (!status && map) status = read_map(made, map, map_name ? map_name : "map", err);
    if (status)
        pst_normalizer_free(made);
    else
        *normalizer = made;
    return status;
}

void pst_normalizer_free(pst_normalizer *normalizer) {
    if (!normalizer) return;
    word_map_free(normalizer->map);
    free(normalizer);
}

pst_status pst_normalizer_apply(const pst_normalizer *normalizer, const char *text,
                                char **normalized, pst_error *err) {
    if (!text || !normalized)
        return error_set(err, PST_ERR_ARGUMENT, "pst_normalizer_apply: a pointer is NULL");
    struct buffer buffer = {0};
    pst_status status = normalizer_write(normalizer, text, &buffer, err);
    if (status)
        buffer_free(&buffer);
    else
        *normalized = buffer.data;
    return status;
}

pst_status pst_normalize_text(const char *text, char **normalized, pst_error *err) {
    static const struct pst_normalizer script = {.kind = PST_NORMALIZE_SCRIPT};
    return pst_normalizer_apply(&script, text, normalized, err);
}
