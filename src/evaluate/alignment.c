/* alignment.c - two texts beside each other: normalised, split into words, aligned, counted. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "evaluate/characters.h"
#include "evaluate/normalizer.h"
#include "evaluate/words.h"

/* Both texts on their way. */
struct pair {
    struct buffer reference, hypothesis; /* normalised */
    struct word_list reference_words, hypothesis_words;
    uint8_t *path; /* [path_count] of enum pst_edit_kind */
    size_t path_count;
};

static void free_pair(struct pair *pair) {
    words_free(&pair->reference_words);
    words_free(&pair->hypothesis_words);
    buffer_free(&pair->reference);
    buffer_free(&pair->hypothesis);
    free(pair->path);
}

/* free_pair() in any case. */
static pst_status align_pair(struct pair *pair, const struct pst_normalizer *normalizer,
                             const char *reference, const char *hypothesis, pst_error *err) {
    *pair = (struct pair){0};
    pst_status status = normalizer_write(normalizer, reference, &pair->reference, err);
    if (!status) status = normalizer_write(normalizer, hypothesis, &pair->hypothesis, err);
    if (!status)
        status =
            words_split(&pair->reference_words, pair->reference.data, pair->reference.length, err);
    if (!status)
        status = words_split(&pair->hypothesis_words, pair->hypothesis.data,
                             pair->hypothesis.length, err);
    if (!status)
        status = words_align(&pair->reference_words, &pair->hypothesis_words, &pair->path,
                             &pair->path_count, err);
    return status;
}

static void count_edits(const struct pair *pair, pst_word_counts *counts) {
    uint64_t *const by_kind[] = {
        [PST_EDIT_EQUAL] = &counts->hits,
        [PST_EDIT_SUBSTITUTION] = &counts->substitutions,
        [PST_EDIT_DELETION] = &counts->deletions,
        [PST_EDIT_INSERTION] = &counts->insertions,
    };
    for (size_t i = 0; i < pair->path_count; i++) ++*by_kind[pair->path[i]];
}

pst_status pst_score_words(const char *reference, const char *hypothesis, int normalize,
                           pst_word_counts *counts, pst_error *err) {
    if (!reference || !hypothesis || !counts)
        return error_set(err, PST_ERR_ARGUMENT, "pst_score_words: a pointer is NULL");
    struct pst_normalizer normalizer = {.kind = (pst_normalization)normalize};
    struct pair pair;
    pst_status status = align_pair(&pair, &normalizer, reference, hypothesis, err);
    if (!status) count_edits(&pair, counts);
    free_pair(&pair);
    return status;
}

/* jiwer gives the number of insertions when there is no reference word to divide by. */
double pst_word_error_rate(const pst_word_counts *counts) {
    uint64_t words = counts->substitutions + counts->deletions + counts->hits;
    uint64_t errors = counts->substitutions + counts->deletions + counts->insertions;
    return (double)errors / (double)(words > 0 ? words : 1);
}

/* ---------------------------------------------------------------------------- with the words */

static size_t words_bytes(const struct word_list *list) {
    size_t bytes = 0;
    for (size_t i = 0; i < list->count; i++) bytes += list->words[i].length + 1;
    return bytes;
}

/* Copies a word to `*at`, which moves behind it. */
static const char *place(const struct word *word, char **at) {
    char *text = *at;
    memcpy(text, word->text, word->length);
    text[word->length] = '\0';
    *at += word->length + 1;
    return text;
}

/* Edits and, behind them in the same block, their words. */
static pst_status write_edits(const struct pair *pair, pst_alignment *alignment, pst_error *err) {
    size_t edits_bytes = pair->path_count * sizeof(pst_edit);
    size_t bytes =
        edits_bytes + words_bytes(&pair->reference_words) + words_bytes(&pair->hypothesis_words);
    alignment->edits = malloc(bytes + 1);
    if (!alignment->edits) return error_memory(err, bytes);
    char *at = (char *)alignment->edits + edits_bytes;
    const struct word *reference = pair->reference_words.words;
    const struct word *hypothesis = pair->hypothesis_words.words;
    for (size_t i = 0; i < pair->path_count; i++) {
        pst_edit_kind kind = (pst_edit_kind)pair->path[i];
        alignment->edits[i] = (pst_edit){.kind = kind};
        if (kind != PST_EDIT_INSERTION) alignment->edits[i].reference = place(reference++, &at);
        if (kind != PST_EDIT_DELETION) alignment->edits[i].hypothesis = place(hypothesis++, &at);
    }
    alignment->edit_count = pair->path_count;
    return PST_OK;
}

pst_status pst_eval_align(const pst_normalizer *normalizer, const char *reference,
                          const char *hypothesis, pst_alignment *alignment, pst_error *err) {
    if (!reference || !hypothesis || !alignment)
        return error_set(err, PST_ERR_ARGUMENT, "pst_eval_align: a pointer is NULL");
    *alignment = (pst_alignment){0};
    struct pair pair;
    size_t characters = 0, errors = 0;
    pst_status status = align_pair(&pair, normalizer, reference, hypothesis, err);
    if (!status)
        status = characters_compare(pair.reference.data, pair.hypothesis.data, &characters, &errors,
                                    err);
    if (!status) status = write_edits(&pair, alignment, err);
    if (!status) count_edits(&pair, &alignment->counts);
    alignment->characters = characters;
    alignment->character_errors = errors;
    free_pair(&pair);
    return status;
}

void pst_alignment_free(pst_alignment *alignment) {
    if (!alignment) return;
    free(alignment->edits);
    *alignment = (pst_alignment){0};
}
