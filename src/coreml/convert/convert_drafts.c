/* convert_drafts.c - see convert_drafts.h. Each line of the file is a text, such as a transcript
 * that an adapter was trained on; one that was there before is left out, and so is white space at
 * its ends. */
#include "coreml/convert/convert_drafts.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"

static const size_t FILE_BYTES_MAX = 16 << 20;

/* Where the file is read. */
struct drafts {
    struct conversion *conversion;
    json_t *seen; /* an object: its keys are the lines */
    size_t line, tokens;
};

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Without the start token, as a text has it within. */
static json_t *tokens_of(const int32_t *ids, size_t count) {
    json_t *list = json_array();
    for (size_t i = 1; list && i < count; i++)
        if (json_array_append_new(list, json_integer(ids[i]))) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static pst_status add_text(struct drafts *drafts, const char *text, pst_error *err) {
    const char *path = drafts->conversion->options->drafts_file;
    pst_error why;
    int32_t *ids;
    size_t count;
    if (json_object_get(drafts->seen, text)) return PST_OK;
    if (pst_model_encode(drafts->conversion->merge.model, text, strlen(text), &ids, &count, &why))
        return error_set(err, why.code == PST_ERR_INPUT ? PST_ERR_ARGUMENT : why.code, "%s:%zu: %s",
                         path, drafts->line, why.message);
    json_t *list = tokens_of(ids, count);
    free(ids);
    drafts->tokens += count;
    if (json_array_append_new(drafts->conversion->drafts, list) ||
        json_object_set_new(drafts->seen, text, json_true()))
        return error_memory(err, 0);
    if (drafts->tokens <= CONVERT_DRAFT_TOKENS_MAX) return PST_OK;
    return error_set(err, PST_ERR_ARGUMENT,
                     "%s:%zu: more than %d tokens up to here, which is more than a draft is found "
                     "in soon",
                     path, drafts->line, CONVERT_DRAFT_TOKENS_MAX);
}

static pst_status add_line(struct drafts *drafts, const char *line, size_t length, pst_error *err) {
    while (length && is_space(line[length - 1])) length--;
    while (length && is_space(*line)) line++, length--;
    if (!length) return PST_OK;
    char *text = strndup(line, length);
    pst_status status = text ? add_text(drafts, text, err) : error_memory(err, length);
    free(text);
    return status;
}

static pst_status add_lines(struct drafts *drafts, const char *text, size_t size, pst_error *err) {
    pst_status status = PST_OK;
    while (size && !status) {
        const char *end = memchr(text, '\n', size);
        size_t whole = end ? (size_t)(end - text) + 1 : size;
        drafts->line++;
        status = add_line(drafts, text, end ? whole - 1 : size, err);
        text += whole;
        size -= whole;
    }
    return status;
}

pst_status convert_read_drafts(struct conversion *conversion, pst_error *err) {
    const char *path = conversion->options->drafts_file;
    struct file_view view;
    pst_error why;
    if (!path) return PST_OK;
    pst_status status = file_view_open(&view, path, FILE_BYTES_MAX, &why);
    if (status)
        return error_set(err, status == PST_ERR_MEMORY ? status : PST_ERR_ARGUMENT, "%s",
                         why.message);
    struct drafts drafts = {.conversion = conversion, .seen = json_object()};
    conversion->drafts = json_array();
    status = drafts.seen && conversion->drafts
                 ? add_lines(&drafts, (const char *)view.data, view.size, err)
                 : error_memory(err, 0);
    if (!status && !json_array_size(conversion->drafts))
        status = error_set(err, PST_ERR_ARGUMENT, "%s: has no line with a text", path);
    json_decref(drafts.seen);
    file_view_close(&view);
    return status;
}
