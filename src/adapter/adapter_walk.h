/* adapter_walk.h - LoHa, LoKr, AdaLoRA and IA3: the walk over their modules.
 *
 * The methods differ in which tensors a module has, of which shapes, and what these come to. What they
 * have in common is here: which modules, that a module has all of its tensors or none, that shapes fit,
 * and what is said about the rest of the file. */
#ifndef PST_ADAPTER_ADAPTER_WALK_H
#define PST_ADAPTER_ADAPTER_WALK_H

#include "adapter/adapter_build.h"
#include "adapter/config/lora_targets.h"
#include "adapter/config/peft_config.h"
#include "model/weights.h"

struct adapter_walk {
    struct adapter_build build;
    const struct peft_config *config;
    struct lora_target *targets; /* [module_count] */
    uint32_t applied;            /* targets with tensors */
};

enum { PART_DIMS_MAX = 4, PARTS_MAX = 6 };

/* A tensor that a module must have: its name behind that of the module, and its shape. */
struct part {
    const char *name;
    uint32_t dims;
    size_t shape[PART_DIMS_MAX];
    const float *values; /* filled by adapter_walk_take() */
};

/* Takes the parts of `module`. Sets *complete when all are there; none at all leaves the module as it
 * is, with a note; some of them is an error, as PEFT would draw the others at random. */
pst_status adapter_walk_take(struct adapter_walk *walk, const struct module *module,
                             struct part *parts, size_t count, int *complete, pst_error *err);

/* What one method makes of one module. */
pst_status adalora_apply(struct adapter_walk *walk, uint32_t slot, pst_error *err);
pst_status lycoris_apply(struct adapter_walk *walk, uint32_t slot, pst_error *err);
pst_status ia3_apply(struct adapter_walk *walk, uint32_t slot, pst_error *err);

/* Does AdaLoRA's rank_pattern name modules that are targets, with masks of init_r truths? Sets the
 * targets' ranks to what is left. */
pst_status adalora_mask(struct adapter_walk *walk, pst_error *err);

/* What pst_adapter_open() does once both files are read, for any method but LoRA. Takes `file` over, also
 * when it fails. */
pst_status adapter_walk_resolve(const struct pst_model *model, const struct peft_config *config,
                                struct safetensors *file, const pst_adapter_options *options,
                                struct pst_adapter **adapter, pst_error *err);

#endif
