/* added_tokens.h - tokens that are found in the text as written, before any merging.
 *
 * Two kinds: those matched in the raw text, and those matched in the prepared text ("▁" in front,
 * spaces replaced), whose own text is prepared in the same way. In each the leftmost match counts,
 * the longest of those that start there. */
#ifndef PST_TOKENIZER_ADDED_TOKENS_H
#define PST_TOKENIZER_ADDED_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "potstill.h"

struct added_token {
    size_t offset, length; /* its text, in `texts` */
    int32_t id;
    int special;  /* decoding may leave it out */
    int prepared; /* matched in the prepared text ("normalized" in the file) */
    int awkward;  /* asks for whole words or takes the spaces around it: see tokenizer_encode() */
};

struct added_pattern {
    const char *text;
    size_t length;
    int32_t id;
};

struct pattern_set {
    struct added_pattern *patterns; /* [count], by text */
    size_t count;
    unsigned char starts[256]; /* does any pattern start with this byte? */
};

struct added_tokens {
    struct added_token *items; /* [count], in the file's order */
    size_t count;
    struct buffer texts;    /* of all items */
    struct buffer prepared; /* prepared texts of those that need one */
    struct pattern_set in_raw, in_prepared;
};

struct added_match {
    size_t start, length;
    int32_t id;
};

/* Builds the pattern sets from `items` and `texts`. */
pst_status added_tokens_index(struct added_tokens *added, pst_error *err);
void added_tokens_free(struct added_tokens *added);

/* The first match in text [length] at or after `from`; 0 when there is none. */
int added_tokens_next(const struct pattern_set *set, const char *text, size_t length, size_t from,
                      struct added_match *match);

/* Appends the normalised `text`: "▁" in front unless it is empty, "▁" for each space. */
void added_tokens_prepare(struct buffer *prepared, const char *text, size_t length);

#endif
