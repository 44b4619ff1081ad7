/* base_model.h - the model that an adapter says it was trained on.
 *
 * PEFT writes its name into adapter_config.json, and into the head of README.md. The name is often
 * a folder of the machine that trained, so it is looked for in more places than names that a user
 * types: beside the adapter, and by its last part among the models that are here. */
#ifndef POTSTILL_CLI_BASE_MODEL_H
#define POTSTILL_CLI_BASE_MODEL_H

#include "environment.h"

struct base_model {
    const char *adapter_dir; /* whose base it is; borrowed */
    const char *file;        /* that names it: "adapter_config.json", "README.md" */
    char *name;              /* NULL: the adapter does not say */
    char *revision;          /* on the hub; NULL: main */
    char *fingerprint;       /* of its weights, or how it begins; NULL: README.md has none */
};

/* Reads what the folder says; what cannot be read is not said, opening the adapter tells why. */
void base_model_read(struct base_model *base, const char *adapter_dir);
void base_model_free(struct base_model *base);

/* Finds the model for an adapter whose base has a name: the base; or the environment's model, with
 * a warning, when the base is not to be had and the user has chosen that one. `revision` wins over
 * the adapter's. `*name` is for free(), `*dir` for pst_free(). 0, or an exit code with the reason
 * printed. */
int base_model_find(const struct base_model *base, const struct environment *environment,
                    const char *revision, char **name, char **dir);
/* Warns when the model called `name` in the folder `dir` is not the base by its name; by its
 * fingerprint, that is an error unless the user has `chosen` the model. 0, or an exit code with the
 * reason printed. */
int base_model_compare(const struct base_model *base, const struct environment *environment,
                       const char *name, const char *dir, int chosen);

#endif
