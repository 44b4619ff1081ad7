/* english_figures.c - see english_figures.h. */
#include "evaluate/english_figures.h"

#include <string.h>

#include "evaluate/number_words.h"
#include "evaluate/text_pass.h"

/* -------------------------------------------------------------------------------------- numbers */

/* A part of a text between two "and a half", or after the last one. */
static void add_part(struct buffer *out, const char *part, size_t length, int last) {
    size_t end = length, begin;
    while (end > 0 && part[end - 1] == ' ') end--;
    if (end == 0) return;
    for (begin = end; begin > 0 && part[begin - 1] != ' ';) begin--;
    if (out->length) buffer_append(out, " ", 1);
    buffer_append(out, part, length);
    if (last) return;
    buffer_text(out, number_words_has(part + begin, end - begin) ? " point five" : " and a half");
}

/* "two and a half" is two point five; behind other words it stays, but nothing before it goes. */
static void replace_halves(struct buffer *text, struct buffer *scratch) {
    static const char half[] = "and a half";
    size_t size = sizeof half - 1, done = 0;
    const char *found = strstr(text->data, half);
    if (!found) return;
    while (found) {
        size_t at = (size_t)(found - text->data), from = at + 1;
        if (!text_is_word_before(text->data, text->length, at) &&
            !text_is_word_at(text->data, text->length, at + size)) {
            add_part(scratch, text->data + done, at - done, 0);
            done = from = at + size;
        }
        found = strstr(text->data + from, half);
    }
    add_part(scratch, text->data + done, text->length - done, 1);
    text_swap(text, scratch);
}

/* The length of "st", "nd", "rd", "th" or "s" at `at`, if a word ends with it. */
static size_t ending_at(const struct buffer *text, size_t at) {
    static const char *const endings[] = {"st", "nd", "rd", "th", "s"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t size = strlen(endings[i]);
        if (strncmp(text->data + at, endings[i], size) == 0 &&
            !text_is_word_at(text->data, text->length, at + size))
            return size;
    }
    return 0;
}

/* A space between figures and letters, but none before the ending of an ordinal. */
static void part_figures(struct buffer *text, struct buffer *scratch) {
    for (size_t at = 0; at < text->length; at++) {
        const char *here = text->data + at;
        if (at && ((text_is_small(here[-1]) && text_is_digit(*here)) ||
                   (text_is_digit(here[-1]) && text_is_small(*here))))
            buffer_append(scratch, " ", 1);
        buffer_append(scratch, here, 1);
    }
    text_swap(text, scratch);
    for (size_t at = 0; at < text->length; at++) {
        size_t space = at ? strspn(text->data + at, " ") : 0;
        if (space && text_is_digit(text->data[at - 1]) && ending_at(text, at + space)) at += space;
        buffer_append(scratch, text->data + at, 1);
    }
    text_swap(text, scratch);
}

/* ---------------------------------------------------------------------------------------- money */

/* One or two figures at `at` that no letter or figure follows: how many; 0: none. */
static size_t cents_at(const struct buffer *text, size_t at) {
    for (size_t size = 2; size > 0; size--) {
        size_t figures = 0;
        while (figures < size && at + figures < text->length &&
               text_is_digit(text->data[at + figures]))
            figures++;
        if (figures == size && !text_is_word_at(text->data, text->length, at + size)) return size;
    }
    return 0;
}

/* "$2 and ¢7" is $2.07. Bytes used at `at`; 0: it is something else. */
static size_t join_cents(const struct buffer *text, size_t at, struct buffer *out) {
    size_t symbol = text_symbol_at(text, at, "\xE2\x82\xAC\xC2\xA3$"), whole = at + symbol;
    if (!symbol) return 0;
    size_t end = whole + strspn(text->data + whole, "0123456789"), cents = end + 1;
    if (end == whole || text->data[end] != ' ') return 0;
    if (strncmp(text->data + cents, "and ", 4) == 0) cents += 4;
    if (strncmp(text->data + cents, "\xC2\xA2", 2) != 0) return 0;
    cents += 2;
    size_t size = cents_at(text, cents);
    if (!size) return 0;
    buffer_append(out, text->data + at, end - at);
    buffer_text(out, size == 1 ? ".0" : ".");
    buffer_append(out, text->data + cents, size);
    return cents + size - at;
}

/* "$0.07" is ¢7; what stands for the point may be anything. */
static size_t take_cents(const struct buffer *text, size_t at, struct buffer *out) {
    size_t symbol = text_symbol_at(text, at, "\xE2\x82\xAC\xC2\xA3$"), point;
    if (!symbol || text->data[at + symbol] != '0') return 0;
    text_point_at(text->data, text->length, at + symbol + 1, &point);
    size_t cents = at + symbol + 1 + point, size = point ? cents_at(text, cents) : 0;
    if (!size) return 0;
    size_t zero = size == 2 && text->data[cents] == '0';
    buffer_text(out, "\xC2\xA2");
    buffer_append(out, text->data + cents + zero, size - zero);
    return cents + size - at;
}

/* A lone 1 is "one", and "1s" is "ones". */
static size_t spell_one(const struct buffer *text, size_t at, struct buffer *out) {
    const char *data = text->data;
    if (data[at] != '1' || text_is_word_before(data, text->length, at)) return 0;
    size_t size = data[at + 1] == 's' && !text_is_word_at(data, text->length, at + 2) ? 2 : 1;
    if (text_is_word_at(data, text->length, at + size)) return 0;
    buffer_text(out, size == 2 ? "ones" : "one");
    return size;
}

static void rewrite(struct buffer *text, struct buffer *scratch,
                    size_t (*take)(const struct buffer *, size_t, struct buffer *)) {
    for (size_t at = 0, bytes; at < text->length; at += bytes) {
        bytes = take(text, at, scratch);
        if (bytes) continue;
        text_point_at(text->data, text->length, at, &bytes);
        buffer_append(scratch, text->data + at, bytes);
    }
    text_swap(text, scratch);
}

void english_figures(struct buffer *text, struct buffer *scratch) {
    text_collapse(scratch, text);
    text_swap(text, scratch);
    replace_halves(text, scratch);
    part_figures(text, scratch);
    number_words(scratch, text->data);
    text_swap(text, scratch);
    rewrite(text, scratch, join_cents);
    rewrite(text, scratch, take_cents);
    rewrite(text, scratch, spell_one);
}
