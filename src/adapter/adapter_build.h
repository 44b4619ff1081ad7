/* adapter_build.h - an adapter under construction: tensors looked up, checked, and taken.
 *
 * Whatever the method, opening an adapter is the same walk: for each module that the config
 * means, find its tensors, check their shapes, take their values, and fill an effect. Tensors
 * left over are reported. */
#ifndef PST_ADAPTER_ADAPTER_BUILD_H
#define PST_ADAPTER_ADAPTER_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "adapter/adapter.h"
#include "base/buffer.h"

extern const char ADAPTER_PREFIX[]; /* "base_model.model.", of every key that PEFT writes */

struct adapter_build {
    struct pst_adapter *adapter;
    const pst_adapter_options *options; /* NULL: silent */
    unsigned char *used;                /* [file.count]: does a module hold this tensor? */
    struct buffer missing;              /* names of modules without tensors, the first few */
    uint32_t missing_count;
};

/* Starts an adapter of `model` over `file`, which it owns from then on, also when it fails. */
pst_status adapter_build_start(struct adapter_build *build, const struct pst_model *model,
                               struct safetensors *file, const char *base_model,
                               const pst_adapter_options *options, pst_error *err);
/* Ends it: on success (status is PST_OK) lists the changed slots and returns the adapter, else
 * frees it. Returns `status` or its own failure. */
pst_status adapter_build_end(struct adapter_build *build, pst_status status,
                             struct pst_adapter **adapter, pst_error *err);

/* The tensor PREFIX module.part, marked as used; NULL: none, or *status says why not. */
const struct tensor *adapter_build_find(struct adapter_build *build, const char *module,
                                        const char *part, pst_status *status, pst_error *err);

/* The same of a tensor that all modules share, by its whole name; NULL: none. */
const struct tensor *adapter_build_find_shared(struct adapter_build *build, const char *key);

/* PEFT stores some tensors again in every module that uses them. Marks PREFIX module.part as used;
 * one that is not `original` again is an error. */
pst_status adapter_build_skip_copy(struct adapter_build *build, const char *module,
                                   const char *part, const struct tensor *original, pst_error *err);

/* `bytes` of zeros that live as long as the adapter; NULL with *status set. */
void *adapter_build_own(struct adapter_build *build, size_t count, size_t size, pst_status *status,
                        pst_error *err);

/* Points *values at the tensor as float32, widened into a copy unless it can be used in place. A
 * value that is not finite is an error that names its place. */
pst_status adapter_build_floats(struct adapter_build *build, const struct tensor *tensor,
                                const float **values, pst_error *err);

/* Puts rows of a convolution, [rows, in, kernel], in the network's order, [rows, kernel, in]. */
pst_status adapter_build_reorder(struct adapter_build *build, const struct module *module,
                                 size_t rows, const float **values, pst_error *err);

/* Modules whose tensors an adapter replaces whole. */
struct adapter_saved {
    const char *const *names; /* [count]: modules_to_save */
    size_t count;
    int ties_output;              /* proj_out goes with embed_tokens (ensure_weight_tying) */
    const unsigned char *wrapped; /* [module_count]: the adapter's matrices wrap it */
};

/* Takes every tensor of the file that PEFT would load over one of the base. */
pst_status adapter_build_replaced(struct adapter_build *build, const struct adapter_saved *saved,
                                  pst_error *err);

/* Modules are shown without the "model." that nearly all of their names begin with. */
const char *adapter_shown(const char *module);
void adapter_build_warn(const struct adapter_build *build, const pst_error *note);
/* Appends `name` to a list in a message, of which there are `count` so far; a few are shown. */
void adapter_list_name(struct buffer *list, const char *name, size_t count);

#endif
