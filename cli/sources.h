/* sources.h - the folders that a command works on: a model, a processor, adapters.
 *
 * The model is the one that the user names; else the one that the first adapter to name its base
 * names; else that of the environment (pst_finder_base()). */
#ifndef POTSTILL_CLI_SOURCES_H
#define POTSTILL_CLI_SOURCES_H

#include "choice.h"
#include "environment.h"
#include "potstill_tools.h"

struct sources {
    char *model_name; /* as it was named */
    char *model_dir;
    char *processor_dir;         /* NULL: the model's */
    pst_merge_adapter *adapters; /* [adapter_count] */
    size_t adapter_count;
};

/* Finds the folders that `choice` names, and says where an adapter is used with another model than
 * it names. 0, or an exit code with the reason printed; sources_free() in any case. */
int sources_find(struct sources *sources, const struct environment *environment,
                 const struct engine_choice *choice);
/* The same where the model has to be a checkpoint. */
int sources_find_checkpoint(struct sources *sources, const struct environment *environment,
                            const struct engine_choice *choice);
void sources_free(struct sources *sources);

#endif
