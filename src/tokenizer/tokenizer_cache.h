/* tokenizer_cache.h - the tokenizer of a folder, from its image in a cache file where there is one. */
#ifndef PST_TOKENIZER_TOKENIZER_CACHE_H
#define PST_TOKENIZER_TOKENIZER_CACHE_H

#include "tokenizer/tokenizer.h"

/* As tokenizer_open(), which is asked, and its result kept, when `cache_dir` has no image of the files in
 * `dir`. `cache_dir` NULL: as that. */
pst_status tokenizer_cache_open(struct tokenizer **tokenizer, const char *dir,
                                const char *cache_dir, pst_error *err);

#endif
