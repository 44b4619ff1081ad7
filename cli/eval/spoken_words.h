/* spoken_words.h - when the words of a text were said, and which of them the alignment shows.
 *
 * A model times the words as it writes them: "Twenty-one," and "o'clock". Errors are counted by the
 * words that the normaliser makes of the text, and these are what a reader clicks on and sclite
 * compares. Where the two are not alike, a word has the time of what it was made of. */
#ifndef POTSTILL_CLI_SPOKEN_WORDS_H
#define POTSTILL_CLI_SPOKEN_WORDS_H

#include <stdio.h>

#include <jansson.h>

#include "potstill_tools.h"

/* Seconds from the beginning of the utterance; NAN: not known. */
struct time_span {
    double start, end;
};

/* The words of a text; all 0: no times are known. */
struct spoken_words {
    char **words;            /* [count] */
    struct time_span *spans; /* [count] */
    size_t count;
    int known;
};

/* Each fills empty ones; a text without words has times too, of none. */
void spoken_words_take(struct spoken_words *words, const pst_transcript *transcript);
/* From the "words" of a row: [word, start, end] or {"word", "start", "end"}, alone or in
 * "segments". Nothing of a row that has none, or has something else there. */
void spoken_words_read(struct spoken_words *words, const json_t *row);
/* As spoken_words_read() takes them: [["word", 0.52, 0.80]]. */
void spoken_words_print(FILE *out, const struct spoken_words *words);
void spoken_words_free(struct spoken_words *words);

/* Of each word that `alignment` has as heard, in its order; to be freed. NULL: no times are known,
 * or the words are none that the normaliser could have made the text of. */
struct time_span *spoken_words_align(const struct spoken_words *words,
                                     const pst_normalizer *normalizer,
                                     const pst_alignment *alignment);

#endif
