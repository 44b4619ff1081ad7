/* drafts.c - see drafts.h. */
#include "decode/drafts.h"

#include <string.h>

/* Longer matches are not better guesses. */
enum { MATCH_MAX = 8, RANK_MAX = 2 * MATCH_MAX + 2 };

/* A place in a text: what follows is text->tokens[at]. */
struct place {
    const pst_sequence_bias *text;
    size_t at;
    size_t rank; /* the more in front of it is as in the text so far; 0: nothing */
    size_t away; /* how far it is from being as deep in its text */
};

static size_t distance(size_t a, size_t b) {
    return a > b ? a - b : b - a;
}

/* How many tokens before text[at] are the last of tokens [count]. */
static size_t match(const pst_sequence_bias *text, size_t at, const int32_t *tokens, size_t count) {
    size_t most = at < count ? at : count, same = 0;
    if (most > MATCH_MAX) most = MATCH_MAX;
    while (same < most && text->tokens[at - 1 - same] == tokens[count - 1 - same]) same++;
    return same;
}

/* Does the text begin as ours does, so that it may be ours as it was heard before? */
static int is_earlier(const pst_sequence_bias *text, const int32_t *tokens) {
    return text->tokens[0] == tokens[0];
}

static struct place look_at(const pst_sequence_bias *text, size_t at, const int32_t *tokens,
                            size_t count) {
    struct place place = {text, at, 2 * match(text, at, tokens, count), distance(at, count)};
    if (place.away || !is_earlier(text, tokens)) return place;
    /* As deep in the same text: after a word that is heard otherwise now, the next may be old. */
    place.rank++;
    if (memcmp(text->tokens, tokens, count * sizeof *tokens) == 0) place.rank = RANK_MAX;
    return place;
}

static int is_better(const struct place *a, const struct place *b) {
    if (a->rank != b->rank) return a->rank > b->rank;
    return a->text == b->text && a->away < b->away;
}

/* Of places in a text that is not ours, or in ours as it was heard before. */
static void look_through(const pst_sequence_bias *text, const int32_t *tokens, size_t count,
                         struct place *best) {
    for (size_t at = 1; at < text->count; at++) {
        struct place place = look_at(text, at, tokens, count);
        if (is_better(&place, best)) *best = place;
    }
}

/* What was said may be said again; one word alone is no sign of it. */
static void look_back(const pst_sequence_bias *text, struct place *best) {
    for (size_t at = text->count - 1; at > 1; at--) {
        struct place place = {text, at, 2 * match(text, at, text->tokens, text->count), 0};
        if (place.rank > 2 && place.rank > best->rank) *best = place;
    }
}

size_t drafts_propose(const struct rules *rules, int32_t *tokens, size_t count, size_t most) {
    const pst_sequence_bias own = {tokens, count, 0};
    struct place best = {0};
    for (size_t i = 0; most && i < rules->options->drafts_count; i++)
        look_through(&rules->options->drafts[i], tokens, count, &best);
    if (most) look_back(&own, &best);
    if (!best.rank) return 0;
    /* Ours goes on in what is proposed. */
    size_t left = best.text == &own ? most : best.text->count - best.at, n = 0;
    if (left < most) most = left;
    /* A match of few tokens is often one by chance. */
    if (best.rank + 1 < most) most = best.rank + 1;
    for (; n < most; n++) {
        int32_t next = best.text->tokens[best.at + n];
        if (is_end_token(&rules->ends, next)) break;
        tokens[count + n] = next;
    }
    return n;
}
