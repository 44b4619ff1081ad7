/* page_source.h - the files of the pages, which CMake puts into the program (cmake/embed.cmake). */
#ifndef POTSTILL_CLI_PAGE_SOURCE_H
#define POTSTILL_CLI_PAGE_SOURCE_H

#include <stddef.h>

struct page_source {
    const unsigned char *bytes; /* [length], and a NUL */
    size_t length;
};

/* Of eval's report, and of the server. */
extern const struct page_source report_html, report_style, report_script;
extern const struct page_source front_html, front_style, front_script, front_worklet;
extern const struct page_source front_api;

#endif
