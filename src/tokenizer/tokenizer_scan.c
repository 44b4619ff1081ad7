/* tokenizer_scan.c - see tokenizer_scan.h. */
#include "tokenizer/tokenizer_scan.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"

/* ------------------------------------------------------------------------- finding the tables */

static const char *skip_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
    return at;
}

/* Past the string that opens at `at`; `end` when it does not close. */
static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && end - at > 1) at++;
    return at < end ? at + 1 : end;
}

/* Past the value at `at`: brackets are counted, not matched. */
static const char *skip_value(const char *at, const char *end) {
    size_t depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            if (depth == 0) return at;
            continue;
        }
        if (*at == '{' || *at == '[') depth++;
        if (*at == '}' || *at == ']') {
            if (depth == 0) return at; /* ends a plain value */
            if (--depth == 0) return at + 1;
        }
        if (*at == ',' && depth == 0) return at;
        at++;
    }
    return end;
}

/* One `"name": value` of an object. */
struct member {
    const char *name;
    size_t name_length;
    const char *value;
};

static int is_named(const struct member *member, const char *name) {
    return member->name_length == strlen(name) &&
           memcmp(member->name, name, member->name_length) == 0;
}

/* Reads the name at `at`; 0 when there is none. */
static int read_member(const char *at, const char *end, struct member *member) {
    at = skip_space(at, end);
    if (at == end || *at != '"') return 0;
    member->name = at + 1;
    at = skip_string(at, end);
    member->name_length = (size_t)(at - member->name) - 1;
    at = skip_space(at, end);
    if (at == end || *at != ':') return 0;
    member->value = skip_space(at + 1, end);
    return 1;
}

/* The first member of the object at `at`. */
static int open_object(const char *at, const char *end, struct member *member) {
    at = skip_space(at, end);
    return at < end && *at == '{' && read_member(at + 1, end, member);
}

/* The member after one whose value ends at `at`. */
static int next_member(const char *at, const char *end, struct member *member) {
    at = skip_space(at, end);
    return at < end && *at == ',' && read_member(at + 1, end, member);
}

/* The text from `start` to `end` if it opens and closes as wanted, else none. */
static struct text_span bracketed(const char *start, const char *end, char open, char close) {
    int fits = end - start >= 2 && *start == open && end[-1] == close;
    return fits ? (struct text_span){start, end} : (struct text_span){0};
}

static void find_tables(struct tokenizer_scan *scan, const char *model, const char *end) {
    struct member member;
    for (int more = open_object(model, end, &member); more;) {
        const char *past = skip_value(member.value, end);
        if (is_named(&member, "vocab")) scan->vocab = bracketed(member.value, past, '{', '}');
        if (is_named(&member, "merges")) scan->merges = bracketed(member.value, past, '[', ']');
        more = next_member(past, end, &member);
    }
}

void tokenizer_scan_find(struct tokenizer_scan *scan, const char *text, size_t length,
                         const char *name) {
    *scan = (struct tokenizer_scan){.text = text, .length = length, .name = name};
    const char *end = text + length;
    struct member member;
    for (int more = open_object(text, end, &member); more;) {
        if (is_named(&member, "model")) {
            find_tables(scan, member.value, end);
            return;
        }
        more = next_member(skip_value(member.value, end), end, &member);
    }
}

/* The tables in the order of the file. */
static void order_spans(const struct tokenizer_scan *scan, struct text_span spans[2]) {
    int swap = scan->merges.start && (!scan->vocab.start || scan->merges.start < scan->vocab.start);
    spans[0] = swap ? scan->merges : scan->vocab;
    spans[1] = swap ? scan->vocab : scan->merges;
}

void tokenizer_scan_rest(const struct tokenizer_scan *scan, struct buffer *rest) {
    struct text_span spans[2];
    order_spans(scan, spans);
    const char *at = scan->text;
    for (int i = 0; i < 2; i++) {
        if (!spans[i].start) continue;
        buffer_append(rest, at, (size_t)(spans[i].start + 1 - at));
        at = spans[i].end - 1;
    }
    buffer_append(rest, at, (size_t)(scan->text + scan->length - at));
}

size_t tokenizer_scan_offset(const struct tokenizer_scan *scan, size_t offset) {
    struct text_span spans[2];
    order_spans(scan, spans);
    for (int i = 0; i < 2; i++)
        if (spans[i].start && offset > (size_t)(spans[i].start - scan->text))
            offset += (size_t)(spans[i].end - spans[i].start) - 2;
    return offset;
}

/* ------------------------------------------------------------------------- reading the tables */

/* A place in a table. Strings are written out, without their escapes, one after another. */
struct cursor {
    const struct tokenizer_scan *scan;
    const char *table; /* "model.vocab" */
    const char *at, *end;
    char *out;
};

static pst_status fail(const struct cursor *cursor, const char *expected, pst_error *err) {
    return error_set(err, PST_ERR_MODEL, "%s: %s: byte %zu: expected %s", cursor->scan->name,
                     cursor->table, (size_t)(cursor->at - cursor->scan->text), expected);
}

/* Steps over `byte`, and white space around it; 0 when something else is there. */
static int take(struct cursor *cursor, char byte) {
    cursor->at = skip_space(cursor->at, cursor->end);
    if (cursor->at == cursor->end || *cursor->at != byte) return 0;
    cursor->at = skip_space(cursor->at + 1, cursor->end);
    return 1;
}

/* Four hex digits; -1 when they are not. */
static int32_t take_hex(struct cursor *cursor) {
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = text_hex_digit(cursor->at < cursor->end ? *cursor->at : '\0');
        if (digit < 0) return -1;
        value = value * 16 + digit;
        cursor->at++;
    }
    return value;
}

/* \uXXXX after its "\u": a character, or half of one that the other half must follow. Six bytes or
 * twelve become four at most, so the output never outgrows the input. */
static int take_unicode_escape(struct cursor *cursor) {
    int32_t code = take_hex(cursor);
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (cursor->end - cursor->at < 2 || cursor->at[0] != '\\' || cursor->at[1] != 'u') return 0;
        cursor->at += 2;
        int32_t low = take_hex(cursor);
        if (low < 0xDC00 || low > 0xDFFF) return 0;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code < 0 || (code >= 0xDC00 && code <= 0xDFFF)) {
        return 0;
    }
    cursor->out += utf8proc_encode_char(code, (utf8proc_uint8_t *)cursor->out);
    return 1;
}

static int take_escape(struct cursor *cursor) {
    static const char LETTERS[] = "\"\\/bfnrt", MEANINGS[] = "\"\\/\b\f\n\r\t";
    char c = cursor->at < cursor->end ? *cursor->at : '\0';
    if (c == '\0') return 0;
    cursor->at++;
    if (c == 'u') return take_unicode_escape(cursor);
    const char *letter = strchr(LETTERS, c);
    if (!letter) return 0;
    *cursor->out++ = MEANINGS[letter - LETTERS];
    return 1;
}

static pst_status take_string(struct cursor *cursor, struct token *token, pst_error *err) {
    if (cursor->at == cursor->end || *cursor->at != '"') return fail(cursor, "a string", err);
    token->text = cursor->out;
    for (cursor->at++; cursor->at < cursor->end && *cursor->at != '"';) {
        char c = *cursor->at;
        if ((unsigned char)c < 0x20) return fail(cursor, "no control characters", err);
        cursor->at++;
        if (c != '\\')
            *cursor->out++ = c;
        else if (!take_escape(cursor))
            return fail(cursor, "an escape JSON knows", err);
    }
    if (cursor->at == cursor->end) return fail(cursor, "the end of a string", err);
    cursor->at++;
    token->length = (uint32_t)(cursor->out - token->text);
    return PST_OK;
}

static pst_status take_id(struct cursor *cursor, int32_t *id, pst_error *err) {
    const char *start = cursor->at;
    int32_t value = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9' &&
           value < VOCABULARY_MAX)
        value = value * 10 + (*cursor->at++ - '0');
    if (cursor->at == start || value >= VOCABULARY_MAX ||
        (*start == '0' && cursor->at > start + 1)) {
        cursor->at = start;
        return fail(cursor, "an id from 0 to 1048575", err);
    }
    *id = value;
    return PST_OK;
}

/* Starts on the table's first entry; the strings go to fresh memory, which holds them all since
 * none grows by losing its quotes and escapes. */
static pst_status open_cursor(struct cursor *cursor, const struct tokenizer_scan *scan,
                              const char *table, struct text_span span, char **texts,
                              pst_error *err) {
    *cursor = (struct cursor){.scan = scan, .table = table, .at = span.start, .end = span.end};
    size_t bytes = (size_t)(span.end - span.start);
    if (bytes > UINT32_MAX) return fail(cursor, "less than 4 GiB", err);
    *texts = cursor->out = malloc(bytes);
    if (!*texts) return error_memory(err, bytes);
    take(cursor, *span.start);
    return PST_OK;
}

/* `items` [*capacity] with room for one more of `size` bytes after `count`; NULL, and `items` as it
 * was, when memory runs out. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return items;
    size_t wanted = *capacity ? 2 * *capacity : 1024;
    void *grown = wanted <= SIZE_MAX / 2 / size ? realloc(items, wanted * size) : NULL;
    if (grown) *capacity = wanted;
    return grown;
}

static pst_status read_vocab(struct cursor *cursor, struct token **tokens, size_t *count,
                             pst_error *err) {
    size_t capacity = 0;
    if (take(cursor, '}')) return PST_OK;
    do {
        struct token *grown = grow(*tokens, *count, &capacity, sizeof **tokens);
        if (!grown) return error_memory(err, 0);
        *tokens = grown;
        struct token *token = &(*tokens)[(*count)++];
        pst_status status = take_string(cursor, token, err);
        if (status) return status;
        if (!take(cursor, ':')) return fail(cursor, "a colon", err);
        status = take_id(cursor, &token->id, err);
        if (status) return status;
    } while (take(cursor, ','));
    return take(cursor, '}') ? PST_OK : fail(cursor, "a comma or the end of the object", err);
}

pst_status tokenizer_scan_vocab(const struct tokenizer_scan *scan, struct vocabulary *vocabulary,
                                pst_error *err) {
    struct cursor cursor;
    struct token *tokens = NULL;
    char *texts = NULL;
    size_t count = 0;
    pst_status status = open_cursor(&cursor, scan, "model.vocab", scan->vocab, &texts, err);
    if (!status) status = read_vocab(&cursor, &tokens, &count, err);
    if (status)
        free(texts);
    else
        status = vocabulary_build(vocabulary, texts, tokens, count, scan->name, err);
    free(tokens);
    return status;
}

/* "left right" -> left, right. */
static pst_status split_pair(const struct cursor *cursor, struct token *left, struct token *right,
                             pst_error *err) {
    const char *space = memchr(left->text, ' ', left->length);
    const char *end = left->text + left->length;
    if (!space || memchr(space + 1, ' ', (size_t)(end - space - 1)))
        return fail(cursor, "two tokens with one space between them", err);
    right->text = space + 1;
    right->length = (uint32_t)(end - right->text);
    left->length = (uint32_t)(space - left->text);
    return PST_OK;
}

static pst_status take_pair(struct cursor *cursor, struct token *left, struct token *right,
                            pst_error *err) {
    int bracket = take(cursor, '[');
    pst_status status = take_string(cursor, left, err);
    if (status) return status;
    if (!bracket) return split_pair(cursor, left, right, err);
    if (!take(cursor, ',')) return fail(cursor, "a comma", err);
    status = take_string(cursor, right, err);
    if (status) return status;
    return take(cursor, ']') ? PST_OK : fail(cursor, "the end of a pair", err);
}

static int32_t find(const struct vocabulary *vocabulary, const struct token *token) {
    return vocabulary_find(vocabulary, token->text, token->length);
}

static pst_status resolve(const struct cursor *cursor, const struct vocabulary *vocabulary,
                          const struct token *left, const struct token *right, struct merge *merge,
                          pst_error *err) {
    merge->left = find(vocabulary, left);
    merge->right = find(vocabulary, right);
    merge->id = vocabulary_find_joined(vocabulary, left, right);
    if (merge->left >= 0 && merge->right >= 0 && merge->id >= 0) return PST_OK;
    return error_set(
        err, PST_ERR_MODEL,
        "%s: model.merges: \"%.*s\" and \"%.*s\" at byte %zu: %s not in the vocabulary",
        cursor->scan->name, utf8_cut(left->text, left->length, 60), left->text,
        utf8_cut(right->text, right->length, 60), right->text,
        (size_t)(cursor->at - cursor->scan->text),
        merge->left < 0    ? "the first is"
        : merge->right < 0 ? "the second is"
                           : "what they make together is");
}

static pst_status read_merges(struct cursor *cursor, const struct vocabulary *vocabulary,
                              struct merge **merges, size_t *count, pst_error *err) {
    size_t capacity = 0;
    if (take(cursor, ']')) return PST_OK;
    do {
        struct merge *grown = grow(*merges, *count, &capacity, sizeof **merges);
        if (!grown) return error_memory(err, 0);
        *merges = grown;
        struct token left, right;
        pst_status status = take_pair(cursor, &left, &right, err);
        if (status) return status;
        struct merge *merge = &(*merges)[*count];
        status = resolve(cursor, vocabulary, &left, &right, merge, err);
        if (status) return status;
        merge->rank = (uint32_t)(*count)++;
    } while (take(cursor, ','));
    return take(cursor, ']') ? PST_OK : fail(cursor, "a comma or the end of the list", err);
}

pst_status tokenizer_scan_merges(const struct tokenizer_scan *scan,
                                 const struct vocabulary *vocabulary, struct merge **merges,
                                 size_t *count, pst_error *err) {
    struct cursor cursor;
    char *texts = NULL;
    *merges = NULL;
    *count = 0;
    pst_status status = open_cursor(&cursor, scan, "model.merges", scan->merges, &texts, err);
    if (!status) status = read_merges(&cursor, vocabulary, merges, count, err);
    free(texts);
    if (status) {
        free(*merges);
        *merges = NULL;
    }
    return status;
}
