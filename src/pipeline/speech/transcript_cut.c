/* transcript_cut.c - see transcript_cut.h. */
#include "pipeline/speech/transcript_cut.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/speech/repeats.h"
#include "pipeline/word_confidence.h"
#include "pipeline/word_spans.h"

/* Tokens of the words that stay. A token with parts of two words stays with the first of them. */
static void cut_tokens(pst_transcript *transcript, const struct word_span *spans, size_t first,
                       size_t end) {
    int32_t *tokens = transcript->tokens;
    size_t count = transcript->token_count, from = 1, to = count;
    int has_end = !transcript->truncated && count > 1;
    if (first > 0 && first < transcript->word_count)
        from = spans[first].first_token + (spans[first].into_first > 0);
    if (end < transcript->word_count)
        to = end ? spans[end - 1].first_token + spans[end - 1].tokens : 1;
    if (first >= end) from = to = 1;
    if (to < from) to = from;
    int32_t last = tokens[count - 1];
    memmove(tokens + 1, tokens + from, (to - from) * sizeof *tokens);
    transcript->token_count = 1 + to - from;
    if (has_end && to < count) tokens[transcript->token_count++] = last;
}

static void cut_words(pst_transcript *transcript, size_t first, size_t end) {
    pst_word *words = transcript->words;
    size_t begin = first < end ? words[first].offset : 0, length = 0;
    if (first < end) length = words[end - 1].offset + strlen(words[end - 1].text) - begin;
    memmove(transcript->text, transcript->text + begin, length);
    transcript->text[length] = '\0';
    transcript->word_count = first < end ? end - first : 0;
    memmove(words, words + first, transcript->word_count * sizeof *words);
    for (size_t i = 0; i < transcript->word_count; i++) words[i].offset -= begin;
}

pst_status transcript_cut(const struct tokenizer *tokenizer, pst_transcript *transcript,
                          size_t first, size_t end, pst_error *err) {
    struct word_span *spans;
    size_t count;
    if (first == 0 && end == transcript->word_count) return PST_OK;
    pst_status status = word_spans_find(tokenizer, transcript, &spans, &count, err);
    if (status) return status;
    cut_tokens(transcript, spans, first, end);
    cut_words(transcript, first, end);
    free(spans);
    transcript->confidence = text_confidence(transcript->words, transcript->word_count);
    transcript->compression_ratio = repeats_ratio(transcript->text);
    return PST_OK;
}

void transcript_drop_words(pst_transcript *transcript) {
    free(transcript->words);
    transcript->words = NULL;
    transcript->word_count = 0;
    transcript->confidence = NAN;
}
