/* bpe.c - see bpe.h.
 *
 * Merges wait in a heap ordered by rank and place. A merge changes its neighbours, so
 * entries go stale; nothing is removed from the heap, each entry is compared with the
 * symbols when its turn comes. */
#include "tokenizer/bpe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { NONE = -1 };

struct symbol {
    int32_t id; /* NONE: merged into the symbol before it */
    int32_t previous, next;
};

struct candidate {
    uint64_t order; /* rank, then place: the smallest comes first */
    int32_t id;     /* what the merge would make */
};

/* The working memory of one text. */
struct merge_run {
    const struct bpe *bpe;
    struct symbol *symbols; /* [count] */
    size_t count;
    struct candidate
        *heap; /* [heap_count]; a merge takes one and adds two at most: below 2 * count */
    size_t heap_count;
};

/* ------------------------------------------------------------------------------------- merges */

static size_t first_slot(const struct bpe *bpe, int32_t left, int32_t right) {
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & bpe->mask; /* Fibonacci hashing */
}

/* The longest run of taken slots that is looked through: in a table that is half full those of real
 * merges have some tens, only of ones made on purpose do all meet in one place. */
enum { RUN_MAX = 1000 };

/* The slot of the pair, or the free one where it belongs; NULL: it would be at the end of too long
 * a run, and is not there. */
static struct merge *find_slot(const struct bpe *bpe, int32_t left, int32_t right) {
    size_t i = first_slot(bpe, left, right);
    for (int run = 0; run < RUN_MAX; run++, i = (i + 1) & bpe->mask) {
        struct merge *slot = &bpe->slots[i];
        if (slot->id < 0 || (slot->left == left && slot->right == right)) return slot;
    }
    return NULL;
}

/* What the pair makes; NULL: nothing. */
static const struct merge *find_merge(const struct bpe *bpe, int32_t left, int32_t right) {
    const struct merge *slot = find_slot(bpe, left, right);
    return slot && slot->id >= 0 ? slot : NULL;
}

static void find_byte_tokens(struct bpe *bpe, const struct vocabulary *vocabulary) {
    for (int byte = 0; byte < 256; byte++) {
        char text[8];
        int length = snprintf(text, sizeof text, "<0x%02X>", (unsigned)byte);
        bpe->byte_ids[byte] = vocabulary_find(vocabulary, text, (size_t)length);
    }
}

pst_status bpe_build(struct bpe *bpe, const struct vocabulary *vocabulary,
                     const struct merge *merges, size_t count, pst_error *err) {
    *bpe = (struct bpe){.unk_id = NONE};
    size_t slots = 16;
    while (slots < 2 * count) slots *= 2; /* at most half full */
    bpe->slots = malloc(slots * sizeof *bpe->slots);
    if (!bpe->slots) return error_memory(err, slots * sizeof *bpe->slots);
    memset(bpe->slots, 0xFF, slots * sizeof *bpe->slots);
    bpe->mask = slots - 1;
    for (size_t i = 0; i < count; i++) {
        struct merge *slot = find_slot(bpe, merges[i].left, merges[i].right);
        if (!slot)
            return error_set(err, PST_ERR_MODEL,
                             "tokenizer.json: model.merges has over %d pairs with one hash value: "
                             "was it made to be slow?",
                             RUN_MAX);
        *slot = merges[i];
    }
    find_byte_tokens(bpe, vocabulary);
    return PST_OK;
}

void bpe_free(struct bpe *bpe) {
    free(bpe->slots);
    *bpe = (struct bpe){0};
}

void id_list_append(struct id_list *list, int32_t id) {
    if (list->count == list->capacity && !list->failed) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        int32_t *ids = capacity <= SIZE_MAX / sizeof *ids / 2
                           ? realloc(list->ids, capacity * sizeof *ids)
                           : NULL;
        list->failed = ids == NULL;
        if (!ids) return;
        list->ids = ids;
        list->capacity = capacity;
    }
    if (!list->failed) list->ids[list->count++] = id;
}

/* --------------------------------------------------------------------------------------- heap */

static void push(struct merge_run *run, struct candidate candidate) {
    size_t at = run->heap_count++;
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (run->heap[parent].order <= candidate.order) break;
        run->heap[at] = run->heap[parent];
        at = parent;
    }
    run->heap[at] = candidate;
}

static struct candidate pop(struct merge_run *run) {
    struct candidate top = run->heap[0];
    struct candidate last = run->heap[--run->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < run->heap_count; at = child) {
        if (child + 1 < run->heap_count && run->heap[child + 1].order < run->heap[child].order)
            child++;
        if (run->heap[child].order >= last.order) break;
        run->heap[at] = run->heap[child];
    }
    run->heap[at] = last;
    return top;
}

/* ------------------------------------------------------------------------------------ symbols */

static void add_symbol(struct merge_run *run, int32_t id) {
    int32_t at = (int32_t)run->count++;
    run->symbols[at] = (struct symbol){.id = id, .previous = at - 1, .next = at + 1};
}

/* Adds the bytes of a character when all of them have tokens. */
static int add_bytes(struct merge_run *run, const char *text, size_t length) {
    const struct bpe *bpe = run->bpe;
    for (size_t i = 0; i < length; i++)
        if (bpe->byte_ids[(unsigned char)text[i]] < 0) return 0;
    for (size_t i = 0; i < length; i++) add_symbol(run, bpe->byte_ids[(unsigned char)text[i]]);
    return 1;
}

static size_t character_length(char first) {
    unsigned char lead = (unsigned char)first;
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* One symbol a character. An unk waits until the next character that has a token of its own, so
 * that those between can fuse with it; characters spelled in bytes do not end the wait, and so come
 * before it: upstream's order. */
static void split(struct merge_run *run, const struct vocabulary *vocabulary, const char *text,
                  size_t length) {
    const struct bpe *bpe = run->bpe;
    int unk_waits = 0;
    for (size_t at = 0, size; at < length; at += size) {
        size = character_length(text[at]);
        int32_t id = vocabulary_find(vocabulary, text + at, size);
        if (id >= 0) {
            if (unk_waits) add_symbol(run, bpe->unk_id);
            unk_waits = 0;
            add_symbol(run, id);
        } else if (!(bpe->byte_fallback && add_bytes(run, text + at, size)) && bpe->unk_id >= 0) {
            if (unk_waits && !bpe->fuse_unk) add_symbol(run, bpe->unk_id);
            unk_waits = 1;
        }
    }
    if (unk_waits) add_symbol(run, bpe->unk_id);
    if (run->count > 0) run->symbols[run->count - 1].next = NONE;
}

/* Puts the merge of the symbol at `left` and the one after it on the heap, if there is one. */
static void propose(struct merge_run *run, int32_t left) {
    const struct symbol *symbol = &run->symbols[left];
    if (symbol->next == NONE) return;
    const struct merge *merge = find_merge(run->bpe, symbol->id, run->symbols[symbol->next].id);
    if (!merge) return;
    push(run, (struct candidate){.order = (uint64_t)merge->rank << 32 | (uint32_t)left,
                                 .id = merge->id});
}

/* Does the symbol at `left` still merge with the one after it into `id`? */
static int holds(const struct merge_run *run, int32_t left, int32_t id) {
    const struct symbol *symbol = &run->symbols[left];
    if (symbol->id == NONE || symbol->next == NONE) return 0;
    const struct merge *merge = find_merge(run->bpe, symbol->id, run->symbols[symbol->next].id);
    return merge && merge->id == id;
}

static void merge_all(struct merge_run *run) {
    for (size_t i = 0; i < run->count; i++) propose(run, (int32_t)i);
    while (run->heap_count > 0) {
        struct candidate candidate = pop(run);
        int32_t at = (int32_t)(candidate.order & UINT32_MAX);
        if (!holds(run, at, candidate.id)) continue;
        struct symbol *left = &run->symbols[at];
        struct symbol *right = &run->symbols[left->next];
        left->id = candidate.id;
        left->next = right->next;
        right->id = NONE;
        if (left->next != NONE) run->symbols[left->next].previous = at;
        if (left->previous != NONE) propose(run, left->previous);
        propose(run, at);
    }
}

pst_status bpe_encode(const struct bpe *bpe, const struct vocabulary *vocabulary, const char *text,
                      size_t length, struct id_list *ids, pst_error *err) {
    if (length == 0) return PST_OK;
    struct merge_run run = {
        .bpe = bpe,
        .symbols = malloc(length * sizeof *run.symbols), /* a byte makes one symbol at most */
        .heap = malloc(2 * length * sizeof *run.heap),
    };
    pst_status status = PST_OK;
    if (run.symbols && run.heap) {
        split(&run, vocabulary, text, length);
        merge_all(&run);
        for (size_t i = 0; i < run.count; i++)
            if (run.symbols[i].id != NONE) id_list_append(ids, run.symbols[i].id);
    } else {
        status = error_memory(err, length * (sizeof *run.symbols + 2 * sizeof *run.heap));
    }
    free(run.symbols);
    free(run.heap);
    return status;
}
