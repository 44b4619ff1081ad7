/* tokenizer_cache.h - the tokenizer of a folder, from its image in a cache file where there is
 * one. */
#ifndef PST_TOKENIZER_TOKENIZER_CACHE_H
#define PST_TOKENIZER_TOKENIZER_CACHE_H

#include "tokenizer/tokenizer.h"

/* As tokenizer_open(), but from the image in `cache_dir`; when there is none of the files in `dir`,
 * they are read and their image is kept. `cache_dir` NULL: no cache. */
pst_status tokenizer_cache_open(struct tokenizer **tokenizer, const char *dir,
                                const char *cache_dir, pst_error *err);

#endif
