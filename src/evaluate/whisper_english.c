/* whisper_english.c - see whisper_english.h.
 *
 * A row of passes, each from one text to the next, in the order of the original: what a pass does
 * not expect of the one before, such as a stop behind a stop, comes out as it does there. */
#include "evaluate/whisper_english.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "evaluate/british_words.h"
#include "evaluate/english_figures.h"
#include "evaluate/lower.h"
#include "evaluate/text_pass.h"
#include "evaluate/whisper_basic.h"

/* ---------------------------------------------------------------------------------------- words */

struct replacement {
    const char *from, *to;
};

static const struct replacement SOUNDS[] = {{"hmm", ""}, {"mm", ""}, {"mhm", ""},
                                            {"mmm", ""}, {"uh", ""}, {"um", ""}};

/* Contractions and titles, in this order: a later one meets what an earlier one has written. */
static const struct replacement WORDS[] = {{"won't", "will not"},
                                           {"can't", "can not"},
                                           {"let's", "let us"},
                                           {"ain't", "aint"},
                                           {"y'all", "you all"},
                                           {"wanna", "want to"},
                                           {"kinda", "kind of"},
                                           {"sorta", "sort of"},
                                           {"dunno", "do not know"},
                                           {"gotta", "got to"},
                                           {"gonna", "going to"},
                                           {"i'ma", "i am going to"},
                                           {"imma", "i am going to"},
                                           {"woulda", "would have"},
                                           {"coulda", "could have"},
                                           {"shoulda", "should have"},
                                           {"cause", "because"},
                                           {"ma'am", "madam"},
                                           {"mr", "mister "},
                                           {"mrs", "missus "},
                                           {"st", "saint "},
                                           {"dr", "doctor "},
                                           {"prof", "professor "},
                                           {"capt", "captain "},
                                           {"gov", "governor "},
                                           {"ald", "alderman "},
                                           {"gen", "general "},
                                           {"sen", "senator "},
                                           {"rep", "representative "},
                                           {"pres", "president "},
                                           {"rev", "reverend "},
                                           {"hon", "honorable "},
                                           {"asst", "assistant "},
                                           {"assoc", "associate "},
                                           {"lt", "lieutenant "},
                                           {"col", "colonel "},
                                           {"jr", "junior "},
                                           {"sr", "senior "},
                                           {"esq", "esquire "},
                                           {"'d been", " had been"},
                                           {"'s been", " has been"},
                                           {"'d gone", " had gone"},
                                           {"'s gone", " has gone"},
                                           {"'d done", " had done"},
                                           {"'s got", " has got"},
                                           {"n't", " not"},
                                           {"'re", " are"},
                                           {"'s", " is"},
                                           {"'d", " would"},
                                           {"'ll", " will"},
                                           {"'t", " not"},
                                           {"'ve", " have"},
                                           {"'m", " am"}};

enum { SOUND_COUNT = sizeof SOUNDS / sizeof *SOUNDS, WORD_COUNT = sizeof WORDS / sizeof *WORDS };

/* All of them that end a word, and begin one unless they begin inside of it: "n't", "'s". */
static void replace(struct buffer *text, struct buffer *scratch, const struct replacement *rule) {
    size_t size = strlen(rule->from), done = 0;
    int inside = rule->from[0] == '\'' || strcmp(rule->from, "n't") == 0;
    const char *found = strstr(text->data, rule->from);
    if (!found) return;
    while (found) {
        size_t at = (size_t)(found - text->data), end = at + size;
        int whole = !text_is_word_at(text->data, text->length, end) &&
                    (inside || !text_is_word_before(text->data, text->length, at));
        buffer_append(scratch, text->data + done, (whole ? at : at + 1) - done);
        if (whole) buffer_text(scratch, rule->to);
        done = whole ? end : at + 1;
        found = strstr(text->data + done, rule->from);
    }
    buffer_append(scratch, text->data + done, text->length - done);
    text_swap(text, scratch);
}

/* White space before an apostrophe goes. */
static void join_apostrophes(struct buffer *text, struct buffer *scratch) {
    for (size_t at = 0, bytes; at < text->length;) {
        size_t end = text_space_end(text->data, text->length, at);
        if (end > at && text->data[end] != '\'') buffer_append(scratch, text->data + at, end - at);
        if (end == at) {
            text_point_at(text->data, text->length, at, &bytes);
            buffer_append(scratch, text->data + at, bytes);
            end += bytes;
        }
        at = end;
    }
    text_swap(text, scratch);
}

/* ---------------------------------------------------------------------------------- punctuation */

static int is_decimal(int32_t point) {
    return utf8proc_category(point) == UTF8PROC_CATEGORY_ND;
}

/* A comma between digits goes; the second of them is not the first of another pair. */
static void join_thousands(struct buffer *text, struct buffer *scratch) {
    for (size_t at = 0, bytes, more; at < text->length;) {
        int digit = is_decimal(text_point_at(text->data, text->length, at, &bytes));
        size_t comma = at + bytes;
        buffer_append(scratch, text->data + at, bytes);
        at = comma;
        if (!digit || comma >= text->length || text->data[comma] != ',') continue;
        if (!is_decimal(text_point_at(text->data, text->length, comma + 1, &more)) || !more)
            continue;
        buffer_append(scratch, text->data + comma + 1, more);
        at = comma + 1 + more;
    }
    text_swap(text, scratch);
}

/* Symbols of `set` become a space unless a digit follows; what follows is passed over with them. At
 * the end they do if `at_end`. */
static void clear_before(struct buffer *text, struct buffer *scratch, const char *set, int at_end) {
    for (size_t at = 0, bytes; at < text->length;) {
        size_t symbol = text_symbol_at(text, at, set), next = at + symbol;
        if (symbol && next < text->length && text_is_digit(text->data[next])) {
            buffer_append(scratch, text->data + at, symbol);
            at = next;
            continue;
        }
        text_point_at(text->data, text->length, next, &bytes);
        if (symbol && (bytes || at_end))
            buffer_append(scratch, " ", 1);
        else
            buffer_append(scratch, text->data + at, symbol);
        buffer_append(scratch, text->data + next, bytes);
        at = next + bytes;
    }
    text_swap(text, scratch);
}

/* A % becomes a space unless it is behind a digit. */
static void clear_percent(struct buffer *text, struct buffer *scratch) {
    for (size_t at = 0, bytes; at < text->length;) {
        int digit = text_is_digit(text->data[at]);
        text_point_at(text->data, text->length, at, &bytes);
        buffer_append(scratch, text->data + at, bytes);
        at += bytes;
        if (digit || at >= text->length || text->data[at] != '%') continue;
        buffer_append(scratch, " ", 1);
        at++;
    }
    text_swap(text, scratch);
}

/* ----------------------------------------------------------------------------------- diacritics */

/* Letters that decomposition leaves whole. */
static const struct {
    int32_t point;
    const char *letters;
} WHOLE[] = {{0x153, "oe"}, {0x152, "OE"},  {0xF8, "o"},  {0xD8, "O"},  {0xE6, "ae"}, {0xC6, "AE"},
             {0xDF, "ss"},  {0x1E9E, "SS"}, {0x111, "d"}, {0x110, "D"}, {0xF0, "d"},  {0xD0, "D"},
             {0xFE, "th"},  {0xDE, "th"},   {0x142, "l"}, {0x141, "L"}};

static const char *letters_of(int32_t point) {
    for (size_t i = 0; i < sizeof WHOLE / sizeof *WHOLE; i++)
        if (WHOLE[i].point == point) return WHOLE[i].letters;
    return NULL;
}

static int is_kept(int32_t point) {
    return point == '.' || point == '%' || point == '$' || point == 0xA2 || point == 0x20AC ||
           point == 0xA3;
}

static void simplify(struct buffer *out, int32_t point) {
    const char *letters = letters_of(point);
    if (letters)
        buffer_text(out, letters);
    else if (!text_is_symbol(point) || is_kept(point))
        text_append_point(out, point);
    else if (utf8proc_category(point) != UTF8PROC_CATEGORY_MN)
        buffer_append(out, " ", 1);
}

/* Marks go, symbols and punctuation become spaces, but for those of numbers and money. */
static pst_status remove_symbols(struct buffer *text, struct buffer *scratch, pst_error *err) {
    int32_t *points = NULL;
    size_t count = 0;
    pst_status status = text_compatible(text, 0, &points, &count, err);
    if (status) return status;
    for (size_t i = 0; i < count; i++) simplify(scratch, points[i]);
    free(points);
    text_swap(text, scratch);
    return PST_OK;
}

/* ------------------------------------------------------------------------------------- spelling */

static void respell(struct buffer *text, struct buffer *scratch) {
    for (size_t at = 0; at < text->length;) {
        size_t bytes = strcspn(text->data + at, " ");
        const char *american = british_word_find(text->data + at, bytes);
        if (american)
            buffer_text(scratch, american);
        else
            buffer_append(scratch, text->data + at, bytes);
        at += bytes;
        if (at < text->length) buffer_append(scratch, text->data + at++, 1);
    }
    text_swap(text, scratch);
}

pst_status whisper_english(struct buffer *normalized, const char *text, size_t length,
                           pst_error *err) {
    struct buffer work = {0}, scratch = {0};
    pst_status status = whisper_lower_outside(&work, text, length, err);
    buffer_append(&scratch, "", 0);
    buffer_append(normalized, "", 0);
    if (!status && (work.failed || scratch.failed)) status = error_memory(err, length);
    if (!status) {
        for (size_t i = 0; i < SOUND_COUNT; i++) replace(&work, &scratch, &SOUNDS[i]);
        join_apostrophes(&work, &scratch);
        for (size_t i = 0; i < WORD_COUNT; i++) replace(&work, &scratch, &WORDS[i]);
        join_thousands(&work, &scratch);
        clear_before(&work, &scratch, ".", 1);
        status = remove_symbols(&work, &scratch, err);
    }
    if (!status) {
        english_figures(&work, &scratch);
        respell(&work, &scratch);
        clear_before(&work, &scratch, ".$\xC2\xA2\xE2\x82\xAC\xC2\xA3", 0);
        clear_percent(&work, &scratch);
        text_collapse(normalized, &work);
        if (work.failed || scratch.failed || normalized->failed) status = error_memory(err, length);
    }
    buffer_free(&work);
    buffer_free(&scratch);
    return status;
}
