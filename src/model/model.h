/* model.h - an open checkpoint: its settings, its weights, its tokenizer. Nothing here computes:
 * that also takes a struct network, which nothing below network/ looks into. */
#ifndef PST_MODEL_MODEL_H
#define PST_MODEL_MODEL_H

#include "model/config.h"
#include "model/weights.h"
#include "potstill.h"
#include "tokenizer/tokenizer.h"

/* The feature extractor's settings, from preprocessor_config.json or processor_config.json. */
struct processor {
    int do_normalize; /* scale each clip to zero mean and unit variance; published models: 0 */
};

/* What generation_config.json asks for. */
struct generation {
    pst_decode_options decode;
    int32_t *ids; /* storage of the lists in `decode`, and of their sequences */
    pst_sequence_bias *biases;
    int samples; /* do_sample: nothing here draws tokens at random */
    /* A setting that greedy or beam search cannot honour; NULL: none. */
    const char *no_greedy, *no_beams;
};

struct pst_model {
    struct config config;
    struct processor processor;
    struct generation generation;
    struct weights weights;
    int read_files; /* what is used of its files, and of adapters', is read rather than mapped */
    struct tokenizer *tokenizer; /* NULL when the folder has none: decoding to text then fails */
    /* What computes; at most one of them, as a model may have been opened to be read only. */
    struct network *network; /* network/network.h: the engine, from the weights */
    struct device *device;   /* pipeline/device.h: packages; there are no weights then */
};

/* Opens the checkpoint in `dir`, without a network. `processor_dir` has the tokenizer and the
 * feature extractor's settings, NULL: `dir`; `cache_dir` keeps the tokenizer as it is in memory,
 * NULL: nothing is kept. */
pst_status model_open(struct pst_model **model, const char *dir, const char *processor_dir,
                      const char *cache_dir, pst_error *err);
void model_close(struct pst_model *model); /* which may be NULL */
/* Refuses one without weights: a converted one. */
pst_status model_need_weights(const struct pst_model *model, pst_error *err);
/* Refuses one whose checkpoint, in `dir`, is a decoder alone. */
pst_status model_need_encoder(const struct pst_model *model, const char *dir, pst_error *err);

/* Reads <dir>/generation_config.json, or config.json where there is none. The special ids it names,
 * or lacks, take the place of those of `config`, as in generate(). */
pst_status generation_config_read(struct generation *generation, struct config *config,
                                  const char *dir, pst_error *err);
void generation_close(struct generation *generation);
/* Refuses a search that a setting of the model stands against. */
pst_status generation_check(const struct generation *generation, uint32_t num_beams,
                            pst_error *err);
/* From the processor's folder; where that has only a tokenizer, from the model's (NULL: none). */
pst_status processor_read(struct processor *processor, const char *dir, const char *model_dir,
                          pst_error *err);

#endif
