/* runner.h - what runs the functions of packages: the interpreter on any system, Core ML on macOS.
 *
 * A function keeps its inputs between runs; the caller writes only what has changed.
 * Numbers are float here, whatever type the package declares: ids and positions are
 * small, so they are exact. */
#ifndef PST_COREML_RUN_RUNNER_H
#define PST_COREML_RUN_RUNNER_H

#include <stddef.h>

#include "potstill.h"

/* Elements of a tensor in row-major order: `count` of them from `first` on, `step` apart. */
struct places {
    size_t first, step, count;
};

/* A loaded function; each runner has its own kind. */
struct function;

struct runner {
    const char *name; /* "mil", "coreml" */
    /* PST_ERR_DEVICE where this system does not have it; NULL: all have it. */
    pst_status (*check)(pst_error *err);
    /* Loads a function of the package at `path`; `name` NULL: its only one. Inputs are 0. */
    pst_status (*load)(const pst_model_options *options, unsigned threads, const char *path,
                       const char *name, struct function **function, pst_error *err);
    void (*unload)(struct function *function);
    /* Writes data [places.count] to elements of an input. */
    pst_status (*write)(struct function *function, const char *input, struct places places,
                        const float *data, pst_error *err);
    /* Makes an output of the last run of `from` an input of the same name. */
    pst_status (*feed)(struct function *function, const char *input, struct function *from,
                       pst_error *err);
    pst_status (*run)(struct function *function, pst_error *err);
    /* Copies an output of the last run, which must have `count` elements. */
    pst_status (*read)(struct function *function, const char *output, float *data, size_t count,
                       pst_error *err);
};

/* The interpreter; it rounds to the float types that the package declares. */
extern const struct runner runner_mil;
/* Core ML. */
extern const struct runner runner_coreml;

#endif
