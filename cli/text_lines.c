/* text_lines.c - see text_lines.h. */
#include "text_lines.h"

#include <string.h>

size_t text_mark(const char *text, size_t size) {
    return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

static int is_blank(const char *line, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!strchr(" \t\r\v\f", line[i]) || line[i] == '\0') return 0;
    return 1;
}

int text_lines_next(struct text_lines *lines) {
    while (lines->left > 0) {
        const char *end = memchr(lines->text, '\n', lines->left);
        lines->line = lines->text;
        lines->length = end ? (size_t)(end - lines->text) : lines->left;
        lines->number++;
        lines->text += lines->length + (end != NULL);
        lines->left -= lines->length + (end != NULL);
        if (!is_blank(lines->line, lines->length)) return 1;
    }
    return 0;
}
