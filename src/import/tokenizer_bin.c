/* tokenizer_bin.c - the reader; see tokenizer_bin.h. */
#include "import/tokenizer_bin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/checked.h"
#include "base/error.h"

static int by_text(const void *a, const void *b) {
    const struct token_text *left = a, *right = b;
    uint32_t common = left->length < right->length ? left->length : right->length;
    int order = common ? memcmp(left->bytes, right->bytes, common) : 0;
    if (order) return order;
    return left->length == right->length ? 0 : left->length < right->length ? -1 : 1;
}

static int text_is(const struct token_text *token, const char *text) {
    return token->length == strlen(text) && memcmp(token->bytes, text, token->length) == 0;
}

/* UTF-8 without spaces, which would make "left right", the way merges are written, ambiguous,
 * and without NUL, which few JSON readers take. */
static int is_word(const struct token_text *token) {
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)token->bytes;
    utf8proc_ssize_t left = token->length;
    while (left > 0) {
        utf8proc_int32_t scalar;
        utf8proc_ssize_t length = utf8proc_iterate(at, left, &scalar);
        if (length < 0 || scalar == ' ' || scalar == 0) return 0;
        at += length;
        left -= length;
    }
    return 1;
}

/* Reads one record at `*at` and moves on. Returns 0 when it is cut off or too long. */
static int read_record(struct token_text *token, const unsigned char *bytes, size_t size,
                       size_t *at) {
    size_t length = bytes[(*at)++];
    if (length >= 128) {
        if (*at == size) return 0;
        length = (length - 128) + (size_t)bytes[(*at)++] * 128;
    }
    if (length > TOKEN_BYTES_MAX || !checked_range(*at, length, size)) return 0;
    token->bytes = (const char *)bytes + *at;
    token->length = (uint32_t)length;
    *at += length;
    return 1;
}

static pst_status read_records(struct tokenizer_bin *bin, const unsigned char *bytes, size_t size,
                               const char *name, pst_error *err) {
    /* A record is at least a byte long. */
    bin->tokens = calloc(size + 1, sizeof *bin->tokens);
    if (!bin->tokens) return error_memory(err, size * sizeof *bin->tokens);
    for (size_t at = 0; at < size; bin->count++) {
        struct token_text *token = &bin->tokens[bin->count];
        token->id = bin->count;
        if (!read_record(token, bytes, size, &at))
            return error_set(
                err, PST_ERR_MODEL,
                "%s: token %u is cut off, or longer than %d bytes (not a tokenizer.bin?)", name,
                bin->count, TOKEN_BYTES_MAX);
    }
    return PST_OK;
}

/* Ids 3 to 258 hold the bytes 0 to 255 themselves, some of which are no UTF-8: they get the
 * names that tokenizer.json has for them. */
static pst_status name_bytes(struct tokenizer_bin *bin, const char *name, pst_error *err) {
    bin->byte_names = calloc(256, sizeof *bin->byte_names);
    if (!bin->byte_names) return error_memory(err, 0);
    for (unsigned byte = 0; byte < 256; byte++) {
        struct token_text *token = &bin->tokens[BYTE_TOKENS_BEGIN + byte];
        if (token->length != 1 || (unsigned char)token->bytes[0] != byte)
            return error_set(err, PST_ERR_MODEL, "%s: token %u is not the byte 0x%02X", name,
                             token->id, byte);
        snprintf(bin->byte_names[byte], sizeof *bin->byte_names, "<0x%02X>", byte);
        token->bytes = bin->byte_names[byte];
        token->length = 6;
    }
    return PST_OK;
}

/* Finds where the special tokens begin; from there on they are all <<ST_n>>, n counting up. */
static pst_status find_vocab(struct tokenizer_bin *bin, const char *name, pst_error *err) {
    bin->vocab = WORD_TOKENS_BEGIN;
    while (bin->vocab < bin->count && !text_is(&bin->tokens[bin->vocab], "<<ST_0>>")) bin->vocab++;
    for (uint32_t id = bin->vocab; id < bin->count; id++) {
        char text[32];
        snprintf(text, sizeof text, "<<ST_%u>>", (unsigned)(id - bin->vocab));
        if (!text_is(&bin->tokens[id], text))
            return error_set(err, PST_ERR_MODEL, "%s: token %u is not %s", name, id, text);
    }
    return PST_OK;
}

static pst_status sort_vocab(struct tokenizer_bin *bin, const char *name, pst_error *err) {
    bin->sorted = malloc(bin->vocab * sizeof *bin->sorted);
    if (!bin->sorted) return error_memory(err, bin->vocab * sizeof *bin->sorted);
    memcpy(bin->sorted, bin->tokens, bin->vocab * sizeof *bin->sorted);
    qsort(bin->sorted, bin->vocab, sizeof *bin->sorted, by_text);
    for (uint32_t i = 1; i < bin->vocab; i++)
        if (by_text(&bin->sorted[i - 1], &bin->sorted[i]) == 0)
            return error_set(err, PST_ERR_MODEL, "%s: tokens %u and %u are the same text", name,
                             bin->sorted[i - 1].id, bin->sorted[i].id);
    return PST_OK;
}

static pst_status read_all(struct tokenizer_bin *bin, const unsigned char *bytes, size_t size,
                           const char *name, pst_error *err) {
    static const char *const first[BYTE_TOKENS_BEGIN] = {"<unk>", "<s>", "</s>"};
    pst_status status = read_records(bin, bytes, size, name, err);
    if (status) return status;
    if (bin->count < WORD_TOKENS_BEGIN)
        return error_set(err, PST_ERR_MODEL, "%s: has %u tokens, expected %d at least", name,
                         bin->count, WORD_TOKENS_BEGIN);
    for (uint32_t id = 0; id < BYTE_TOKENS_BEGIN; id++)
        if (!text_is(&bin->tokens[id], first[id]))
            return error_set(err, PST_ERR_MODEL, "%s: token %u is not %s", name, id, first[id]);
    status = name_bytes(bin, name, err);
    if (!status) status = find_vocab(bin, name, err);
    for (uint32_t id = WORD_TOKENS_BEGIN; id < bin->count && !status; id++)
        if (!is_word(&bin->tokens[id]))
            return error_set(err, PST_ERR_MODEL,
                             "%s: token %u is not UTF-8, or holds a space or NUL", name, id);
    return status ? status : sort_vocab(bin, name, err);
}

pst_status tokenizer_bin_parse(struct tokenizer_bin *bin, const unsigned char *bytes, size_t size,
                               const char *name, pst_error *err) {
    *bin = (struct tokenizer_bin){0};
    if (size > TOKENIZER_BIN_BYTES_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: is %zu bytes, expected at most %d", name, size,
                         TOKENIZER_BIN_BYTES_MAX);
    pst_status status = read_all(bin, bytes, size, name, err);
    if (status) tokenizer_bin_close(bin);
    return status;
}

pst_status tokenizer_bin_open(struct tokenizer_bin *bin, const char *path, pst_error *err) {
    *bin = (struct tokenizer_bin){0};
    struct file_view view;
    pst_status status = file_view_open(&view, path, TOKENIZER_BIN_BYTES_MAX, err);
    if (status) return status;
    status = tokenizer_bin_parse(bin, view.data, view.size, path, err);
    if (status)
        file_view_close(&view);
    else
        bin->view = view;
    return status;
}

void tokenizer_bin_close(struct tokenizer_bin *bin) {
    file_view_close(&bin->view);
    free(bin->tokens);
    free(bin->sorted);
    free(bin->byte_names);
    *bin = (struct tokenizer_bin){0};
}

const struct token_text *tokenizer_bin_find(const struct tokenizer_bin *bin, const char *text,
                                            size_t length) {
    if (length > TOKEN_BYTES_MAX || bin->vocab == 0) return NULL;
    struct token_text key = {.bytes = text, .length = (uint32_t)length};
    return bsearch(&key, bin->sorted, bin->vocab, sizeof *bin->sorted, by_text);
}
