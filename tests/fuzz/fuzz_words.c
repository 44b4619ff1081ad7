/* fuzz_words.c - two texts, divided by the first line end: every word is counted once. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "evaluate/words.h"
#include "potstill_tools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t word_count(const char *text) {
    struct word_list list;
    pst_error err;
    if (words_split(&list, text, strlen(text), &err)) abort();
    size_t count = list.count;
    words_free(&list);
    return count;
}

static void score(const char *reference, const char *hypothesis, int normalize) {
    pst_word_counts counts = {0};
    pst_error err;
    if (pst_score_words(reference, hypothesis, normalize, &counts, &err)) return;
    if (normalize) return;
    if (counts.substitutions + counts.deletions + counts.hits != word_count(reference)) abort();
    if (counts.substitutions + counts.insertions + counts.hits != word_count(hypothesis)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buffer text = {0};
    buffer_append(&text, data, size);
    if (text.failed) return 0;
    char *end = memchr(text.data, '\n', size);
    if (end) *end = '\0';
    const char *hypothesis = end ? end + 1 : "";
    score(text.data, hypothesis, 0);
    score(text.data, hypothesis, 1);
    score(text.data, hypothesis, PST_NORMALIZE_WHISPER_BASIC);
    score(text.data, hypothesis, PST_NORMALIZE_WHISPER_ENGLISH);
    char *normalized = NULL;
    if (pst_normalize_text(hypothesis, &normalized, NULL) == PST_OK) free(normalized);
    buffer_free(&text);
    return 0;
}
