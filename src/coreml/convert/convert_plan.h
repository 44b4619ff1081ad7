/* convert_plan.h - what one conversion will write: its options checked, the lengths of
 * clips, the shapes of each length, the decoder's cache. The run is convert.c, what is
 * written about it convert_index.c. */
#ifndef PST_COREML_CONVERT_CONVERT_PLAN_H
#define PST_COREML_CONVERT_CONVERT_PLAN_H

#include <jansson.h>

#include "coreml/graph/graph.h"
#include "coreml/weights/stored_weights.h"
#include "potstill_tools.h"

enum { CONVERT_SECONDS_MIN = 1, CONVERT_SECONDS_MAX = 30 };
/* Of a frame of the streaming family; of the longest piece: then a clip may as well be heard whole.
 */
enum { CONVERT_FRAME_MS = 20, CONVERT_PIECE_MS_MAX = 5000, CONVERT_PIECE_MS = 320 };

/* Tokens of a text that a function takes at once: 32 rows of logits are 2 MB. */
enum { CONVERT_AHEAD_MIN = 2, CONVERT_AHEAD_MAX = 32 };

/* How weights are stored, and the bits of each; where packages run. Names are those of options and
 * of the index. */
struct convert_precision {
    const char *name;
    enum weight_precision weights;
    unsigned bits;
};
struct convert_target {
    const char *name;
    int32_t specification;
};

/* One run. */
struct conversion {
    struct merge_run merge;
    const pst_convert_options *options;
    const struct convert_precision *precision;
    const struct convert_target *target;
    uint32_t seconds[CONVERT_SECONDS_MAX]; /* [count] ascending */
    size_t count;
    int32_t piece;         /* frames of a piece of the layout `stream`, else 0 */
    int32_t slots, tokens; /* of the decoder's cache; of a transcript with its start token */
    struct stored_weights weights;
    float encoder_residual, decoder_residual; /* scales of the residual streams: graph.h */
    json_t *sources;                          /* hashes of what was read */
    json_t *lengths;                          /* of the index: one entry a length */
    json_t *files;                            /* of the index: hashes of what was written */
    json_t *drafts;                           /* of the index; NULL: none */
};

/* Refuses options that do not go together. */
pst_status convert_check_options(const pst_convert_options *options, pst_error *err);
/* Fills what follows from the options; `seconds` ascending, each once. */
pst_status convert_plan_options(struct conversion *conversion, pst_error *err);
/* Fills `slots` and `tokens` from the open model. */
void convert_plan_cache(struct conversion *conversion);

/* `text` as one of these names of precisions, which live as long as the program; else "". */
const char *convert_known_precision(const char *text);

unsigned convert_threads(const struct conversion *conversion);

/* A graph of this conversion, to be built in `model`. */
struct graph convert_graph(const struct conversion *conversion, struct mil_model *model);
/* The shapes of clips of so many seconds, and of the length `index`. */
struct graph_shape convert_shape_of(const struct conversion *conversion, uint32_t seconds);
struct graph_shape convert_shape(const struct conversion *conversion, size_t index);

#endif
