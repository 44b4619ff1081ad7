/* tokenizer_image.c - see tokenizer_image.h. An image is a head of numbers and ten sections, each
 * on a cache line, whose lengths follow from the head. */
#include "tokenizer/tokenizer_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer_internal.h"

enum { ALIGNMENT = 64 };
static const uint32_t NO_TOKEN = UINT32_MAX; /* in place of a length */

struct image_head {
    uint32_t size;          /* ids: one more than the largest */
    uint32_t count;         /* tokens of the model */
    uint32_t slots, merges; /* of the tables, powers of two */
    uint32_t added, before, after;
    uint32_t text_bytes, added_bytes;
    uint32_t byte_fallback, fuse_unk, clean_up;
    int32_t unk_id;
    int32_t byte_ids[256];
};

struct image_added {
    uint32_t length;
    int32_t id;
    uint32_t special, prepared, awkward;
};

/* --------------------------------------------------------------------------------------- write */

static void put(struct buffer *image, const void *bytes, size_t length) {
    static const char zeros[ALIGNMENT];
    if (length) buffer_append(image, bytes, length);
    size_t odd = image->length % ALIGNMENT;
    if (odd) buffer_append(image, zeros, ALIGNMENT - odd);
}

static void put_tokens(struct buffer *image, struct image_head *head,
                       const struct vocabulary *vocabulary) {
    struct buffer lengths = {0}, texts = {0};
    for (size_t id = 0; id < vocabulary->size; id++) {
        const struct token *token = &vocabulary->by_id[id];
        uint32_t length = token->text ? token->length : NO_TOKEN;
        buffer_append(&lengths, &length, sizeof length);
        if (token->text) buffer_append(&texts, token->text, token->length);
    }
    head->text_bytes = (uint32_t)texts.length; /* of a file of at most 64 MB */
    put(image, lengths.data, lengths.length);
    put(image, texts.data, texts.length);
    image->failed |= lengths.failed | texts.failed;
    buffer_free(&lengths);
    buffer_free(&texts);
}

static void put_added(struct buffer *image, const struct added_tokens *added) {
    struct buffer items = {0};
    for (size_t i = 0; i < added->count; i++) {
        const struct added_token *token = &added->items[i];
        struct image_added item = {(uint32_t)token->length, token->id, token->special != 0,
                                   token->prepared != 0, token->awkward != 0};
        buffer_append(&items, &item, sizeof item);
    }
    put(image, items.data, items.length);
    put(image, added->texts.data, added->texts.length); /* one after the other, in this order */
    image->failed |= items.failed;
    buffer_free(&items);
}

void tokenizer_image_write(struct buffer *image, const struct tokenizer *tokenizer) {
    const struct vocabulary *vocabulary = &tokenizer->vocabulary;
    const struct bpe *bpe = &tokenizer->bpe;
    struct image_head head = {
        .size = (uint32_t)vocabulary->size,
        .count = (uint32_t)vocabulary->count,
        .slots = (uint32_t)(vocabulary->mask + 1),
        .merges = (uint32_t)(bpe->mask + 1),
        .added = (uint32_t)tokenizer->added.count,
        .before = (uint32_t)tokenizer->before.count,
        .after = (uint32_t)tokenizer->after.count,
        .added_bytes = (uint32_t)tokenizer->added.texts.length,
        .byte_fallback = bpe->byte_fallback != 0,
        .fuse_unk = bpe->fuse_unk != 0,
        .clean_up = tokenizer->clean_up != 0,
        .unk_id = bpe->unk_id,
    };
    memcpy(head.byte_ids, bpe->byte_ids, sizeof head.byte_ids);
    size_t start = image->length;
    put(image, &head, sizeof head);
    put(image, vocabulary->slots, head.slots * sizeof *vocabulary->slots);
    put(image, bpe->slots, head.merges * sizeof *bpe->slots);
    put_tokens(image, &head, vocabulary);
    put_added(image, &tokenizer->added);
    put(image, tokenizer->special, head.size);
    put(image, tokenizer->before.ids, head.before * sizeof *tokenizer->before.ids);
    put(image, tokenizer->after.ids, head.after * sizeof *tokenizer->after.ids);
    if (!image->failed) memcpy(image->data + start, &head, sizeof head); /* now with text_bytes */
}

/* ---------------------------------------------------------------------------------------- read */

struct reader {
    const unsigned char *bytes; /* [size] */
    size_t size, at;
    int failed;
};

/* The next section: `count` items of `size` bytes. */
static const void *section(struct reader *reader, size_t count, size_t size) {
    size_t length, padded;
    if (!checked_mul(count, size, &length) || !checked_add(length, ALIGNMENT - 1, &padded) ||
        !checked_range(reader->at, padded / ALIGNMENT * ALIGNMENT, reader->size)) {
        reader->failed = 1;
        return NULL;
    }
    const void *found = reader->bytes + reader->at;
    reader->at += padded / ALIGNMENT * ALIGNMENT;
    return found;
}

static int is_table_size(uint32_t slots) {
    return slots >= 16 && (slots & (slots - 1)) == 0 && slots <= 8 * VOCABULARY_MAX;
}

static int is_id(int32_t id, uint32_t size) {
    return id >= 0 && (uint32_t)id < size;
}

static int check_head(const struct image_head *head) {
    int good = head->size <= VOCABULARY_MAX && head->count <= head->size &&
               is_table_size(head->slots) && is_table_size(head->merges) &&
               head->added <= VOCABULARY_MAX && head->byte_fallback <= 1 && head->fuse_unk <= 1 &&
               head->clean_up <= 1 && (head->unk_id == -1 || is_id(head->unk_id, head->size));
    for (int i = 0; i < 256 && good; i++)
        good = head->byte_ids[i] == -1 || is_id(head->byte_ids[i], head->size);
    return good;
}

/* The strings of the tokens, which are whole characters. */
static int read_tokens(struct vocabulary *vocabulary, const uint32_t *lengths, const char *texts,
                       size_t text_bytes) {
    size_t at = 0;
    vocabulary->by_id = calloc(vocabulary->size + 1, sizeof *vocabulary->by_id);
    if (!vocabulary->by_id) return 0;
    for (size_t id = 0; id < vocabulary->size; id++) {
        if (lengths[id] == NO_TOKEN) continue;
        if (lengths[id] > text_bytes - at ||
            utf8_valid_length(texts + at, lengths[id]) != lengths[id])
            return 0;
        vocabulary->by_id[id] =
            (struct token){.text = texts + at, .length = lengths[id], .id = (int32_t)id};
        at += lengths[id];
    }
    return at == text_bytes;
}

/* Every search in a table must end, at an entry that exists. */
static int check_slots(const struct vocabulary *vocabulary) {
    size_t empty = 0;
    for (size_t i = 0; i <= vocabulary->mask; i++) {
        int32_t id = vocabulary->slots[i].id;
        empty += id < 0;
        if (id >= 0 && !vocabulary_token(vocabulary, id)) return 0;
    }
    return empty > 0;
}

static int check_merges(const struct bpe *bpe, uint32_t size) {
    size_t empty = 0;
    for (size_t i = 0; i <= bpe->mask; i++) {
        empty += bpe->slots[i].id < 0;
        if (bpe->slots[i].id >= 0 && !is_id(bpe->slots[i].id, size)) return 0;
    }
    return empty > 0;
}

static int read_added(struct added_tokens *added, const struct image_added *items, uint32_t count,
                      const char *texts, size_t text_bytes, uint32_t size) {
    size_t at = 0;
    added->items = malloc((count + (size_t)1) * sizeof *added->items);
    if (!added->items) return 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct image_added *item = &items[i];
        if (item->length == 0 || item->length > text_bytes - at || !is_id(item->id, size) ||
            item->special > 1 || item->prepared > 1 || item->awkward > 1 ||
            utf8_valid_length(texts + at, item->length) != item->length)
            return 0;
        added->items[added->count++] = (struct added_token){.offset = at,
                                                            .length = item->length,
                                                            .id = item->id,
                                                            .special = (int)item->special,
                                                            .prepared = (int)item->prepared,
                                                            .awkward = (int)item->awkward};
        at += item->length;
    }
    if (at != text_bytes) return 0;
    buffer_append(&added->texts, texts, text_bytes);
    return !added->texts.failed && added_tokens_index(added, NULL) == PST_OK;
}

static int read_ids(struct id_list *list, const int32_t *ids, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (!is_id(ids[i], VOCABULARY_MAX)) return 0;
        id_list_append(list, ids[i]);
    }
    return !list->failed;
}

static int read_sections(struct tokenizer *tokenizer, struct reader *reader,
                         const struct image_head *head) {
    struct vocabulary *vocabulary = &tokenizer->vocabulary;
    struct bpe *bpe = &tokenizer->bpe;
    const void *slots = section(reader, head->slots, sizeof *vocabulary->slots);
    const void *merges = section(reader, head->merges, sizeof *bpe->slots);
    const uint32_t *lengths = section(reader, head->size, sizeof *lengths);
    const char *texts = section(reader, head->text_bytes, 1);
    const struct image_added *added = section(reader, head->added, sizeof *added);
    const char *added_texts = section(reader, head->added_bytes, 1);
    const void *special = section(reader, head->size, 1);
    const int32_t *before = section(reader, head->before, sizeof *before);
    const int32_t *after = section(reader, head->after, sizeof *after);
    if (reader->failed || reader->at != reader->size) return 0;
    /* Nobody writes to them, and what is borrowed is not freed. */
    vocabulary->slots = (struct vocabulary_slot *)slots;
    vocabulary->mask = head->slots - 1;
    vocabulary->size = head->size;
    vocabulary->count = head->count;
    bpe->slots = (struct merge *)merges;
    bpe->mask = head->merges - 1;
    bpe->byte_fallback = (int)head->byte_fallback;
    bpe->fuse_unk = (int)head->fuse_unk;
    bpe->unk_id = head->unk_id;
    memcpy(bpe->byte_ids, head->byte_ids, sizeof bpe->byte_ids);
    tokenizer->special = (unsigned char *)special;
    tokenizer->clean_up = (int)head->clean_up;
    return read_tokens(vocabulary, lengths, texts, head->text_bytes) && check_slots(vocabulary) &&
           check_merges(bpe, head->size) &&
           read_added(&tokenizer->added, added, head->added, added_texts, head->added_bytes,
                      head->size) &&
           read_ids(&tokenizer->before, before, head->before) &&
           read_ids(&tokenizer->after, after, head->after);
}

struct tokenizer *tokenizer_image_read(const unsigned char *bytes, size_t size) {
    struct reader reader = {.bytes = bytes, .size = size};
    const struct image_head *head = section(&reader, 1, sizeof *head);
    if (!head || !check_head(head)) return NULL;
    struct tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer) return NULL;
    tokenizer->borrowed = 1;
    if (read_sections(tokenizer, &reader, head)) return tokenizer;
    tokenizer_free(tokenizer);
    return NULL;
}
