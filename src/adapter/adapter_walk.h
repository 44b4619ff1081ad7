/* adapter_walk.h - from the two files of a PEFT adapter to effects: the walk of all methods.
 *
 * The methods differ in which tensors a module has, of which shapes, and what these come to: an
 * adapter_method. What they have in common is here: which modules, that a module has all of its
 * tensors or none, that shapes fit, tensors that replace the base's, and the warnings. */
#ifndef PST_ADAPTER_ADAPTER_WALK_H
#define PST_ADAPTER_ADAPTER_WALK_H

#include "adapter/adapter_build.h"
#include "adapter/config/peft_config.h"
#include "adapter/config/targets.h"
#include "model/weights.h"

struct adapter_walk {
    struct adapter_build build;
    const struct peft_config *config;
    struct target *targets; /* [module_count] */
    uint32_t applied;       /* targets with tensors */
    int random_init;        /* tensors that are not stored are random in PEFT */
    /* What all modules share, for methods that have such tensors, and their shapes. */
    const struct tensor *shared_tensors[2];
    const float *shared[2];
    size_t shared_shapes[2][3];
};

struct adapter_method {
    unsigned kinds; /* bits 1 << enum module_kind: the modules that PEFT adapts */
    /* Called once, then, when replaced tensors are in their effects, for each target, which adds
     * to its effect, then once. */
    pst_status (*start)(struct adapter_walk *walk, pst_error *err); /* NULL: nothing */
    pst_status (*apply)(struct adapter_walk *walk, uint32_t slot, pst_error *err);
    pst_status (*finish)(struct adapter_walk *walk, pst_error *err); /* NULL: nothing */
    /* For messages: what a module without tensors lacks; a tensor that every target has. */
    const char *missing;
    const char *(*example)(const struct module *module); /* NULL: none */
};

/* Walks over the modules of `model` with the method of `config`. Owns
 * `file` from then on, also when it fails. */
pst_status adapter_walk_all(const struct adapter_method *method, const struct pst_model *model,
                            const struct peft_config *config, struct safetensors *file,
                            const pst_adapter_options *options, struct pst_adapter **adapter,
                            pst_error *err);

enum { PART_DIMS_MAX = 4, PARTS_MAX = 6 };

/* A tensor that a module must have: the end of its name, and its shape. */
struct part {
    const char *name;
    uint32_t dims;
    size_t shape[PART_DIMS_MAX];
    const float *values; /* filled by adapter_walk_take() */
};

/* Takes the parts of `module`. Sets *complete when all are there; none at all leaves the module as
 * it is, with a note; some of them is an error, as PEFT would draw the others at random. */
pst_status adapter_walk_take(struct adapter_walk *walk, const struct module *module,
                             struct part *parts, size_t count, int *complete, pst_error *err);

#endif
