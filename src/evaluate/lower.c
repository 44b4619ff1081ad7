/* lower.c - see lower.h. */
#include "evaluate/lower.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/utf8.h"

pst_status text_points(const char *text, size_t length, int32_t **points, size_t *count,
                       pst_error *err) {
    size_t valid = utf8_valid_length(text, length);
    if (valid < length)
        return error_set(err, PST_ERR_INPUT, "text is not UTF-8 at byte %zu", valid);
    *points = length < SIZE_MAX / sizeof **points ? malloc((length + 1) * sizeof **points) : NULL;
    if (!*points) return error_memory(err, length);
    *count = 0;
    for (size_t at = 0; at < length;) {
        utf8proc_int32_t code_point;
        at += (size_t)utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                       (utf8proc_ssize_t)(length - at), &code_point);
        (*points)[(*count)++] = code_point;
    }
    return PST_OK;
}

void text_append_point(struct buffer *text, int32_t code_point) {
    utf8proc_uint8_t bytes[4];
    buffer_append(text, bytes, (size_t)utf8proc_encode_char(code_point, bytes));
}

/* Unicode's Cased, of characters that are not ignorable too: the three cases of letters, the
 * ordinal indicators, Roman numerals, letters in circles and squares. */
static int is_cased(int32_t code_point) {
    utf8proc_category_t category = utf8proc_category(code_point);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT || code_point == 0xAA || code_point == 0xBA ||
           (code_point >= 0x2160 && code_point <= 0x217F) ||
           (code_point >= 0x24B6 && code_point <= 0x24E9) ||
           (code_point >= 0x1F130 && code_point <= 0x1F149) ||
           (code_point >= 0x1F150 && code_point <= 0x1F169) ||
           (code_point >= 0x1F170 && code_point <= 0x1F189);
}

/* Unicode's Case_Ignorable: marks that take no room, formats, modifiers, and what stands in the
 * middle of words. */
static int is_ignorable(int32_t code_point) {
    static const int32_t MIDDLE[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,
                                     0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                     0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return 1;
    default: break;
    }
    for (size_t i = 0; i < sizeof MIDDLE / sizeof *MIDDLE; i++)
        if (MIDDLE[i] == code_point) return 1;
    return 0;
}

/* Does the sigma at `at` end a word: a cased letter before it and none after, ignorables aside? */
static int is_final(const int32_t *points, size_t count, size_t at) {
    size_t before = at, after = at + 1;
    while (before > 0 && is_ignorable(points[before - 1])) before--;
    if (before == 0 || !is_cased(points[before - 1])) return 0;
    while (after < count && is_ignorable(points[after])) after++;
    return after == count || !is_cased(points[after]);
}

void text_append_lower(struct buffer *text, const int32_t *points, size_t count) {
    for (size_t at = 0; at < count; at++) {
        if (points[at] == 0x130) { /* capital I with dot: the one letter that lowers to two */
            text_append_point(text, 'i');
            text_append_point(text, 0x307);
        } else if (points[at] == 0x3A3) {
            text_append_point(text, is_final(points, count, at) ? 0x3C2 : 0x3C3);
        } else {
            text_append_point(text, utf8proc_tolower(points[at]));
        }
    }
}
