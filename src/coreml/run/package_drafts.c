/* package_drafts.c - see package_drafts.h. The file may come from anywhere. */
#include "coreml/run/package_drafts.h"

#include <stdlib.h>

#include "base/error.h"

/* More than are written (convert_drafts.h): a step looks through all of them. */
enum { TOKENS_MAX = 1 << 18 };

static pst_status refuse(const char *path, size_t text, pst_error *err) {
    return error_set(err, PST_ERR_MODEL,
                     "%s: drafts[%zu] is not a list of tokens, or there are over %d", path, text,
                     TOKENS_MAX);
}

/* Tokens of all texts; 0: there is one that cannot be, `*wrong`. */
static size_t count_tokens(const json_t *list, size_t *wrong) {
    const json_t *text;
    size_t i, total = 0;
    json_array_foreach(list, i, text) {
        total += json_array_size(text);
        *wrong = i;
        if (!json_array_size(text) || total > TOKENS_MAX) return 0;
    }
    return total;
}

pst_status package_drafts_read(struct package_drafts *drafts, const json_t *list, uint32_t vocab,
                               const char *path, pst_error *err) {
    const json_t *text, *id;
    size_t i, j, wrong = 0;
    *drafts = (struct package_drafts){0};
    if (!list) return PST_OK;
    size_t total = count_tokens(list, &wrong);
    if (!total) return refuse(path, wrong, err);
    drafts->texts = calloc(json_array_size(list), sizeof *drafts->texts);
    drafts->ids = calloc(total, sizeof *drafts->ids);
    if (!drafts->texts || !drafts->ids) return error_memory(err, total * sizeof *drafts->ids);
    int32_t *ids = drafts->ids;
    json_array_foreach(list, i, text) {
        size_t count = json_array_size(text);
        json_array_foreach(text, j, id) {
            json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
            if (value < 0 || value >= vocab) return refuse(path, i, err);
            ids[j] = (int32_t)value;
        }
        drafts->texts[drafts->count++] = (pst_sequence_bias){.tokens = ids, .count = count};
        ids += count;
    }
    return PST_OK;
}

void package_drafts_free(struct package_drafts *drafts) {
    free(drafts->texts);
    free(drafts->ids);
    *drafts = (struct package_drafts){0};
}
