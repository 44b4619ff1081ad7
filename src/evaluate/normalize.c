/* normalize.c - see normalize.h. */
#include "evaluate/normalize.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/error.h"
#include "evaluate/lower.h"

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
int text_is_word(int32_t code_point) {
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

pst_status normalize_text(struct buffer *normalized, const char *text, size_t length,
                          pst_error *err) {
    int32_t *points = NULL;
    size_t count = 0, kept = 0, start = 0;
    pst_status status = text_points(text, length, &points, &count, err);
    if (status) return status;
    for (size_t i = 0; i < count; i++)
        if (text_is_word(points[i]) || text_is_space(points[i])) points[kept++] = points[i];
    while (start < kept && text_is_space(points[start])) start++;
    while (kept > start && text_is_space(points[kept - 1])) kept--;
    buffer_append(normalized, "", 0); /* the empty text is a text too */
    /* What stood at the ends is no letter, so the sigma of the last word is as it would be. */
    text_append_lower(normalized, points + start, kept - start);
    free(points);
    return normalized->failed ? error_memory(err, 0) : PST_OK;
}
