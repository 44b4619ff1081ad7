/* subtitle_breaks.c - see subtitle_breaks.h.
 *
 * Punctuation and pauses serve any language. The words are English; in another they are not found,
 * and every place without punctuation costs the same. The costs are an order, not measurements:
 * what guides of broadcasters name first costs least. */
#include "subtitle_breaks.h"

#include <string.h>
#include <strings.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* A clause or phrase begins with these: good to break before. */
static const char *const openers[] = {
    "and",    "or",   "but",   "nor",    "so",      "yet",   "because", "that",   "which",
    "who",    "whom", "whose", "when",   "where",   "while", "if",      "unless", "until",
    "though", "as",   "since", "before", "after",   "than",  "whether", "why",    "how",
    "what",   "then", "to",    "in",     "on",      "at",    "by",      "for",    "from",
    "with",   "into", "of",    "about",  "through", "over",  "under",   "between"};

/* These belong to the word after them: bad to break behind. */
static const char *const leaders[] = {
    "a",    "an",   "the",  "my",   "your", "his", "her",   "its",   "our",  "their", "this",
    "that", "to",   "of",   "in",   "on",   "at",  "by",    "for",   "from", "with",  "and",
    "or",   "but",  "very", "no",   "not",  "i",   "we",    "they",  "he",   "she",   "it",
    "is",   "are",  "was",  "were", "be",   "has", "have",  "had",   "will", "would", "can",
    "mr.",  "mrs.", "ms.",  "dr.",  "st.",  "if",  "could", "should"};

static int is_among(const struct subtitle_word *word, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == word->length && strncasecmp(list[i], word->text, word->length) == 0)
            return 1;
    return 0;
}

static int ends_with(const struct subtitle_word *word, const char *end) {
    size_t length = strlen(end);
    return word->length >= length && memcmp(word->text + word->length - length, end, length) == 0;
}

/* Marks that end the word, before closing quotes and brackets. */
static int ends_with_any(const struct subtitle_word *word, const char *const *marks, size_t count) {
    static const char *const closers[] = {"\"", "'", ")", "]", "\xe2\x80\x9d", "\xe2\x80\x99"};
    struct subtitle_word inner = *word;
    for (size_t i = 0; i < COUNT(closers); i++)
        if (ends_with(&inner, closers[i])) {
            inner.length -= strlen(closers[i]);
            break;
        }
    for (size_t i = 0; i < count; i++)
        if (ends_with(&inner, marks[i])) return 1;
    return 0;
}

int ends_sentence(const struct subtitle_word *word) {
    static const char *const marks[] = {
        ".", "!", "?", "\xe2\x80\xa6" /* ... */, "\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f"};
    return ends_with_any(word, marks, COUNT(marks)) && !is_among(word, leaders, COUNT(leaders));
}

static int ends_clause(const struct subtitle_word *word) {
    static const char *const marks[] = {
        ",", ";", ":", "-", "\xe2\x80\x94", "\xe3\x80\x81", "\xef\xbc\x8c"};
    return ends_with_any(word, marks, COUNT(marks));
}

double break_cost(const struct subtitle_word *before, const struct subtitle_word *after) {
    double pause = after->start - before->end, cost = 6;
    if (ends_sentence(before))
        cost = 0;
    else if (ends_clause(before))
        cost = 1.5;
    else if (is_among(before, leaders, COUNT(leaders)))
        cost = 10;
    else if (is_among(after, openers, COUNT(openers)))
        cost = 4;
    /* Speakers pause between phrases: 0.2 s is heard as a pause, 0.5 s as the end of something. */
    if (pause >= 0.5) return cost / 3;
    return pause >= 0.2 ? cost / 1.5 : cost;
}
