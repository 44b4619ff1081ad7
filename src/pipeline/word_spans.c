/* word_spans.c - see word_spans.h. */
#include "pipeline/word_spans.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The code point at text [length], which is UTF-8, and its bytes. */
static uint32_t code_point(const char *text, size_t length, size_t *bytes) {
    const unsigned char *at = (const unsigned char *)text;
    size_t more = *at >= 0xF0 ? 3 : *at >= 0xE0 ? 2 : *at >= 0xC0 ? 1 : 0;
    if (more >= length) more = length - 1;
    uint32_t code = more ? *at & (0x3Fu >> more) : *at;
    for (size_t i = 1; i <= more; i++) code = code << 6 | (at[i] & 0x3F);
    *bytes = more + 1;
    return code;
}

/* Of Chinese and Japanese, which put no spaces between words. */
static int stands_alone(uint32_t code) {
    return (code >= 0x2E80 && code <= 0x2FDF) || (code >= 0x3040 && code <= 0x9FFF) ||
           (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x20000 && code <= 0x3FFFF);
}

/* Bytes of the word that begins at text, which is no space. */
static size_t word_length(const char *text, size_t length) {
    size_t bytes, at = 0;
    int alone = stands_alone(code_point(text, length, &bytes));
    for (at = bytes; at < length && !is_space(text[at]); at += bytes) {
        uint32_t code = code_point(text + at, length - at, &bytes);
        int mark = (code >= 0x3000 && code <= 0x303F) || code >= 0xFF00;
        if (stands_alone(code) || (alone && !mark && code >= 0x80)) break;
    }
    return at;
}

/* ends [token_count]: bytes of the text that are there with each token. Of a character in several
 * tokens all bytes come with the last one. */
static pst_status find_ends(const struct tokenizer *tokenizer, const pst_transcript *transcript,
                            size_t *ends, pst_error *err) {
    size_t length = strlen(transcript->text), count = transcript->token_count, reached = 0;
    for (size_t i = 0; i < count; i++) {
        struct buffer text = {0};
        pst_status status = tokenizer_decode(tokenizer, transcript->tokens, i + 1, 1, &text, err);
        if (!status && text.failed) status = error_memory(err, text.length);
        if (!status && text.length >= reached && text.length <= length &&
            (!text.length || memcmp(text.data, transcript->text, text.length) == 0))
            reached = text.length;
        buffer_free(&text);
        if (status) return status;
        ends[i] = reached;
    }
    ends[count - 1] = length;
    return PST_OK;
}

/* Which tokens a span has: those with bytes of it. */
static void place(struct word_span *span, const char *text, const size_t *ends, size_t count) {
    size_t token = span->first_token;
    while (token + 1 < count && ends[token] <= span->offset) token++;
    size_t begin = token ? ends[token - 1] : 0;
    while (begin < span->offset && is_space(text[begin])) begin++;
    span->first_token = token;
    span->into_first = ends[token] > begin && span->offset > begin
                           ? (double)(span->offset - begin) / (double)(ends[token] - begin)
                           : 0;
    size_t last = token;
    while (last + 1 < count && ends[last] < span->offset + span->length) last++;
    span->tokens = last - token + 1;
}

pst_status word_spans_find(const struct tokenizer *tokenizer, const pst_transcript *transcript,
                           struct word_span **spans, size_t *count, pst_error *err) {
    const char *text = transcript->text;
    size_t length = strlen(text), tokens = transcript->token_count, found = 0, token = 0;
    struct word_span *list = malloc((length + 1) * sizeof *list);
    size_t *ends = malloc((tokens + 1) * sizeof *ends);
    pst_status status = list && ends ? PST_OK : error_memory(err, (length + 1) * sizeof *list);
    if (!status && tokens) status = find_ends(tokenizer, transcript, ends, err);
    for (size_t at = 0; !status && tokens && at < length;) {
        if (is_space(text[at])) {
            at++;
            continue;
        }
        size_t bytes = word_length(text + at, length - at);
        list[found] = (struct word_span){.offset = at, .length = bytes, .first_token = token};
        place(&list[found], text, ends, tokens);
        token = list[found++].first_token;
        at += bytes;
    }
    free(ends);
    if (status) {
        free(list);
        return status;
    }
    *spans = list;
    *count = found;
    return PST_OK;
}
