/* config_regex.h - a regular expression of an adapter config: Python's `re`, run by PCRE2.
 *
 * The two agree on nearly all patterns over module names (ASCII, one line). What both accept but
 * read differently is refused; a hostile pattern runs out of steps, not out of time.
 * docs/ADAPTERS.md lists the differences. */
#ifndef PST_ADAPTER_CONFIG_CONFIG_REGEX_H
#define PST_ADAPTER_CONFIG_CONFIG_REGEX_H

#include <stdint.h>

#include "potstill.h"

enum config_regex_span {
    CONFIG_REGEX_START, /* re.match: from the start, to anywhere */
    CONFIG_REGEX_WHOLE  /* re.fullmatch */
};

/* Where a pattern is from, for messages: file and option. Both texts outlive the regex. */
struct config_regex_place {
    const char *path, *option;
};

struct config_regex;

/* Compiles `before` + `pattern` + `after`; the pattern is what messages show. */
pst_status config_regex_new(struct config_regex **regex, struct config_regex_place place,
                            const char *before, const char *pattern, const char *after,
                            enum config_regex_span span, pst_error *err);
void config_regex_free(struct config_regex *regex);

/* Sets *matched. */
pst_status config_regex_match(struct config_regex *regex, const char *subject, int *matched,
                              pst_error *err);
/* The text of group 1 in the last match as an integer. Other text is PST_ERR_MODEL. */
pst_status config_regex_group_number(struct config_regex *regex, const char *subject,
                                     int64_t *number, pst_error *err);

#endif
