/* refused_methods.c - see refused_methods.h. */
#include "adapter/config/refused_methods.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"

/* The way out of a method that PEFT can merge: all but ADAMSS, which needs scikit-learn, and BONE
 * were, on a Moonshine model. */
#define MERGE                                                                                      \
    "in Python, model.merge_and_unload().save_pretrained(DIR) makes a model of it that can be "    \
    "used"
#define NO_MERGE "PEFT cannot merge it into a model either: train one that it can, such as LORA"

static const struct refused {
    const char *name, *what, *way_out;
} REFUSED[] = {
    {"ADAMSS", "it splits the weights into subspaces", MERGE},
    {"BONE", "PEFT itself dropped it for MISS after 0.18", MERGE},
    {"DEFT", "it replaces a subspace of the weights", MERGE},
    {"FOURIERFT", "the places of its numbers come from torch's random numbers", MERGE},
    {"FROD", "it rotates the singular vectors of the weights", MERGE},
    {"GLORA", "it scales and adds to weights and biases", MERGE},
    {"LILY", "it shares its matrices among layers", NO_MERGE},
    {"OSF", "it replaces singular vectors of the weights", MERGE},
    {"PEANUT", "it computes its change with a network from the weights", MERGE},
    {"PSOFT", "it rotates the singular vectors of the weights", MERGE},
    {"SUPERTUNING", "it adds a sparse matrix", MERGE},
    {"TINYLORA", "its matrices come from torch's random numbers", MERGE},
    {"UNILORA", "the places of its numbers come from torch's random numbers", MERGE},
    {"VBLORA", "it assembles its matrices from a bank of vectors", MERGE},
    {"WAVEFT", "the places of its numbers come from torch's random numbers", MERGE},
    {"ADAPTION_PROMPT", "it adds prompts to the attention", NO_MERGE},
    {"CARTRIDGE", "it puts learnt keys and values before the text", NO_MERGE},
    {"CPT", "it puts learnt tokens before the text", NO_MERGE},
    {"MULTITASK_PROMPT_TUNING", "it puts learnt tokens before the text", NO_MERGE},
    {"POLY", "it mixes several adapters by task", NO_MERGE},
    {"PREFIX_TUNING", "it puts learnt keys and values before the text", NO_MERGE},
    {"PROMPT_TUNING", "it puts learnt tokens before the text", NO_MERGE},
    {"P_TUNING", "it puts learnt tokens before the text", NO_MERGE},
    {"SHADOW", "it is a network beside the model", NO_MERGE},
    {"XLORA", "it mixes several adapters by a network of its own", NO_MERGE},
};

pst_status refused_method(const char *path, const char *kind, pst_error *err) {
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        if (strcmp(REFUSED[i].name, kind) == 0)
            return error_set(err, PST_ERR_UNSUPPORTED,
                             "%s: peft_type is \"%s\" (%s): not supported; %s", path, kind,
                             REFUSED[i].what, REFUSED[i].way_out);
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: peft_type is \"%s\" (no method of PEFT 0.21): not supported, expected "
                     "LORA or another that docs/ADAPTERS.md lists",
                     path, kind);
}
