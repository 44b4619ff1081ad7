/* score_driver.c - normalises and scores what test_score.py sends, until stdin ends.
 *
 *     'N', text                               -> status, text
 *     'W', kind of normalisation, text        -> status, text
 *     'S', normalize, reference, hypothesis   -> status, 4 counts of 64 bits: S, D, I, H
 *     'A', reference, hypothesis              -> status, edits: a letter of "=sdi" each; then 2
 *         numbers of 64 bits: characters of the reference, errors of characters
 *     'M', count, count times reference, a, b -> status; segments, mean, z and p as doubles
 *     'B', samples, units, columns, values as doubles [units, columns] -> status; value, low, high
 *         and p of column 0 by column 1, then of that less column 2 by column 3 */
#include "driver_io.h"
#include "potstill_tools.h"

static void normalize(void) {
    pst_error err;
    char *normalized = NULL;
    uint32_t length;
    char *text = read_items(1, &length);
    pst_status status = pst_normalize_text(text, &normalized, &err);
    write_status(status, &err);
    if (!status) write_items(normalized, 1, strlen(normalized));
    free(normalized);
    free(text);
}

static void normalize_by_kind(void) {
    pst_error err;
    pst_normalizer *normalizer = NULL;
    char *normalized = NULL;
    uint32_t length, kind = read_number();
    char *text = read_items(1, &length);
    pst_status status = pst_normalizer_open((pst_normalization)kind, NULL, NULL, &normalizer, &err);
    if (!status) status = pst_normalizer_apply(normalizer, text, &normalized, &err);
    write_status(status, &err);
    if (!status) write_items(normalized, 1, strlen(normalized));
    pst_free(normalized);
    pst_normalizer_free(normalizer);
    free(text);
}

static void score(void) {
    pst_error err;
    pst_word_counts counts = {0};
    uint32_t length, with_normalize = read_number();
    char *reference = read_items(1, &length), *hypothesis = read_items(1, &length);
    pst_status status = pst_score_words(reference, hypothesis, (int)with_normalize, &counts, &err);
    write_status(status, &err);
    uint64_t numbers[4] = {counts.substitutions, counts.deletions, counts.insertions, counts.hits};
    if (!status) fwrite(numbers, sizeof *numbers, 4, stdout);
    free(reference);
    free(hypothesis);
}

static void align(void) {
    pst_error err;
    pst_alignment alignment;
    uint32_t length;
    char *reference = read_items(1, &length), *hypothesis = read_items(1, &length);
    pst_status status = pst_eval_align(NULL, reference, hypothesis, &alignment, &err);
    write_status(status, &err);
    if (!status) {
        char *letters = malloc(alignment.edit_count + 1);
        for (size_t i = 0; i < alignment.edit_count; i++)
            letters[i] = "=sdi"[alignment.edits[i].kind];
        write_items(letters, 1, (uint32_t)alignment.edit_count);
        uint64_t numbers[2] = {alignment.characters, alignment.character_errors};
        fwrite(numbers, sizeof *numbers, 2, stdout);
        free(letters);
    }
    pst_alignment_free(&alignment);
    free(reference);
    free(hypothesis);
}

/* The triples are read in any case, so that the next request begins where it should. */
static void match(void) {
    pst_error err;
    uint32_t length, count = read_number();
    pst_alignment *sides[2] = {calloc(count + 1, sizeof **sides),
                               calloc(count + 1, sizeof **sides)};
    pst_status status = PST_OK;
    for (uint32_t i = 0; i < count; i++) {
        char *reference = read_items(1, &length);
        for (int side = 0; side < 2; side++) {
            char *hypothesis = read_items(1, &length);
            if (!status)
                status = pst_eval_align(NULL, reference, hypothesis, &sides[side][i], &err);
            free(hypothesis);
        }
        free(reference);
    }
    pst_eval_matched matched = {0};
    if (!status) status = pst_eval_matched_pairs(sides[0], sides[1], count, &matched, &err);
    write_status(status, &err);
    double numbers[4] = {(double)matched.segments, matched.mean, matched.z, matched.p};
    if (!status) fwrite(numbers, sizeof *numbers, 4, stdout);
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < count; i++) pst_alignment_free(&sides[side][i]);
        free(sides[side]);
    }
}

static void bootstrap(void) {
    static const pst_eval_ratio ratios[2] = {
        {.over = 0, .under = 1},
        {.over = 0, .under = 1, .minus = 1, .minus_over = 2, .minus_under = 3}};
    pst_error err;
    pst_eval_interval intervals[2];
    uint32_t samples = read_number(), units = read_number(), columns = read_number(), count;
    double *values = read_items(sizeof *values, &count);
    pst_status status =
        pst_eval_bootstrap(values, units, columns, ratios, 2, samples, 1, intervals, &err);
    write_status(status, &err);
    for (int i = 0; !status && i < 2; i++) {
        double numbers[4] = {intervals[i].value, intervals[i].low, intervals[i].high,
                             intervals[i].p};
        fwrite(numbers, sizeof *numbers, 4, stdout);
    }
    free(values);
}

int main(void) {
    for (int kind; (kind = getchar()) != EOF; fflush(stdout)) {
        if (kind == 'N') normalize();
        if (kind == 'W') normalize_by_kind();
        if (kind == 'S') score();
        if (kind == 'A') align();
        if (kind == 'M') match();
        if (kind == 'B') bootstrap();
    }
    return 0;
}
