/* tokenizer_bin.h - the official tokenizer.bin, and the tokenizer.json that says the same.
 *
 * The file is the tokens in the order of their ids, each a length (one byte below 128, else its
 * low 7 bits with the top bit set, then the rest) and that many bytes. It is a SentencePiece
 * vocabulary: <unk>, <s>, </s>, the 256 single bytes, words and characters; then special tokens
 * <<ST_0>>, <<ST_1>>... It does not list the merges of its BPE, but they follow from the
 * vocabulary. */
#ifndef PST_IMPORT_TOKENIZER_BIN_H
#define PST_IMPORT_TOKENIZER_BIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/file_view.h"
#include "potstill.h"

enum {
    TOKENIZER_BIN_BYTES_MAX = 1 << 20, /* the published file has 249,974 */
    TOKEN_BYTES_MAX = 256,             /* the longest published token has 48 */
    BYTE_TOKENS_BEGIN = 3,             /* after <unk>, <s>, </s> */
    WORD_TOKENS_BEGIN = BYTE_TOKENS_BEGIN + 256
};

struct token_text {
    const char *bytes; /* [length] UTF-8, not NUL-terminated; a byte token reads "<0x0A>" */
    uint32_t length;
    uint32_t id;
};

struct tokenizer_bin {
    struct file_view view;
    struct token_text *tokens; /* [count], by id */
    uint32_t count;
    uint32_t vocab;            /* tokens before <<ST_0>>; those from there on are special */
    struct token_text *sorted; /* [vocab] by text, for looking up */
    char (*byte_names)[8];     /* [256] */
};

/* Opens and checks a whole file. */
pst_status tokenizer_bin_open(struct tokenizer_bin *bin, const char *path, pst_error *err);
/* The same over bytes in memory, which must outlive it; `name` is used in messages. */
pst_status tokenizer_bin_parse(struct tokenizer_bin *bin, const unsigned char *bytes, size_t size,
                               const char *name, pst_error *err);
void tokenizer_bin_close(struct tokenizer_bin *bin);

/* The token of that text among the first `vocab`; NULL when there is none. */
const struct token_text *tokenizer_bin_find(const struct tokenizer_bin *bin, const char *text,
                                            size_t length);

/* Appends a tokenizer.json, byte for byte as the tokenizers library lays it out. */
pst_status tokenizer_bin_to_json(const struct tokenizer_bin *bin, struct buffer *json,
                                 pst_error *err);

#endif
