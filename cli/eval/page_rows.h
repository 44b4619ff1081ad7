/* page_rows.h - the utterances of an evaluation as the page takes them: alignments as strings (see
 * page/data.js), and where the sound is. */
#ifndef POTSTILL_CLI_PAGE_ROWS_H
#define POTSTILL_CLI_PAGE_ROWS_H

#include <jansson.h>

#include "eval/page_sound.h"
#include "eval/report_page.h"

struct page_rows {
    const json_t *utterances;
    struct report_sounds *sounds;
    struct page_sound sound;
    unsigned char *embed; /* [utterances] whose sound goes into the page */
    size_t next;
};

void page_rows_open(struct page_rows *rows, const json_t *utterances, struct report_sounds *sounds);
/* The next, to be released; NULL after the last. */
json_t *page_rows_next(struct page_rows *rows);
void page_rows_close(struct page_rows *rows);

#endif
