/* report_page.h - the results of an evaluation as one HTML page that needs nothing else.
 *
 * The page holds the results as JSON, the style and the script that shows them (page/), and a
 * policy by which a browser runs that script and that style alone and asks no network for anything.
 * No text of the results can become markup: in the JSON each "<" is written as \u003c. */
#ifndef POTSTILL_CLI_REPORT_PAGE_H
#define POTSTILL_CLI_REPORT_PAGE_H

#include <stddef.h>
#include <stdio.h>

struct report_sounds {
    const char *from;   /* where paths of audio start that are not there from here; NULL: here */
    const char *folder; /* the folder the page will lie in; NULL: this one */
    size_t embed_bytes; /* as many bytes of sound go into the page; 0: it names the files */
    size_t embedded;    /* set: utterances whose sound is in the page */
};

/* Prints the page for `results` [length], the text of results.json as results_print() lays it out:
 * the utterances come last, under a key with two spaces before it. 0, or an exit code with the
 * reason printed; whether `out` took the bytes is for the caller to see. */
int report_page_write(FILE *out, const char *results, size_t length, struct report_sounds *sounds);

#endif
