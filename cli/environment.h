/* environment.h - the one place that reads environment variables.
 *
 * The library reads none: where models lie is decided here and handed over as a pst_search. The
 * variables of the Hugging Face cache mean what they mean to huggingface_hub, so that a model which
 * Python has downloaded is found. */
#ifndef POTSTILL_CLI_ENVIRONMENT_H
#define POTSTILL_CLI_ENVIRONMENT_H

#include "potstill.h"

struct environment {
    char *models_dir; /* $XDG_DATA_HOME/potstill/models: what `potstill import` makes */
    char *hub_cache;  /* the Hugging Face cache */
    char *downloads;  /* the cache of the moonshine_voice package */
    char *model;      /* the model to use when none is named */
};

void environment_read(struct environment *environment);
void environment_free(struct environment *environment);

/* Valid as long as `environment` and `revision` (NULL: main). */
pst_search environment_search(const struct environment *environment, const char *revision);

#endif
