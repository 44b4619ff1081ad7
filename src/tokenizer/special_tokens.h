/* special_tokens.h - tokens that tokenizer_config.json and special_tokens_map.json make special. */
#ifndef PST_TOKENIZER_SPECIAL_TOKENS_H
#define PST_TOKENIZER_SPECIAL_TOKENS_H

#include <jansson.h>

#include "tokenizer/tokenizer_internal.h"

/* Marks the tokens that `settings`, the object of either file, names, as transformers does when it
 * opens a tokenizer: they are left out of texts, whatever tokenizer.json says of them. */
void special_tokens_mark(struct tokenizer *tokenizer, const json_t *settings);

#endif
