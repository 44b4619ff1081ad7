/* tokenizer.h - ids to text and back, by a Hugging Face tokenizer.json of the Moonshine kind.
 *
 * The kind: BPE with byte fallback and no pre-tokenizer; normaliser "prepend ▁, replace space by ▁"
 * (U+2581); decoder "replace ▁ by space, byte fallback, fuse, strip one leading space"; added
 * tokens; a template that puts <s> first. A file of another kind is refused by name. */
#ifndef PST_TOKENIZER_TOKENIZER_H
#define PST_TOKENIZER_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "potstill.h"

struct tokenizer;

/* Reads <dir>/tokenizer.json, and <dir>/tokenizer_config.json for clean_up_tokenization_spaces when
 * it is there. */
pst_status tokenizer_open(struct tokenizer **tokenizer, const char *dir, pst_error *err);
/* The same from bytes; `name` is used in messages. */
pst_status tokenizer_parse(struct tokenizer **tokenizer, const char *json, size_t length,
                           const char *name, pst_error *err);
void tokenizer_free(struct tokenizer *tokenizer);

/* One more than the largest id. */
size_t tokenizer_size(const struct tokenizer *tokenizer);
/* Is `id` registered as special? */
int tokenizer_is_special(const struct tokenizer *tokenizer, int32_t id);
/* The text of a token as the file writes it, NULL for an unknown id; *length in bytes. */
const char *tokenizer_token(const struct tokenizer *tokenizer, int32_t id, size_t *length);

/* Encodes UTF-8 text; with `add_special_tokens` the template's start token comes first. Text that
 * is not UTF-8 is PST_ERR_INPUT with the byte offset. *ids [count] is malloc'ed. */
pst_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length,
                            int add_special_tokens, int32_t **ids, size_t *count, pst_error *err);

/* Appends the text of ids [count]; unknown ids are skipped. */
pst_status tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                            int skip_special_tokens, struct buffer *text, pst_error *err);

#endif
