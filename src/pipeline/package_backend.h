/* package_backend.h - who runs the functions of packages: the interpreter on any system, Core ML on macOS.
 *
 * Host code speaks of tensors by name and of their numbers, float32 or int32; what type the package
 * declares is between the backend and the package. */
#ifndef PST_PIPELINE_PACKAGE_BACKEND_H
#define PST_PIPELINE_PACKAGE_BACKEND_H

#include "coreml/interpret/interpret.h"
#include "coreml/mil/mil.h"
#include "coreml/run/runtime.h"

struct runner_options {
    unsigned threads;             /* of the interpreter */
    struct coreml_options coreml; /* of Core ML, but for the function */
};

struct runner {
    const char *name; /* "mil", "coreml" */
    /* Loads a function of the package at `path`; NULL: its only one. */
    pst_status (*load)(const struct runner_options *options, const char *path, const char *function,
                       void **loaded, pst_error *err);
    /* inputs [input_count] by name; fills outputs [output_count], of which the names are set, with
     * tensors that live until the next run of the same function. */
    pst_status (*run)(void *loaded, const struct mil_tensor *inputs, size_t input_count,
                      struct mil_tensor *outputs, size_t output_count, pst_error *err);
    void (*unload)(void *loaded);
};

/* The interpreter, rounding as the package's float types say. */
extern const struct runner runner_mil;
/* Core ML; where there is none every call says so. */
extern const struct runner runner_coreml;

/* The backend of a device, or PST_ERR_UNSUPPORTED where this system has none. */
pst_status runner_get(const struct runner **runner, pst_device device, pst_error *err);

#endif
