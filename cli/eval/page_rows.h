/* page_rows.h - the utterances of an evaluation as the page takes them (see page/data.js): an index
 * of what charts and the table need, and the rest, with alignments as strings and where the sound
 * is. */
#ifndef POTSTILL_CLI_PAGE_ROWS_H
#define POTSTILL_CLI_PAGE_ROWS_H

#include <jansson.h>

#include "eval/page_sound.h"
#include "eval/report_page.h"

struct page_rows {
    const char *begin, *at, *end; /* the list of utterances as JSON, and what is left of it */
    struct report_sounds *sounds;
    struct eval_sound sound;
    unsigned char *embed; /* [count] whose sound goes into the page; NULL: none */
    size_t next;
};

/* `text` [length] begins behind the bracket of the list, and must live as long. */
void page_rows_open(struct page_rows *rows, const char *text, size_t length,
                    struct report_sounds *sounds);
/* The next, to be released; NULL after the last. Rows are read once: in the one form or the
 * other. */
json_t *page_rows_next(struct page_rows *rows);
/* [id, seconds, group, whether it failed, errors, words, errors, words, ...], a pair for each
 * system; null for what is not known. */
json_t *page_rows_next_index(struct page_rows *rows);
void page_rows_close(struct page_rows *rows);

#endif
