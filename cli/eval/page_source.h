/* page_source.h - the files of page/, which CMake puts into the program (cmake/embed.cmake). */
#ifndef POTSTILL_CLI_PAGE_SOURCE_H
#define POTSTILL_CLI_PAGE_SOURCE_H

#include <stddef.h>

struct page_source {
    const unsigned char *bytes; /* [length], and a NUL */
    size_t length;
};

extern const struct page_source page_html, page_style, page_script;

#endif
