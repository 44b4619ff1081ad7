/* lora_regex.h - a regular expression of an adapter config: Python's `re`, run by PCRE2.
 *
 * The two agree on nearly all patterns over module names (ASCII, one line). What both accept but read
 * differently is refused; a hostile pattern runs out of steps, not out of time. docs/ADAPTERS.md lists
 * the differences. */
#ifndef PST_ADAPTER_CONFIG_LORA_REGEX_H
#define PST_ADAPTER_CONFIG_LORA_REGEX_H

#include <stdint.h>

#include "potstill.h"

enum lora_regex_span {
    LORA_REGEX_START, /* re.match: from the start, to anywhere */
    LORA_REGEX_WHOLE  /* re.fullmatch */
};

/* Where a pattern stands, for messages: file and option. Both texts outlive the regex. */
struct lora_regex_place {
    const char *path, *option;
};

struct lora_regex;

/* Compiles `before` + `pattern` + `after`; the pattern is what messages show. */
pst_status lora_regex_new(struct lora_regex **regex, struct lora_regex_place place,
                          const char *before, const char *pattern, const char *after,
                          enum lora_regex_span span, pst_error *err);
void lora_regex_free(struct lora_regex *regex);

/* Sets *matched. */
pst_status lora_regex_match(struct lora_regex *regex, const char *subject, int *matched,
                            pst_error *err);
/* The text of group 1 in the last match as an integer. Text that is none is PST_ERR_MODEL. */
pst_status lora_regex_group_number(struct lora_regex *regex, const char *subject, int64_t *number,
                                   pst_error *err);

#endif
