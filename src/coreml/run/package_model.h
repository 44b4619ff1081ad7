/* package_model.h - a converted model as a struct pst_model: its index, its tokenizer, and the
 * device that runs its packages. */
#ifndef PST_COREML_RUN_PACKAGE_MODEL_H
#define PST_COREML_RUN_PACKAGE_MODEL_H

#include "coreml/run/package_index.h"
#include "coreml/run/runner.h"
#include "pipeline/device.h"

/* Immutable, and shared by the sessions. */
struct package_model {
    struct device device;          /* the first member */
    char *path, *cache_dir;        /* cache_dir NULL: none */
    int single;                    /* one package: samples in, ids out */
    struct package_index index;    /* of `single` only what both have */
    struct package_length whole;   /* the length of `single` */
    const struct kernels *kernels; /* of the search */
    const struct runner *runner;
    pst_model_options options;         /* what the runner wants of them; its cache_dir is ours */
    const struct tokenizer *tokenizer; /* the model's */
    /* The checkpoint whose decoder continues from the encoder's output; NULL: a package does. */
    struct pst_model *decoder;
};

/* Is `dir` a folder of packages, or a package? */
int package_model_is(const char *dir);
/* Opens it for the device that `options` name; PST_DEVICE_AUTO is the interpreter. */
pst_status package_model_open(struct pst_model **model, const char *dir,
                              const pst_model_options *options, pst_error *err);

#endif
