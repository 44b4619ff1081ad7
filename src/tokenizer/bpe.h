/* bpe.h - byte pair encoding: text to ids by merging neighbours, best rank first.
 *
 * Text starts as one symbol a character (or a byte, for characters the vocabulary lacks). Of all
 * merges that apply to two neighbours, the first in the file is done next, and the leftmost of
 * equals, until none is left. */
#ifndef PST_TOKENIZER_BPE_H
#define PST_TOKENIZER_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "potstill.h"
#include "tokenizer/vocabulary.h"

struct merge {
    int32_t left, right; /* ids joined */
    uint32_t rank;       /* place in the file's list */
    int32_t id;          /* what they become; -1: an empty slot */
};

struct bpe {
    struct merge *slots; /* [mask + 1], open-addressed by (left, right) */
    size_t mask;
    int32_t byte_ids[256]; /* ids of "<0x00>".."<0xFF>"; -1: not there */
    int32_t unk_id;        /* -1: characters without a token vanish */
    int byte_fallback;     /* a character the vocabulary lacks becomes its bytes */
    int fuse_unk;          /* neighbouring unknown characters become one unk */
};

/* Ids that grow. */
struct id_list {
    int32_t *ids; /* [count] */
    size_t count, capacity;
    int failed; /* memory ran out: further appends do nothing, check once at the end */
};

void id_list_append(struct id_list *list, int32_t id);

/* Indexes `merges` [count] and looks up the byte tokens. Of two merges of one pair the later
 * counts, as upstream has it. The flags are the caller's to set. */
pst_status bpe_build(struct bpe *bpe, const struct vocabulary *vocabulary,
                     const struct merge *merges, size_t count, pst_error *err);
void bpe_free(struct bpe *bpe);

/* Appends the ids of `text`, valid UTF-8 of less than 2 GiB. Time is n log n in its length. */
pst_status bpe_encode(const struct bpe *bpe, const struct vocabulary *vocabulary, const char *text,
                      size_t length, struct id_list *ids, pst_error *err);

#endif
