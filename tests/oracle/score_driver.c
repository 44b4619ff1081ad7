/* score_driver.c - normalises and scores what test_score.py sends, until stdin ends.
 *
 *     'N', text                               -> status, text
 *     'S', normalize, reference, hypothesis   -> status, 4 counts of 64 bits: S, D, I, H */
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

int main(void) {
    for (int kind; (kind = getchar()) != EOF; fflush(stdout)) {
        if (kind == 'N') normalize();
        if (kind == 'S') score();
    }
    return 0;
}
