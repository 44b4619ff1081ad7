/* page_template.h - a page of its file with what stands there for {{name}}, and its policy. */
#ifndef POTSTILL_CLI_PAGE_TEMPLATE_H
#define POTSTILL_CLI_PAGE_TEMPLATE_H

#include <stdio.h>

#include "page/page_source.h"

/* Prints what stands for `name` [length]. 0, or an exit code with the reason printed. */
typedef int page_part(void *user, const char *name, size_t length, FILE *out);

/* 0, or the code of the first part that had one; what `out` did not take is for the caller to
 * see. */
int page_template_print(FILE *out, const struct page_source *html, page_part *part, void *user);
/* Is this the name? */
int page_name_is(const char *name, size_t length, const char *wanted);
void page_source_print(FILE *out, const struct page_source *source);
/* The policy of a page with this script and this style, by their SHA-256: scripts are of `from` too
 * ("", or "'self' "), and `rest` says what else there may be. 0, or an exit code. */
int page_policy_print(FILE *out, const char *from, const struct page_source *script,
                      const struct page_source *style, const char *rest);

#endif
