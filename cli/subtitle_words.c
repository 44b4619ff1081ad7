/* subtitle_words.c - see subtitle_words.h.
 *
 * Where nobody has timed the words, those of a segment share its time by their widths: people
 * speak nearly as many letters in each second. */
#include "subtitle_words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

static int is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Characters of text [length]: bytes that do not go on with one. */
static size_t width_of(const char *text, size_t length) {
    size_t width = 0;
    for (size_t i = 0; i < length; i++) width += ((unsigned char)text[i] & 0xC0) != 0x80;
    return width;
}

/* Bytes of the first `width` characters of text [length]. */
static size_t bytes_of(const char *text, size_t length, size_t width) {
    size_t at = 0;
    while (at < length && (((unsigned char)text[at] & 0xC0) == 0x80 || width-- > 0)) at++;
    return at;
}

static void append(struct subtitles *s, const struct subtitle_word *word) {
    /* Twice the room whenever their number is a power of two. */
    if ((s->word_count & (s->word_count - 1)) == 0)
        s->words = need(realloc(s->words, (2 * s->word_count + 1) * sizeof *s->words));
    s->words[s->word_count++] = *word;
}

static void append_cut(struct subtitles *s, struct subtitle_word word, size_t width) {
    double rate = (word.end - word.start) / (double)word.width;
    while (width && word.width > width) {
        struct subtitle_word piece = word;
        piece.length = bytes_of(word.text, word.length, width);
        piece.width = width;
        piece.end = word.start + rate * (double)width;
        append(s, &piece);
        word.text += piece.length;
        word.length -= piece.length;
        word.width -= width;
        word.start = piece.end;
        word.space = 0;
    }
    append(s, &word);
}

/* The next word of a text from `*at` on, with its text and width; 0: there are no more. */
static int next_word(const char **at, struct subtitle_word *word) {
    const char *text = *at;
    while (is_space(*text)) text++;
    word->space = 1;
    word->text = text;
    while (*text && !is_space(*text)) text++;
    word->length = (size_t)(text - word->text);
    word->width = width_of(word->text, word->length);
    *at = text;
    return word->length > 0;
}

static void spread(struct subtitles *s, const pst_segment *segment, size_t number, size_t width) {
    const char *text = segment->transcript->text;
    struct subtitle_word word = {.segment = number};
    double total = 0, passed = 0, seconds = segment->end - segment->start;
    for (const char *at = text; next_word(&at, &word);) total += (double)word.width + 1;
    for (const char *at = text; next_word(&at, &word);) {
        word.start = segment->start + seconds * passed / total;
        passed += (double)word.width + 1;
        word.end = segment->start + seconds * passed / total;
        append_cut(s, word, width);
    }
}

static void add_timed(struct subtitles *s, const pst_transcript *transcript, size_t number,
                      size_t width) {
    size_t end = SIZE_MAX;
    for (size_t i = 0; i < transcript->word_count; i++) {
        const pst_word *timed = &transcript->words[i];
        size_t length = strlen(timed->text);
        append_cut(s,
                   (struct subtitle_word){.text = timed->text,
                                          .length = length,
                                          .width = width_of(timed->text, length),
                                          .start = timed->start,
                                          .end = timed->end,
                                          .segment = number,
                                          .space = timed->offset != end},
                   width);
        end = timed->offset + length;
    }
}

void subtitles_add_clip(struct subtitles *s, const pst_clip_result *clip, size_t width) {
    for (size_t i = 0; i < clip->segment_count; i++) {
        const pst_segment *segment = &clip->segments[i];
        if (segment->transcript->word_count)
            add_timed(s, segment->transcript, i, width);
        else
            spread(s, segment, i, width);
    }
}
