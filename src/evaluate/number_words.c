/* number_words.c - see number_words.h.
 *
 * The idea to hold: words are read one by one into the number so far. A word either goes on with it
 * (it is added, scaled or written behind it) or ends it, and it is written out. Each kind of word
 * is a function that looks at the words beside it too. */
#include "evaluate/number_words.h"

#include <stdio.h>
#include <string.h>

#include "evaluate/number_value.h"

enum kind {
    WORD_OTHER,
    WORD_ZERO,
    WORD_ONES, /* 1 to 19 */
    WORD_ONES_END,
    WORD_TENS,
    WORD_TENS_END,
    WORD_POWER, /* its number is how many zeros */
    WORD_POWER_END,
    WORD_SIGN,     /* before a number */
    WORD_CURRENCY, /* behind one */
    WORD_PER,
    WORD_PERCENT,
    WORD_AND,
    WORD_TIMES, /* double, triple */
    WORD_POINT
};

struct meaning {
    enum kind kind;
    unsigned number;
    const char *mark; /* the end of an ordinal or a plural, a sign, a currency */
};

struct reader {
    struct buffer *out;
    size_t begin; /* of what was written here */
    struct number_value value;
    const char *prefix; /* of the number so far; NULL: none */
    size_t prefix_bytes;
    const char *before, *word, *after; /* NULL: none; each [its length] */
    size_t before_bytes, word_bytes, after_bytes;
    int skip; /* the word after is used up */
};

/* ------------------------------------------------------------------------------------- meanings */

static const char *const ONES[] = {"zero",    "one",     "two",       "three",    "four",
                                   "five",    "six",     "seven",     "eight",    "nine",
                                   "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                   "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
/* Those that are not made of the word and "th". */
static const char *const ORDINALS[] = {"zeroth", "first",  "second", "third", NULL, "fifth",  NULL,
                                       NULL,     "eighth", NULL,     NULL,    NULL, "twelfth"};
static const char *const TENS[] = {"twent",  "thirt", "fort", "fift", "sixt",
                                   "sevent", "eight", "ninet"}; /* and "y", "ies", "ieth" */
static const struct {
    const char *name;
    unsigned zeros;
} POWERS[] = {{"hundred", 2},     {"thousand", 3},     {"million", 6},      {"billion", 9},
              {"trillion", 12},   {"quadrillion", 15}, {"quintillion", 18}, {"sextillion", 21},
              {"septillion", 24}, {"octillion", 27},   {"nonillion", 30},   {"decillion", 33}};
static const struct {
    const char *name;
    struct meaning meaning;
} OTHERS[] = {{"o", {WORD_ZERO, 0, ""}},
              {"oh", {WORD_ZERO, 0, ""}},
              {"zero", {WORD_ZERO, 0, ""}},
              {"zeroth", {WORD_ONES_END, 0, "th"}},
              {"minus", {WORD_SIGN, 0, "-"}},
              {"negative", {WORD_SIGN, 0, "-"}},
              {"plus", {WORD_SIGN, 0, "+"}},
              {"positive", {WORD_SIGN, 0, "+"}},
              {"pound", {WORD_CURRENCY, 0, "\xC2\xA3"}},
              {"pounds", {WORD_CURRENCY, 0, "\xC2\xA3"}},
              {"euro", {WORD_CURRENCY, 0, "\xE2\x82\xAC"}},
              {"euros", {WORD_CURRENCY, 0, "\xE2\x82\xAC"}},
              {"dollar", {WORD_CURRENCY, 0, "$"}},
              {"dollars", {WORD_CURRENCY, 0, "$"}},
              {"cent", {WORD_CURRENCY, 0, "\xC2\xA2"}},
              {"cents", {WORD_CURRENCY, 0, "\xC2\xA2"}},
              {"per", {WORD_PER, 0, ""}},
              {"percent", {WORD_PERCENT, 0, "%"}},
              {"and", {WORD_AND, 0, ""}},
              {"double", {WORD_TIMES, 2, ""}},
              {"triple", {WORD_TIMES, 3, ""}},
              {"point", {WORD_POINT, 0, ""}}};

enum { ONES_COUNT = sizeof ONES / sizeof *ONES, TENS_COUNT = sizeof TENS / sizeof *TENS };
enum { POWER_COUNT = sizeof POWERS / sizeof *POWERS, OTHER_COUNT = sizeof OTHERS / sizeof *OTHERS };
enum { ORDINAL_COUNT = sizeof ORDINALS / sizeof *ORDINALS };

static int is(const char *word, size_t bytes, const char *name) {
    return word && strlen(name) == bytes && memcmp(word, name, bytes) == 0;
}

/* What the word has behind `stem`; NULL: it does not begin so. The end has at most 4 letters. */
static const char *end_after(const char *word, size_t bytes, const char *stem, char end[5]) {
    size_t length = strlen(stem);
    if (bytes < length || bytes - length > 4 || memcmp(word, stem, length) != 0) return NULL;
    memcpy(end, word + length, bytes - length);
    end[bytes - length] = '\0';
    return end;
}

static int find_ones(const char *word, size_t bytes, struct meaning *meaning) {
    char rest[5];
    for (unsigned i = 1; i < ONES_COUNT; i++) {
        const char *ordinal = i < ORDINAL_COUNT ? ORDINALS[i] : NULL;
        const char *end = end_after(word, bytes, ONES[i], rest);
        if (end && !*end)
            *meaning = (struct meaning){WORD_ONES, i, ""};
        else if (end && strcmp(end, i == 6 ? "es" : "s") == 0)
            *meaning = (struct meaning){WORD_ONES_END, i, "s"};
        else if (ordinal ? is(word, bytes, ordinal) : end && strcmp(end, "th") == 0)
            *meaning = (struct meaning){WORD_ONES_END, i,
                                        i == 1   ? "st"
                                        : i == 2 ? "nd"
                                        : i == 3 ? "rd"
                                                 : "th"};
        else
            continue;
        return 1;
    }
    return 0;
}

static int find_tens(const char *word, size_t bytes, struct meaning *meaning) {
    char rest[5];
    for (unsigned i = 0; i < TENS_COUNT; i++) {
        const char *end = end_after(word, bytes, TENS[i], rest);
        if (end && strcmp(end, "y") == 0)
            *meaning = (struct meaning){WORD_TENS, 20 + 10 * i, ""};
        else if (end && (strcmp(end, "ies") == 0 || strcmp(end, "ieth") == 0))
            *meaning = (struct meaning){WORD_TENS_END, 20 + 10 * i, end[2] == 's' ? "s" : "th"};
        else
            continue;
        return 1;
    }
    return 0;
}

static struct meaning meaning_of(const char *word, size_t bytes) {
    struct meaning meaning = {WORD_OTHER, 0, ""};
    char rest[5];
    if (!word || find_ones(word, bytes, &meaning) || find_tens(word, bytes, &meaning))
        return meaning;
    for (size_t i = 0; i < POWER_COUNT; i++) {
        const char *end = end_after(word, bytes, POWERS[i].name, rest);
        if (!end || (*end && strcmp(end, "s") != 0 && strcmp(end, "th") != 0)) continue;
        return (struct meaning){*end ? WORD_POWER_END : WORD_POWER, POWERS[i].zeros,
                                strcmp(end, "s") == 0 ? "s" : "th"};
    }
    for (size_t i = 0; i < OTHER_COUNT; i++)
        if (is(word, bytes, OTHERS[i].name)) return OTHERS[i].meaning;
    return meaning;
}

int number_words_has(const char *word, size_t length) {
    enum kind kind = meaning_of(word, length).kind;
    return kind == WORD_ZERO || kind == WORD_ONES || kind == WORD_TENS || kind == WORD_POWER;
}

static struct meaning before(const struct reader *reader) {
    return meaning_of(reader->before, reader->before_bytes);
}

static struct meaning after(const struct reader *reader) {
    return meaning_of(reader->after, reader->after_bytes);
}

static int number_is_after(const struct reader *reader) {
    return reader->after && number_is_read(reader->after, reader->after_bytes);
}

/* -------------------------------------------------------------------------------------- writing */

static void write(struct reader *reader, const char *text, size_t bytes, const char *mark) {
    if (reader->out->length > reader->begin) buffer_append(reader->out, " ", 1);
    if (reader->prefix) buffer_append(reader->out, reader->prefix, reader->prefix_bytes);
    buffer_append(reader->out, text, bytes);
    buffer_text(reader->out, mark);
    reader->prefix = NULL;
}

static void write_word(struct reader *reader) {
    write(reader, reader->word, reader->word_bytes, "");
}

static int has_number(const struct reader *reader) {
    return reader->value.kind != NUMBER_NONE;
}

/* The number so far, if there is one, and what stands behind it. */
static void write_number(struct reader *reader, const char *mark) {
    if (has_number(reader))
        write(reader, reader->value.digits.data ? reader->value.digits.data : "",
              reader->value.digits.length, mark);
    number_clear(&reader->value);
}

static void set_prefix(struct reader *reader, const char *prefix, size_t bytes) {
    reader->prefix = prefix;
    reader->prefix_bytes = bytes;
}

/* ------------------------------------------------------------------------------- kinds of words */

static void read_zero(struct reader *reader) {
    number_write(&reader->value, "0", 1);
}

static void write_figures(struct number_value *value, unsigned number) {
    char figures[16];
    snprintf(figures, sizeof figures, "%u", number);
    number_write(value, figures, 0);
}

/* 1 to 19: into the zeros at the end of the number, else behind it. */
static void read_ones(struct reader *reader, unsigned number) {
    struct number_value *value = &reader->value;
    enum kind last = before(reader).kind;
    if (value->kind == NUMBER_NONE) {
        number_set(value, number);
    } else if (value->kind == NUMBER_TEXT || last == WORD_ONES) {
        if (last == WORD_TENS && number < 10) number_drop_last(value);
        write_figures(value, number);
    } else if (number_ends_in_zeros(value, number < 10 ? 1 : 2)) {
        number_add(value, number);
    } else {
        write_figures(value, number);
    }
}

static void read_tens(struct reader *reader, unsigned number) {
    struct number_value *value = &reader->value;
    if (value->kind == NUMBER_NONE)
        number_set(value, number);
    else if (number_ends_in_zeros(value, 2))
        number_add(value, number);
    else
        write_figures(value, number);
}

static void read_power(struct reader *reader, unsigned zeros) {
    struct number_value *value = &reader->value;
    if (value->kind == NUMBER_NONE) {
        number_set_power(value, zeros);
    } else if (value->kind == NUMBER_WHOLE) {
        number_scale_end(value, zeros);
    } else if (!number_scale(value, zeros)) {
        write_number(reader, "");
        number_set_power(value, zeros);
    }
}

/* "minus", "plus": of a number that follows. */
static void read_sign(struct reader *reader, const char *sign) {
    write_number(reader, "");
    if (after(reader).kind != WORD_OTHER || number_is_after(reader))
        set_prefix(reader, sign, strlen(sign));
    else
        write_word(reader);
}

static void read_currency(struct reader *reader, const char *currency) {
    if (!has_number(reader)) {
        write_word(reader);
        return;
    }
    set_prefix(reader, currency, strlen(currency));
    write_number(reader, "");
}

static void read_per(struct reader *reader) {
    if (has_number(reader) && is(reader->after, reader->after_bytes, "cent")) {
        write_number(reader, "%");
        reader->skip = 1;
        return;
    }
    write_number(reader, "");
    write_word(reader);
}

static void end_and_write(struct reader *reader) {
    write_number(reader, "");
    write_word(reader);
}

static void read_times(struct reader *reader, unsigned times) {
    struct meaning next = after(reader);
    if (next.kind != WORD_ONES && next.kind != WORD_ZERO) {
        end_and_write(reader);
        return;
    }
    number_write(&reader->value, "", 1);
    for (unsigned i = 0; i < times; i++) write_figures(&reader->value, next.number);
    reader->skip = 1;
}

/* Words that mean something only where a number can follow. */
static void read_special(struct reader *reader, const struct meaning *meaning) {
    struct meaning next = after(reader);
    if (next.kind == WORD_OTHER && !number_is_after(reader)) {
        end_and_write(reader);
    } else if (meaning->kind == WORD_TIMES) {
        read_times(reader, meaning->number);
    } else if (meaning->kind == WORD_AND) {
        if (before(reader).kind != WORD_POWER) end_and_write(reader);
    } else if (next.kind == WORD_ONES || next.kind == WORD_TENS || next.kind == WORD_ZERO ||
               number_is_after(reader)) {
        number_write(&reader->value, ".", 1);
    }
}

/* Figures, with a sign or currency before them perhaps. 0: the word is something else. */
static int read_figures(struct reader *reader) {
    static const char *const prefixes[] = {"-", "+", "$", "\xC2\xA3", "\xE2\x82\xAC", "\xC2\xA2"};
    struct number_value *value = &reader->value;
    size_t skipped = 0;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(reader->word, prefixes[i], strlen(prefixes[i])) == 0)
            skipped = strlen(prefixes[i]);
    if (!number_is_read(reader->word + skipped, reader->word_bytes - skipped)) return 0;
    size_t length = value->digits.length;
    if (value->kind == NUMBER_TEXT && length && value->digits.data[length - 1] == '.') {
        buffer_append(&value->digits, reader->word, reader->word_bytes);
        return 1;
    }
    write_number(reader, "");
    if (skipped) set_prefix(reader, reader->word, skipped);
    number_read(value, reader->word + skipped, reader->word_bytes - skipped);
    return 1;
}

static void read_word(struct reader *reader) {
    struct meaning meaning = meaning_of(reader->word, reader->word_bytes);
    if (read_figures(reader)) return;
    switch (meaning.kind) {
    case WORD_OTHER: end_and_write(reader); break;
    case WORD_ZERO: read_zero(reader); break;
    case WORD_ONES: read_ones(reader, meaning.number); break;
    case WORD_ONES_END:
        if (has_number(reader))
            read_ones(reader, meaning.number);
        else
            number_set(&reader->value, meaning.number);
        write_number(reader, meaning.mark);
        break;
    case WORD_TENS: read_tens(reader, meaning.number); break;
    case WORD_TENS_END:
        read_tens(reader, meaning.number);
        write_number(reader, meaning.mark);
        break;
    case WORD_POWER: read_power(reader, meaning.number); break;
    case WORD_POWER_END:
        read_power(reader, meaning.number);
        write_number(reader, meaning.mark);
        break;
    case WORD_SIGN: read_sign(reader, meaning.mark); break;
    case WORD_CURRENCY: read_currency(reader, meaning.mark); break;
    case WORD_PER: read_per(reader); break;
    case WORD_PERCENT:
        if (has_number(reader))
            write_number(reader, meaning.mark);
        else
            write_word(reader);
        break;
    case WORD_AND:
    case WORD_TIMES:
    case WORD_POINT: read_special(reader, &meaning); break;
    }
}

/* ------------------------------------------------------------------------------------ the words */

static const char *next_word(const char *text, size_t *bytes) {
    text += strspn(text, " ");
    *bytes = strcspn(text, " ");
    return *bytes ? text : NULL;
}

void number_words(struct buffer *out, const char *text) {
    struct reader reader = {.out = out, .begin = out->length};
    number_clear(&reader.value);
    reader.after = next_word(text, &reader.after_bytes);
    while (reader.after) {
        reader.before = reader.word;
        reader.before_bytes = reader.word_bytes;
        reader.word = reader.after;
        reader.word_bytes = reader.after_bytes;
        reader.after = next_word(reader.word + reader.word_bytes, &reader.after_bytes);
        if (!reader.skip)
            read_word(&reader);
        else
            reader.skip = 0;
    }
    write_number(&reader, "");
    out->failed |= reader.value.digits.failed;
    number_free(&reader.value);
}
