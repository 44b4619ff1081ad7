/* convert.h - the parts of pst_convert(): the run (convert.c), and what is written about it
 * (convert_index.c). */
#ifndef PST_COREML_CONVERT_CONVERT_H
#define PST_COREML_CONVERT_CONVERT_H

#include <jansson.h>

#include "coreml/graph/graph.h"
#include "coreml/weights/stored_weights.h"
#include "potstill.h"

enum { CONVERT_SECONDS_MIN = 1, CONVERT_SECONDS_MAX = 30 };

/* One run. */
struct converting {
    struct merging merging;
    const pst_convert_options *options;
    uint32_t seconds[CONVERT_SECONDS_MAX]; /* [count] ascending */
    size_t count;
    int32_t slots, tokens; /* of the decoder's cache; of a transcript with its start token */
    struct convert_weights weights;
    json_t *sources; /* hashes of what was read */
    json_t *lengths; /* of the index: one entry a length */
    json_t *files;   /* of the index: hashes of what was written */
};

/* "float16", ...: as options and the index name them. */
const char *convert_precision_name(const struct converting *converting);
const char *convert_target_name(const struct converting *converting);

struct graph_shape convert_shape(const struct converting *converting, size_t index);

/* Fills in who made `model` from what. */
void convert_describe(const struct converting *converting, struct mil_model *model,
                      const char *what);
/* Notes the length `index`: its shapes, and its functions in both packages. */
pst_status convert_note_length(struct converting *converting, size_t index,
                               const struct mil_model *encoder, const char *encoder_name,
                               const struct mil_model *decoder, const char *decoder_name,
                               pst_error *err);
/* Notes the hash of <dir>/<name>; a package's two files when it is one. */
pst_status convert_note_file(struct converting *converting, const char *dir, const char *name,
                             pst_error *err);
/* Writes <dir>/potstill.json. */
pst_status convert_write_index(struct converting *converting, const char *dir, pst_error *err);

#endif
