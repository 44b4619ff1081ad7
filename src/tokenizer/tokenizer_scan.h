/* tokenizer_scan.h - the two long tables of a tokenizer.json, read apart from the rest.
 *
 * model.vocab and model.merges are nine tenths of the file. A general JSON reader takes 35 ms
 * longer to make 100,000 objects of them (docs/PERFORMANCE.md); here they are found in the text,
 * read straight into arrays, and the file without them is left to jansson. What the search cannot
 * follow it does not find: jansson, given the whole text then, says what is wrong with it. */
#ifndef PST_TOKENIZER_TOKENIZER_SCAN_H
#define PST_TOKENIZER_TOKENIZER_SCAN_H

#include <stddef.h>

#include "base/buffer.h"
#include "potstill.h"
#include "tokenizer/bpe.h"
#include "tokenizer/vocabulary.h"

struct text_span {
    const char *start, *end; /* NULL: not found */
};

struct tokenizer_scan {
    const char *text; /* [length], valid UTF-8 */
    size_t length;
    const char *name;               /* for messages */
    struct text_span vocab, merges; /* from the opening bracket past the closing one */
};

void tokenizer_scan_find(struct tokenizer_scan *scan, const char *text, size_t length,
                         const char *name);

/* Appends the file with both tables emptied; `offset` in that text is found in the file at
 * tokenizer_scan_offset(). */
void tokenizer_scan_rest(const struct tokenizer_scan *scan, struct buffer *rest);
size_t tokenizer_scan_offset(const struct tokenizer_scan *scan, size_t offset);

/* {"token": id, ...} to a vocabulary. */
pst_status tokenizer_scan_vocab(const struct tokenizer_scan *scan, struct vocabulary *vocabulary,
                                pst_error *err);
/* ["left right", ...] or [["left", "right"], ...] to merges; *merges [count] is malloc'ed. */
pst_status tokenizer_scan_merges(const struct tokenizer_scan *scan,
                                 const struct vocabulary *vocabulary, struct merge **merges,
                                 size_t *count, pst_error *err);

#endif
