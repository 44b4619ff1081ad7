/* model.h - an open checkpoint: everything about it that does not change. */
#ifndef PST_MODEL_MODEL_H
#define PST_MODEL_MODEL_H

#include "kernels/kernels.h"
#include "model/config.h"
#include "model/pack.h"
#include "model/weights.h"
#include "potstill.h"
#include "tokenizer/tokenizer.h"

/* The feature extractor's settings, from preprocessor_config.json or processor_config.json. */
struct processor {
    int do_normalize; /* scale each clip to zero mean and unit variance; published models: 0 */
};

struct pst_model {
    struct config config;
    struct processor processor;
    pst_decode_options decode; /* what generation_config.json asks for */
    int32_t *decode_lists;     /* storage of the lists in `decode` */
    struct weights weights;
    struct tokenizer *tokenizer; /* NULL when the folder has none: decoding to text then fails */
    const struct kernels *kernels;
    enum precision precision; /* of the products */
    struct pack pack;         /* what the packed weights lie in */
};

/* Fills `decode` and the lists it points to from <dir>/generation_config.json; a missing file leaves
 * transformers' defaults. The special ids it names override those of `config`, as generate() does. */
pst_status generation_config_read(pst_decode_options *decode, int32_t **lists,
                                  struct config *config, const char *dir, pst_error *err);
pst_status processor_read(struct processor *processor, const char *dir, pst_error *err);

#endif
