/* tokenizer.c - text to ids and back.
 *
 * To ids: cut out the added tokens, prepare what lies between ("▁" in front, "▁" for spaces), cut
 * out those matched there, merge the rest. Back: the strings of the ids one after another, "▁" as a
 * space, bytes put together to characters, one space off the front. What a file must say for that
 * is checked by tokenizer_file.c. */
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer_internal.h"

/* Encoding takes up to 132 bytes of memory for a byte of text: three for a space, 44 for a symbol
 * and its place in the heap. A transcript has a thousandth of this. */
enum { TEXT_LIMIT = 16 << 20 };

size_t tokenizer_size(const struct tokenizer *tokenizer) {
    return tokenizer->vocabulary.size;
}

int tokenizer_is_special(const struct tokenizer *tokenizer, int32_t id) {
    return id >= 0 && (size_t)id < tokenizer->vocabulary.size && tokenizer->special[id];
}

const char *tokenizer_token(const struct tokenizer *tokenizer, int32_t id, size_t *length) {
    const struct token *token = vocabulary_token(&tokenizer->vocabulary, id);
    if (!token) return NULL;
    *length = token->length;
    return token->text;
}

/* ------------------------------------------------------------------------------------- encode */

/* Text between added tokens that are matched as written. */
static pst_status encode_prepared(const struct tokenizer *tokenizer, const char *text,
                                  size_t length, struct id_list *ids, pst_error *err) {
    struct buffer prepared = {0};
    added_tokens_prepare(&prepared, text, length);
    pst_status status = prepared.failed ? error_memory(err, 0) : PST_OK;
    for (size_t at = 0; at < prepared.length && !status;) {
        struct added_match match = {.start = prepared.length};
        added_tokens_next(&tokenizer->added.in_prepared, prepared.data, prepared.length, at,
                          &match);
        status = bpe_encode(&tokenizer->bpe, &tokenizer->vocabulary, prepared.data + at,
                            match.start - at, ids, err);
        if (match.length > 0) id_list_append(ids, match.id);
        at = match.start + match.length;
    }
    buffer_free(&prepared);
    return status;
}

static pst_status encode_text(const struct tokenizer *tokenizer, const char *text, size_t length,
                              struct id_list *ids, pst_error *err) {
    pst_status status = PST_OK;
    for (size_t at = 0; at < length && !status;) {
        struct added_match match = {.start = length};
        added_tokens_next(&tokenizer->added.in_raw, text, length, at, &match);
        status = encode_prepared(tokenizer, text + at, match.start - at, ids, err);
        if (match.length > 0) id_list_append(ids, match.id);
        at = match.start + match.length;
    }
    return status;
}

static pst_status check_text(const struct tokenizer *tokenizer, const char *text, size_t length,
                             pst_error *err) {
    const struct added_tokens *added = &tokenizer->added;
    for (size_t i = 0; i < added->count; i++) {
        const struct added_token *item = &added->items[i];
        const char *content = added->texts.data + item->offset;
        if (item->awkward)
            return error_set(err, PST_ERR_UNSUPPORTED,
                             "cannot encode: added token \"%.*s\" is set to single_word, lstrip or "
                             "rstrip, which only decoding can serve",
                             utf8_cut(content, item->length, 60), content);
    }
    if (length > TEXT_LIMIT)
        return error_set(err, PST_ERR_INPUT, "text of %zu bytes, expected at most %d", length,
                         TEXT_LIMIT);
    size_t valid = utf8_valid_length(text, length);
    if (valid < length)
        return error_set(err, PST_ERR_INPUT, "text is not UTF-8 at byte %zu", valid);
    return PST_OK;
}

static void append_all(struct id_list *ids, const struct id_list *more) {
    for (size_t i = 0; i < more->count; i++) id_list_append(ids, more->ids[i]);
}

pst_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length,
                            int add_special_tokens, int32_t **ids, size_t *count, pst_error *err) {
    struct id_list list = {0};
    pst_status status = check_text(tokenizer, text, length, err);
    if (status) return status;
    if (add_special_tokens) append_all(&list, &tokenizer->before);
    status = encode_text(tokenizer, text, length, &list, err);
    if (add_special_tokens) append_all(&list, &tokenizer->after);
    if (!status && !list.ids) list.ids = malloc(sizeof *list.ids); /* empty, yet not NULL */
    if (!status && (list.failed || !list.ids)) status = error_memory(err, 0);
    if (status) {
        free(list.ids);
        return status;
    }
    *ids = list.ids;
    *count = list.count;
    return PST_OK;
}

/* ------------------------------------------------------------------------------------- decode */

/* The byte that a token like "<0x0A>" means; -1 for other tokens. */
static int token_byte(const struct token *token) {
    if (token->length != 6 || memcmp(token->text, "<0x", 3) != 0 || token->text[5] != '>')
        return -1;
    int byte = 0;
    for (int i = 3; i < 5; i++) {
        int digit = text_hex_digit(token->text[i]);
        if (digit < 0) return -1;
        byte = byte * 16 + digit;
    }
    return byte;
}

/* A run of byte tokens is text as a whole or not at all: one bad byte turns every byte of the run
 * into U+FFFD. */
static void end_run(struct buffer *text, struct buffer *run) {
    if (utf8_valid_length(run->data, run->length) == run->length)
        buffer_append(text, run->data, run->length);
    else
        for (size_t i = 0; i < run->length; i++) buffer_append(text, "\xEF\xBF\xBD", 3);
    run->length = 0;
}

static void append_token(struct buffer *text, const struct token *token) {
    for (size_t at = 0; at < token->length;) {
        size_t plain = at;
        while (plain < token->length && token->text[plain] != '\xE2') plain++;
        buffer_append(text, token->text + at, plain - at);
        at = plain;
        if (at == token->length) break;
        /* A token is whole characters, so there are three bytes. */
        int space = memcmp(token->text + at, "\xE2\x96\x81", 3) == 0;
        buffer_append(text, space ? " " : token->text + at, space ? 1 : 3);
        at += 3;
    }
}

/* Replaces every `from` in text [length] by `to`, which is shorter; returns the new length. */
static size_t replace(char *text, size_t length, const char *from, const char *to) {
    size_t from_length = strlen(from), to_length = strlen(to), out = 0;
    for (size_t at = 0; at < length;) {
        if (length - at >= from_length && memcmp(text + at, from, from_length) == 0) {
            memcpy(text + out, to, to_length);
            out += to_length;
            at += from_length;
        } else {
            text[out++] = text[at++];
        }
    }
    return out;
}

/* One replacement after another over the whole text, in transformers' order. */
static size_t clean_up(char *text, size_t length) {
    static const char *const PAIRS[][2] = {
        {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
        {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++)
        length = replace(text, length, PAIRS[i][0], PAIRS[i][1]);
    return length;
}

/* What is done to the decoded text as a whole, from `start` on. */
static void finish(const struct tokenizer *tokenizer, struct buffer *text, size_t start) {
    char *decoded = text->data + start;
    size_t length = text->length - start;
    if (length > 0 && decoded[0] == ' ') memmove(decoded, decoded + 1, --length);
    if (tokenizer->clean_up) length = clean_up(decoded, length);
    decoded[length] = '\0';
    text->length = start + length;
}

pst_status tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                            int skip_special_tokens, struct buffer *text, pst_error *err) {
    struct buffer run = {0};
    size_t start = text->length;
    buffer_append(text, "", 0); /* even no ids are a text */
    for (size_t i = 0; i < count; i++) {
        const struct token *token = vocabulary_token(&tokenizer->vocabulary, ids[i]);
        if (!token || (skip_special_tokens && tokenizer->special[ids[i]])) continue;
        int byte = token_byte(token);
        if (byte >= 0) {
            buffer_append(&run, &(char){(char)byte}, 1);
            continue;
        }
        end_run(text, &run);
        append_token(text, token);
    }
    end_run(text, &run);
    int failed = text->failed || run.failed;
    buffer_free(&run);
    if (failed) return error_memory(err, 0);
    finish(tokenizer, text, start);
    return PST_OK;
}
