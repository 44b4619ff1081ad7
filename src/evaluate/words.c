/* words.c - see words.h. Words are numbered, and the numbers aligned. */
#include "evaluate/words.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/utf8.h"
#include "evaluate/align.h"
#include "evaluate/normalize.h"

/* -------------------------------------------------------------------------------------- split */

static pst_status append_word(struct word_list *list, const char *text, size_t length,
                              pst_error *err) {
    if (length == 0) return PST_OK;
    if (list->count == WORDS_LIMIT)
        return error_set(err, PST_ERR_INPUT, "text of more than %d words", WORDS_LIMIT);
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 32;
        struct word *words = realloc(list->words, capacity * sizeof *words);
        if (!words) return error_memory(err, capacity * sizeof *words);
        list->words = words;
        list->capacity = capacity;
    }
    list->words[list->count++] = (struct word){text, length};
    return PST_OK;
}

/* The run of white space at `at`: its end, and whether it divides words inside a text. */
static size_t skip_spaces(const char *text, size_t length, size_t at, int *divides) {
    size_t characters = 0;
    *divides = text[at] == ' ';
    while (at < length) {
        utf8proc_int32_t code_point;
        utf8proc_ssize_t taken = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                  (utf8proc_ssize_t)(length - at), &code_point);
        if (!text_is_space(code_point)) break;
        at += (size_t)taken;
        characters++;
    }
    *divides |= characters > 1;
    return at;
}

pst_status words_split(struct word_list *list, const char *text, size_t length, pst_error *err) {
    *list = (struct word_list){0};
    size_t valid = utf8_valid_length(text, length);
    if (valid < length)
        return error_set(err, PST_ERR_INPUT, "text is not UTF-8 at byte %zu", valid);
    size_t start = 0; /* of the word */
    pst_status status = PST_OK;
    for (size_t at = 0; at < length && !status;) {
        int divides;
        size_t end = skip_spaces(text, length, at, &divides);
        if (end == at) { /* a character of the word */
            for (at++; at < length && ((unsigned char)text[at] & 0xC0) == 0x80;) at++;
            continue;
        }
        if (at == 0 || end == length || divides) {
            status = append_word(list, text + start, at - start, err);
            start = end;
        }
        at = end;
    }
    if (!status) status = append_word(list, text + start, length - start, err);
    if (status) words_free(list);
    return status;
}

void words_free(struct word_list *list) {
    free(list->words);
    *list = (struct word_list){0};
}

/* ------------------------------------------------------------------------------------- number */

/* A word and its place in both lists put together. */
struct placed_word {
    struct word word;
    size_t place;
};

static int compare_words(const void *left, const void *right) {
    const struct word *a = left, *b = right; /* the first member of a placed_word */
    int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* numbers[place]: equal for equal words, from 0; returns how many there are. Sorting is fast enough
 * here, and no text makes it slow. */
static size_t number_words(struct placed_word *words, size_t count, uint32_t *numbers) {
    if (count == 0) return 0;
    qsort(words, count, sizeof *words, compare_words);
    uint32_t number = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && compare_words(&words[i - 1], &words[i]) != 0) number++;
        numbers[words[i].place] = number;
    }
    return (size_t)number + 1;
}

static pst_status align_numbers(struct placed_word *words, const struct word_list *reference,
                                const struct word_list *hypothesis, uint32_t *numbers,
                                uint8_t *path, size_t *path_count, pst_error *err) {
    size_t count = reference->count + hypothesis->count;
    for (size_t i = 0; i < count; i++) {
        int said = i < reference->count;
        words[i].word = said ? reference->words[i] : hypothesis->words[i - reference->count];
        words[i].place = i;
    }
    size_t kinds = number_words(words, count, numbers);
    return align_path(numbers, reference->count, numbers + reference->count, hypothesis->count,
                      kinds, path, path_count, err);
}

pst_status words_align(const struct word_list *reference, const struct word_list *hypothesis,
                       uint8_t **path, size_t *path_count, pst_error *err) {
    size_t count = reference->count + hypothesis->count;
    struct placed_word *words = malloc((count + 1) * sizeof *words);
    uint32_t *numbers = malloc((count + 1) * sizeof *numbers);
    *path = malloc(count + 1);
    pst_status status;
    if (words && numbers && *path)
        status = align_numbers(words, reference, hypothesis, numbers, *path, path_count, err);
    else
        status = error_memory(err, (count + 1) * (sizeof *words + sizeof *numbers));
    free(words);
    free(numbers);
    if (status) {
        free(*path);
        *path = NULL;
    }
    return status;
}
