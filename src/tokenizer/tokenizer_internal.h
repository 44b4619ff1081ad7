/* tokenizer_internal.h - what tokenizer_file.c fills and tokenizer.c uses. Nothing in it changes
 * once it is open, so threads share it freely. */
#ifndef PST_TOKENIZER_TOKENIZER_INTERNAL_H
#define PST_TOKENIZER_TOKENIZER_INTERNAL_H

#include "base/file_view.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/vocabulary.h"

struct tokenizer {
    struct vocabulary vocabulary; /* the model's tokens; by id the added ones too */
    struct bpe bpe;
    struct added_tokens added;
    unsigned char *special; /* [vocabulary.size] is this id left out by skip_special_tokens? */
    struct id_list before, after; /* what the template puts around a text */
    int clean_up;                 /* spaces before punctuation are taken out of decoded text */
    /* The tables, texts and `special` lie in an image (tokenizer_image.h): perhaps this one. */
    int borrowed;
    struct file_view image;
};

#endif
