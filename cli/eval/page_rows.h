/* page_rows.h - the utterances of an evaluation as the page takes them: alignments as strings (see
 * page/data.js), and where the sound is. */
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
/* The next, to be released; NULL after the last. */
json_t *page_rows_next(struct page_rows *rows);
void page_rows_close(struct page_rows *rows);

#endif
