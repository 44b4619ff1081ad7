/* model_open.h - a checkpoint as a model that the engine computes. */
#ifndef PST_PIPELINE_MODEL_OPEN_H
#define PST_PIPELINE_MODEL_OPEN_H

#include "model/model.h"

/* Opens the checkpoint in `dir` and chooses kernels and precision; `options` are whole. */
pst_status model_open_engine(struct pst_model **model, const char *dir,
                             const pst_model_options *options, pst_error *err);

#endif
