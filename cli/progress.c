/* progress.c - see progress.h. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int shown; /* the line is on the screen */

void progress_show(size_t index, size_t total, const char *name) {
    if (total < 2 || !isatty(STDERR_FILENO)) return;
    const char *slash = strrchr(name, '/');
    progress_clear();
    fprintf(stderr, "[%zu/%zu] ", index + 1, total);
    /* A line that wraps could not be cleared, so the name is cut; 48 leaves room for the counters
     * on a terminal of 80 columns. */
    for (const char *at = slash && slash[1] ? slash + 1 : name, *end = at + 48; *at && at < end;
         at++)
        fputc((unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at, stderr);
    fflush(stderr);
    shown = 1;
}

void progress_clear(void) {
    if (!shown) return;
    fputs("\r\033[K", stderr); /* ECMA-48: erase to the end of the line */
    fflush(stderr);
    shown = 0;
}
