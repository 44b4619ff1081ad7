/* vocabulary.c - see vocabulary.h. */
#include "tokenizer/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

/* FNV-1a goes byte by byte, so the hash of two joined strings continues that of the first. */
static const uint32_t HASH_START = 2166136261u;

static uint32_t hash_more(uint32_t hash, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

/* The low bits of FNV-1a are weak for short strings; fold the high ones in. */
static size_t first_slot(const struct vocabulary *vocabulary, uint32_t hash) {
    return (hash ^ hash >> 15) & vocabulary->mask;
}

static int token_is(const struct token *token, const struct token *left,
                    const struct token *right) {
    return token->length == (size_t)left->length + right->length &&
           memcmp(token->text, left->text, left->length) == 0 &&
           memcmp(token->text + left->length, right->text, right->length) == 0;
}

/* The longest run of taken slots: in a table that is half full those of a real vocabulary have some
 * tens, only of one made on purpose do all tokens meet in one place. */
enum { RUN_MAX = 1000 };

/* The slot of left + right: the one that holds it, or the empty one where it belongs; NULL: it
 * would be at the end of too long a run, and is not there. */
static struct vocabulary_slot *find_slot(const struct vocabulary *vocabulary, uint32_t hash,
                                         const struct token *left, const struct token *right) {
    size_t i = first_slot(vocabulary, hash);
    for (int run = 0; run < RUN_MAX; run++, i = (i + 1) & vocabulary->mask) {
        struct vocabulary_slot *slot = &vocabulary->slots[i];
        if (slot->id < 0) return slot;
        if (slot->hash == hash && token_is(&vocabulary->by_id[slot->id], left, right)) return slot;
    }
    return NULL;
}

int32_t vocabulary_find_joined(const struct vocabulary *vocabulary, const struct token *left,
                               const struct token *right) {
    uint32_t hash = hash_more(HASH_START, left->text, left->length);
    hash = hash_more(hash, right->text, right->length);
    const struct vocabulary_slot *slot = find_slot(vocabulary, hash, left, right);
    return slot ? slot->id : -1;
}

int32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t length) {
    if (length > UINT32_MAX) return -1;
    const struct token left = {.text = text, .length = (uint32_t)length};
    const struct token right = {.text = ""};
    return vocabulary_find_joined(vocabulary, &left, &right);
}

/* Grows the table by id to `size`. */
static pst_status reserve(struct vocabulary *vocabulary, size_t size, pst_error *err) {
    if (size <= vocabulary->size) return PST_OK;
    struct token *by_id = realloc(vocabulary->by_id, size * sizeof *by_id);
    if (!by_id) return error_memory(err, size * sizeof *by_id);
    memset(by_id + vocabulary->size, 0, (size - vocabulary->size) * sizeof *by_id);
    vocabulary->by_id = by_id;
    vocabulary->size = size;
    return PST_OK;
}

static size_t needed_size(const struct token *tokens, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        if ((size_t)tokens[i].id >= size) size = (size_t)tokens[i].id + 1;
    return size;
}

/* At most half full, so that a probe soon meets an empty slot. */
static pst_status make_slots(struct vocabulary *vocabulary, size_t count, pst_error *err) {
    size_t slots = 16;
    while (slots < 2 * count) slots *= 2;
    vocabulary->slots = malloc(slots * sizeof *vocabulary->slots);
    if (!vocabulary->slots) return error_memory(err, slots * sizeof *vocabulary->slots);
    memset(vocabulary->slots, 0xFF, slots * sizeof *vocabulary->slots);
    vocabulary->mask = slots - 1;
    return PST_OK;
}

static pst_status insert(struct vocabulary *vocabulary, const struct token *token, const char *name,
                         pst_error *err) {
    const struct token nothing = {.text = ""};
    uint32_t hash = hash_more(HASH_START, token->text, token->length);
    struct vocabulary_slot *slot = find_slot(vocabulary, hash, token, &nothing);
    int length = utf8_cut(token->text, token->length, 60);
    if (!slot)
        return error_set(err, PST_ERR_MODEL,
                         "%s: model.vocab has over %d tokens with one hash value: was it made to "
                         "be slow?",
                         name, RUN_MAX);
    if (slot->id >= 0)
        return error_set(err, PST_ERR_MODEL, "%s: model.vocab has \"%.*s\" twice, as %d and %d",
                         name, length, token->text, slot->id, token->id);
    struct token *place = &vocabulary->by_id[token->id];
    if (place->text)
        return error_set(
            err, PST_ERR_MODEL, "%s: model.vocab gives id %d to \"%.*s\" and to \"%.*s\"", name,
            token->id, utf8_cut(place->text, place->length, 60), place->text, length, token->text);
    *place = *token;
    *slot = (struct vocabulary_slot){.hash = hash, .id = token->id};
    vocabulary->count++;
    return PST_OK;
}

pst_status vocabulary_build(struct vocabulary *vocabulary, char *texts, const struct token *tokens,
                            size_t count, const char *name, pst_error *err) {
    *vocabulary = (struct vocabulary){.texts = texts};
    pst_status status = reserve(vocabulary, needed_size(tokens, count), err);
    if (!status) status = make_slots(vocabulary, count, err);
    for (size_t i = 0; i < count && !status; i++)
        status = insert(vocabulary, &tokens[i], name, err);
    if (status) vocabulary_free(vocabulary);
    return status;
}

pst_status vocabulary_extend(struct vocabulary *vocabulary, const struct token *tokens,
                             size_t count, pst_error *err) {
    pst_status status = reserve(vocabulary, needed_size(tokens, count), err);
    if (status) return status;
    for (size_t i = 0; i < count; i++)
        if (!vocabulary->by_id[tokens[i].id].text) vocabulary->by_id[tokens[i].id] = tokens[i];
    return PST_OK;
}

void vocabulary_free(struct vocabulary *vocabulary) {
    free(vocabulary->texts);
    free(vocabulary->by_id);
    free(vocabulary->slots);
    *vocabulary = (struct vocabulary){0};
}
