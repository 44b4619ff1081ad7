/* sources.h - the folders that a new model is made from: a model, a processor, adapters. */
#ifndef POTSTILL_CLI_SOURCES_H
#define POTSTILL_CLI_SOURCES_H

#include "engine.h"
#include "potstill_tools.h"

struct sources {
    char *model_dir;
    char *processor_dir;         /* NULL: the model's */
    pst_merge_adapter *adapters; /* [adapter_count] */
    size_t adapter_count;
};

/* Finds the folders that `choice` and `adapters` ("DIR" or "DIR:WEIGHT") name. 0, or an exit code
 * with the reason printed; sources_free() in any case. */
int sources_find(struct sources *sources, const struct engine_choice *choice,
                 const struct option_texts *adapters);
void sources_free(struct sources *sources);

#endif
