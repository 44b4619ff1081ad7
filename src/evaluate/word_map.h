/* word_map.h - words that the user counts as equal: what stands for what.
 *
 * Works on texts that are normalised already. The longest words that fit are replaced first, and
 * what was replaced is not looked at again. */
#ifndef PST_EVALUATE_WORD_MAP_H
#define PST_EVALUATE_WORD_MAP_H

#include "base/buffer.h"
#include "potstill.h"

struct word_map; /* immutable */

/* Adds nothing yet: rows come by word_map_add(), and word_map_sort() ends them. NULL: no memory. */
struct word_map *word_map_new(void);
/* Both texts are copied; `from` has at least one word. */
pst_status word_map_add(struct word_map *map, const char *from, const char *to, pst_error *err);
void word_map_sort(struct word_map *map);
void word_map_free(struct word_map *map);

/* Appends `text` to `out` with its words replaced, and a space between words. */
pst_status word_map_apply(const struct word_map *map, const char *text, struct buffer *out,
                          pst_error *err);

#endif
