/* whisper_basic.c - see whisper_basic.h. */
#include "evaluate/whisper_basic.h"

#include <stdlib.h>

#include "base/error.h"
#include "evaluate/lower.h"
#include "evaluate/text_pass.h"

/* Where what begins at `at` ends: behind its bracket; `at`: it does not. "<" and "[" end with
 * either of theirs; "(" needs something in it. */
static size_t bracket_end(const int32_t *points, size_t count, size_t at) {
    int round = points[at] == '(';
    if (!round && points[at] != '<' && points[at] != '[') return at;
    size_t end = at + 1;
    if (round && end < count && points[end] == ')') return at;
    while (end < count && (round ? points[end] != ')' : points[end] != '>' && points[end] != ']'))
        end++;
    return end < count ? end + 1 : at;
}

/* The square ones go first, then the round ones: each pass leaves what the other looks at. */
static size_t remove_brackets(int32_t *points, size_t count, int round) {
    size_t kept = 0;
    size_t nothing = count; /* no bracket from here on is closed: looked for once only */
    for (size_t at = 0; at < count;) {
        int opens = round ? points[at] == '(' : points[at] == '<' || points[at] == '[';
        size_t end = opens && at < nothing ? bracket_end(points, count, at) : at;
        int empty = round && at + 1 < count && points[at + 1] == ')';
        if (opens && end == at && !empty) nothing = at;
        if (end == at) points[kept++] = points[at++];
        at = end > at ? end : at;
    }
    return kept;
}

/* Lower case, without brackets; lowering first, as brackets are no letters it changes nothing but
 * the ends of words beside them. */
pst_status whisper_lower_outside(struct buffer *out, const char *text, size_t length,
                                 pst_error *err) {
    int32_t *points = NULL;
    size_t count = 0;
    struct buffer lowered = {0};
    pst_status status = text_points(text, length, &points, &count, err);
    if (status) return status;
    buffer_append(&lowered, "", 0);
    text_append_lower(&lowered, points, count);
    free(points);
    points = NULL;
    status = lowered.failed ? error_memory(err, length)
                            : text_points(lowered.data, lowered.length, &points, &count, err);
    buffer_free(&lowered);
    if (status) return status;
    count = remove_brackets(points, count, 0);
    count = remove_brackets(points, count, 1);
    buffer_append(out, "", 0);
    for (size_t i = 0; i < count; i++) text_append_point(out, points[i]);
    free(points);
    return PST_OK;
}

pst_status whisper_basic(struct buffer *normalized, const char *text, size_t length,
                         pst_error *err) {
    struct buffer outside = {0}, spaced = {0};
    int32_t *points = NULL;
    size_t count = 0;
    pst_status status = whisper_lower_outside(&outside, text, length, err);
    if (!status) status = text_compatible(&outside, 1, &points, &count, err);
    buffer_append(normalized, "", 0);
    if (!status) {
        for (size_t i = 0; i < count; i++)
            if (text_is_symbol(points[i])) points[i] = ' ';
        text_append_lower(&spaced, points, count);
        text_collapse(normalized, &spaced);
        if (outside.failed || spaced.failed || normalized->failed) status = error_memory(err, 0);
    }
    buffer_free(&outside);
    buffer_free(&spaced);
    free(points);
    return status;
}
