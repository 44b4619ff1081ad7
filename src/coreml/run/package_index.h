/* package_index.h - potstill.json: which packages a converted model has, and their inputs. */
#ifndef PST_COREML_RUN_PACKAGE_INDEX_H
#define PST_COREML_RUN_PACKAGE_INDEX_H

#include <stdint.h>

#include "coreml/run/package_drafts.h"
#include "decode/rules.h"
#include "formats/json_file.h"
#include "model/config.h"

/* A function of a package in the folder. */
struct package_part {
    const char *package;  /* "encoder-10s.mlpackage" */
    const char *function; /* NULL: its only one */
};

/* A length of clips. Shorter clips are padded with zeros, and masks say where they end. */
struct package_length {
    uint32_t samples;
    uint32_t frames1, frames; /* after the first step of the front end; of the encoder */
    uint32_t memory;          /* frames that the decoder takes */
    struct package_part encoder, decoder;
    struct package_part verifier; /* of package_index.ahead tokens; its package NULL: none */
};

/* An output of the encoder that is an input of it for the next piece. */
struct package_carried {
    const char *input, *output;
    size_t count; /* of numbers */
};
enum { PACKAGE_CARRIED_MAX = 8 };

/* Of the layout `stream`: how the encoder hears a clip piece by piece. */
struct package_piece {
    uint32_t frames; /* of a piece; 0: it hears whole clips */
    uint32_t delay;  /* its rows are of so many frames before those that it hears */
    uint32_t reach;  /* frames before the piece that key_mask tells of */
    struct package_carried carried[PACKAGE_CARRIED_MAX]; /* [carried_count] */
    size_t carried_count;
};

/* Texts live as long as the file. */
struct package_index {
    struct json_file file;
    const char *precision, *target;
    enum family family;
    int do_normalize;
    int state;              /* the decoder keeps its cache itself */
    int token;              /* it gives the best token, not the scores of all */
    int blocks;             /* the encoder takes samples as [1, 1, N / 64, 64], not [1, N] */
    int32_t start;          /* the first token */
    struct end_tokens ends; /* at least one; of a `single` package none, where it names none */
    uint32_t tokens_max;    /* of a transcript, start token included */
    uint32_t slots;         /* of the decoder's cache */
    uint32_t vocab;
    uint32_t cache_dim; /* of a column of the cache: all layers */
    uint32_t ahead;     /* tokens that the verifiers take; 0: there are none */
    float masked;       /* added to the scores of a hidden position */
    struct package_piece piece;
    struct package_drafts drafts;
    struct package_length *lengths; /* [length_count], ascending */
    size_t length_count;
};

/* Reads <dir>/potstill.json. package_index_close() in any case. */
pst_status package_index_open(struct package_index *index, const char *dir, pst_error *err);
void package_index_close(struct package_index *index);

#endif
