/* added_tokens.c - see added_tokens.h. */
#include "tokenizer/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define META_SPACE "\xE2\x96\x81" /* U+2581 */

void added_tokens_prepare(struct buffer *prepared, const char *text, size_t length) {
    if (length == 0) return;
    buffer_append(prepared, META_SPACE, 3);
    for (size_t at = 0; at < length;) {
        const char *space = memchr(text + at, ' ', length - at);
        size_t plain = space ? (size_t)(space - text) - at : length - at;
        buffer_append(prepared, text + at, plain);
        if (space) buffer_append(prepared, META_SPACE, 3);
        at += plain + (space != NULL);
    }
}

static int compare_patterns(const void *left, const void *right) {
    const struct added_pattern *a = left, *b = right;
    size_t shared = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->text, b->text, shared);
    if (order) return order;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id); /* qsort keeps no order of its own */
}

static pst_status make_set(struct pattern_set *set, const struct added_tokens *added, int prepared,
                           pst_error *err) {
    set->patterns = malloc((added->count + 1) * sizeof *set->patterns);
    if (!set->patterns) return error_memory(err, (added->count + 1) * sizeof *set->patterns);
    size_t at = 0; /* in added->prepared, which holds the texts one after another */
    for (size_t i = 0; i < added->count; i++) {
        const struct added_token *item = &added->items[i];
        const char *text = added->texts.data + item->offset;
        if (item->prepared != prepared) continue;
        size_t spaces = 0;
        for (size_t c = 0; c < item->length; c++) spaces += text[c] == ' ';
        struct added_pattern *pattern = &set->patterns[set->count++];
        *pattern = (struct added_pattern){.text = text, .length = item->length, .id = item->id};
        if (prepared) {
            pattern->text = added->prepared.data + at;
            pattern->length = 3 + item->length + 2 * spaces;
            at += pattern->length;
        }
        set->starts[(unsigned char)pattern->text[0]] = 1;
    }
    qsort(set->patterns, set->count, sizeof *set->patterns, compare_patterns);
    return PST_OK;
}

pst_status added_tokens_index(struct added_tokens *added, pst_error *err) {
    for (size_t i = 0; i < added->count; i++) {
        const struct added_token *item = &added->items[i];
        if (item->prepared)
            added_tokens_prepare(&added->prepared, added->texts.data + item->offset, item->length);
    }
    if (added->prepared.failed) return error_memory(err, 0);
    pst_status status = make_set(&added->in_raw, added, 0, err);
    return status ? status : make_set(&added->in_prepared, added, 1, err);
}

void added_tokens_free(struct added_tokens *added) {
    free(added->items);
    free(added->in_raw.patterns);
    free(added->in_prepared.patterns);
    buffer_free(&added->texts);
    buffer_free(&added->prepared);
    *added = (struct added_tokens){0};
}

/* The first of patterns [low, high) whose byte at `depth` is at least `byte`: all are longer than
 * that and equal before it. */
static size_t lower_bound(const struct pattern_set *set, size_t low, size_t high, size_t depth,
                          int byte) {
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((unsigned char)set->patterns[middle].text[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest pattern that `text` starts with, NULL for none. The sorted patterns are narrowed byte
 * by byte to those that agree with the text; one that ends where they agree is the first. */
static const struct added_pattern *longest(const struct pattern_set *set, const char *text,
                                           size_t length) {
    const struct added_pattern *found = NULL;
    size_t low = 0, high = set->count;
    for (size_t depth = 0; low < high; depth++) {
        if (set->patterns[low].length == depth) {
            found = &set->patterns[low];
            while (low < high && set->patterns[low].length == depth) low++;
        }
        if (depth == length) break;
        int byte = (unsigned char)text[depth];
        low = lower_bound(set, low, high, depth, byte);
        high = lower_bound(set, low, high, depth, byte + 1);
    }
    return found;
}

int added_tokens_next(const struct pattern_set *set, const char *text, size_t length, size_t from,
                      struct added_match *match) {
    for (size_t at = from; at < length; at++) {
        if (!set->starts[(unsigned char)text[at]]) continue;
        const struct added_pattern *pattern = longest(set, text + at, length - at);
        if (!pattern) continue;
        *match = (struct added_match){.start = at, .length = pattern->length, .id = pattern->id};
        return 1;
    }
    return 0;
}
