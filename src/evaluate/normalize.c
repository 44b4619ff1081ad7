/* normalize.c - see normalize.h. */
#include "evaluate/normalize.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/utf8.h"

/* Letters and numbers that Unicode 15.0 to 18.0 added, in order: unassigned for Python 3.11, and so
 * no \w. tests/oracle/test_score.py compares every code point with the Python that runs it. */
static const int32_t NEWER[][2] = {
    {0x0558, 0x0558},   {0x058B, 0x058C},   {0x088F, 0x088F},   {0x0C5C, 0x0C5C},
    {0x0CDC, 0x0CDC},   {0x1C89, 0x1C8A},   {0x208F, 0x208F},   {0x209D, 0x209F},
    {0xA7CB, 0xA7CF},   {0xA7D2, 0xA7D2},   {0xA7D4, 0xA7D4},   {0xA7DA, 0xA7DD},
    {0xA7E2, 0xA7E2},   {0xA7F1, 0xA7F1},   {0xAB6C, 0xAB6D},   {0x105C0, 0x105F3},
    {0x107BB, 0x107BF}, {0x10940, 0x10959}, {0x10D40, 0x10D65}, {0x10D6F, 0x10D85},
    {0x10EC2, 0x10EC7}, {0x10ED9, 0x10EEE}, {0x1123F, 0x11240}, {0x11380, 0x11389},
    {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7},
    {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x116D0, 0x116E3}, {0x11B0A, 0x11B0A},
    {0x11BC0, 0x11BE0}, {0x11BF0, 0x11BF9}, {0x11DB0, 0x11DDB}, {0x11DE0, 0x11DE9},
    {0x11DF1, 0x11DF1}, {0x11F02, 0x11F02}, {0x11F04, 0x11F10}, {0x11F12, 0x11F33},
    {0x11F50, 0x11F59}, {0x1246F, 0x1246F}, {0x12475, 0x1247F}, {0x12550, 0x12686},
    {0x1342F, 0x1342F}, {0x13441, 0x13446}, {0x13460, 0x143FA}, {0x16100, 0x1611D},
    {0x16130, 0x16139}, {0x16D40, 0x16D6C}, {0x16D70, 0x16D79}, {0x16EA0, 0x16EB8},
    {0x16EBB, 0x16ED3}, {0x16FF2, 0x16FF6}, {0x187F8, 0x187FF}, {0x18CD6, 0x18CDA},
    {0x18CFF, 0x18CFF}, {0x18D09, 0x18D20}, {0x18D80, 0x18DF2}, {0x18E00, 0x19191},
    {0x191A0, 0x191D2}, {0x1B123, 0x1B128}, {0x1B132, 0x1B132}, {0x1B155, 0x1B155},
    {0x1B168, 0x1B168}, {0x1CCF0, 0x1CCF9}, {0x1D2C0, 0x1D2D3}, {0x1D6A6, 0x1D6A6},
    {0x1DF1F, 0x1DF81}, {0x1DF90, 0x1DF96}, {0x1DFCD, 0x1DFFF}, {0x1E030, 0x1E06D},
    {0x1E4D0, 0x1E4EB}, {0x1E4F0, 0x1E4F9}, {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5FA},
    {0x1E6C0, 0x1E6DE}, {0x1E6E0, 0x1E6E2}, {0x1E6E4, 0x1E6E5}, {0x1E6E7, 0x1E6ED},
    {0x1E6F0, 0x1E6F4}, {0x1E6FE, 0x1E6FF}, {0x2B739, 0x2B73F}, {0x2B81E, 0x2B81E},
    {0x2CEA2, 0x2CEAD}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x33479}, {0x3D000, 0x3FC3F},
};

int text_is_space(int32_t code_point) {
    return (code_point >= 0x09 && code_point <= 0x0D) ||
           (code_point >= 0x1C && code_point <= 0x20) || code_point == 0x85 || code_point == 0xA0 ||
           code_point == 0x1680 || (code_point >= 0x2000 && code_point <= 0x200A) ||
           code_point == 0x2028 || code_point == 0x2029 || code_point == 0x202F ||
           code_point == 0x205F || code_point == 0x3000;
}

static int is_newer(int32_t code_point) {
    size_t low = 0, high = sizeof NEWER / sizeof *NEWER;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (NEWER[middle][1] < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof NEWER / sizeof *NEWER && NEWER[low][0] <= code_point;
}

/* Python's \w: str.isalnum() or "_". Combining marks are not, unlike in other engines. */
static int is_word(int32_t code_point) {
    switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return code_point < 0x80 || !is_newer(code_point);
    default: return code_point == '_';
    }
}

/* The kept characters as code points; *kept [*count] is malloc'ed. */
static pst_status keep(const char *text, size_t length, int32_t **kept, size_t *count,
                       pst_error *err) {
    size_t valid = utf8_valid_length(text, length);
    if (valid < length)
        return error_set(err, PST_ERR_INPUT, "text is not UTF-8 at byte %zu", valid);
    *kept = length < SIZE_MAX / sizeof **kept ? malloc((length + 1) * sizeof **kept) : NULL;
    if (!*kept) return error_memory(err, length);
    *count = 0;
    for (size_t at = 0; at < length;) {
        utf8proc_int32_t code_point;
        at += (size_t)utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                       (utf8proc_ssize_t)(length - at), &code_point);
        if (is_word(code_point) || text_is_space(code_point)) (*kept)[(*count)++] = code_point;
    }
    return PST_OK;
}

/* Unicode's Cased, of characters that were kept and are not modifier letters: the three cases of
 * letters, the ordinal indicators and the Roman numerals. */
static int is_cased(int32_t code_point) {
    utf8proc_category_t category = utf8proc_category(code_point);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT || code_point == 0xAA || code_point == 0xBA ||
           (code_point >= 0x2160 && code_point <= 0x217F);
}

/* Unicode's Case_Ignorable, of characters that were kept: marks and punctuation are gone. */
static int is_ignorable(int32_t code_point) {
    return utf8proc_category(code_point) == UTF8PROC_CATEGORY_LM;
}

/* Does the sigma at `at` end a word: a cased letter before it and none after, ignorables aside? */
static int is_final(const int32_t *kept, size_t count, size_t at) {
    size_t before = at, after = at + 1;
    while (before > 0 && is_ignorable(kept[before - 1])) before--;
    if (before == 0 || !is_cased(kept[before - 1])) return 0;
    while (after < count && is_ignorable(kept[after])) after++;
    return after == count || !is_cased(kept[after]);
}

static void append(struct buffer *text, int32_t code_point) {
    utf8proc_uint8_t bytes[4];
    buffer_append(text, bytes, (size_t)utf8proc_encode_char(code_point, bytes));
}

static void append_lower(struct buffer *text, const int32_t *kept, size_t count, size_t at) {
    if (kept[at] == 0x130) { /* capital I with dot: the one letter that lowers to two */
        append(text, 'i');
        append(text, 0x307);
    } else if (kept[at] == 0x3A3) {
        append(text, is_final(kept, count, at) ? 0x3C2 : 0x3C3);
    } else {
        append(text, utf8proc_tolower(kept[at]));
    }
}

pst_status normalize_text(struct buffer *normalized, const char *text, size_t length,
                          pst_error *err) {
    int32_t *kept = NULL;
    size_t count = 0;
    pst_status status = keep(text, length, &kept, &count, err);
    if (status) return status;
    size_t start = 0, end = count;
    while (start < end && text_is_space(kept[start])) start++;
    while (end > start && text_is_space(kept[end - 1])) end--;
    buffer_append(normalized, "", 0); /* the empty text is a text too */
    for (size_t at = start; at < end; at++) append_lower(normalized, kept, count, at);
    free(kept);
    return normalized->failed ? error_memory(err, 0) : PST_OK;
}
