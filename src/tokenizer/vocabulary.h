/* vocabulary.h - token strings and their ids, both ways.
 *
 * All strings are in one block. An id finds its string by index, a string its id by an
 * open-addressed table that keeps hashes, so a miss seldom touches a string. */
#ifndef PST_TOKENIZER_VOCABULARY_H
#define PST_TOKENIZER_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "potstill.h"

/* Ids are below this: four times the largest vocabulary in use (262,144). The table by id is as
 * large as the largest id, which a hostile file chooses. */
enum { VOCABULARY_MAX = 1 << 20 };

struct token {
    const char *text; /* not NUL-terminated, may hold NUL; NULL: no such id */
    uint32_t length;
    int32_t id;
};

struct vocabulary_slot {
    uint32_t hash;
    int32_t id; /* -1: empty */
};

struct vocabulary {
    char *texts;                   /* the strings of the model's tokens */
    struct token *by_id;           /* [size] */
    size_t size;                   /* one more than the largest id */
    size_t count;                  /* tokens of the model */
    struct vocabulary_slot *slots; /* [mask + 1], a power of two */
    size_t mask;
};

/* Indexes `tokens` [count]. The strings lie in `texts`, which becomes the vocabulary's whatever the
 * outcome. A string or an id that occurs twice is refused; `name` is used in messages. */
pst_status vocabulary_build(struct vocabulary *vocabulary, char *texts, const struct token *tokens,
                            size_t count, const char *name, pst_error *err);
void vocabulary_free(struct vocabulary *vocabulary);

/* Gives the ids of `tokens` [count] that the model does not have a string, so that they can be
 * decoded; find does not see them. The strings must outlive the vocabulary. */
pst_status vocabulary_extend(struct vocabulary *vocabulary, const struct token *tokens,
                             size_t count, pst_error *err);

/* The id of a string, or of two put together; -1 when the model has no such token. */
int32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t length);
int32_t vocabulary_find_joined(const struct vocabulary *vocabulary, const struct token *left,
                               const struct token *right);

/* NULL for an unknown id. */
static inline const struct token *vocabulary_token(const struct vocabulary *vocabulary,
                                                   int32_t id) {
    if (id < 0 || (size_t)id >= vocabulary->size || !vocabulary->by_id[id].text) return NULL;
    return &vocabulary->by_id[id];
}

#endif
