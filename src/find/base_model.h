/* base_model.h - the model that an adapter says it was trained on.
 *
 * PEFT writes its name into adapter_config.json, and into the head of README.md. The name is often
 * a folder of the machine that trained, so it is looked for in more places than names that a user
 * types: beside the adapter, and by its last part among the models that are here. */
#ifndef PST_FIND_BASE_MODEL_H
#define PST_FIND_BASE_MODEL_H

#include "base/text_pool.h"

struct base_model {
    const char *adapter_dir; /* whose base it is; borrowed */
    const char *file;        /* that names it: "adapter_config.json", "README.md" */
    const char *name;        /* NULL: the adapter does not say */
    const char *revision;    /* on the hub; NULL: main */
    const char *fingerprint; /* of its weights, or how it begins; NULL: README.md has none */
};

/* Reads what the folder says, into the pool; what cannot be read is not said, opening the adapter
 * tells why. */
void base_model_read(struct base_model *base, const char *adapter_dir, struct text_pool *pool);

#endif
