/* generation_lists.h - the settings of generation_config.json that are lists of tokens. */
#ifndef PST_MODEL_GENERATION_LISTS_H
#define PST_MODEL_GENERATION_LISTS_H

#include "formats/json_file.h"
#include "model/model.h"

/* suppress_tokens, begin_suppress_tokens, sequence_bias and bad_words_ids into
 * `generation->decode`; generation_close() releases them. */
pst_status generation_read_lists(struct generation *generation, const struct config *config,
                                 const struct json_file *file, pst_error *err);

#endif
