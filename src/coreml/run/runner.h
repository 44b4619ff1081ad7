/* runner.h - who runs the functions of packages: the interpreter on any system, Core ML on macOS.
 *
 * A function keeps its inputs from run to run, in memory of the runner's kind; whoever calls writes what has
 * changed. Numbers are float here, whatever type the package declares: ids and positions are exact. */
#ifndef PST_COREML_RUN_RUNNER_H
#define PST_COREML_RUN_RUNNER_H

#include <stddef.h>

#include "potstill.h"

/* Numbers of a tensor, counted row by row: the one at `first`, and others each `step` on. */
struct places {
    size_t first, step, count;
};

/* A loaded function; each runner has its own kind. */
struct function;

struct runner {
    const char *name; /* "mil", "coreml" */
    /* Is it there on this system? NULL: it always is. */
    pst_status (*check)(pst_error *err);
    /* Loads a function of the package at `path`; `name` NULL: its only one. Inputs are 0. */
    pst_status (*load)(const pst_model_options *options, unsigned threads, const char *path,
                       const char *name, struct function **function, pst_error *err);
    void (*unload)(struct function *function);
    /* Puts data [places.count] into an input. */
    pst_status (*write)(struct function *function, const char *input, struct places places,
                        const float *data, pst_error *err);
    /* What `from` gave by this name in its last run becomes an input. */
    pst_status (*feed)(struct function *function, const char *input, struct function *from,
                       pst_error *err);
    pst_status (*run)(struct function *function, pst_error *err);
    /* Copies an output of the last run, which has to have `count` numbers. */
    pst_status (*read)(struct function *function, const char *output, float *data, size_t count,
                       pst_error *err);
};

/* The interpreter, rounding as the package's float types say. */
extern const struct runner runner_mil;
/* Core ML; where there is none, check() says so. */
extern const struct runner runner_coreml;

#endif
