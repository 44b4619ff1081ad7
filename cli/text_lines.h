/* text_lines.h - the lines of a text in memory that have something in them. */
#ifndef POTSTILL_CLI_TEXT_LINES_H
#define POTSTILL_CLI_TEXT_LINES_H

#include <stddef.h>
#include <stdint.h>

struct text_lines {
    const char *text; /* [left] not looked at yet */
    size_t left;
    const char *line; /* [length] the one at hand, without its end */
    size_t length;
    uint32_t number; /* from 1; lines without anything are counted */
};

/* Bytes of the mark that some programs put before UTF-8: 3, or 0. */
size_t text_mark(const char *text, size_t size);
/* The next line that is not white space alone; 0: there is none. Set `text` and `left` before the
 * first. */
int text_lines_next(struct text_lines *lines);

#endif
