/* runtime.h - runs a package with Core ML itself, on macOS.
 *
 * The same few calls as the interpreter's (interpret.h), with the same tensors, so that whoever runs a
 * package need not know which of the two does. Only runtime.m knows Objective-C; on other systems
 * runtime_other.c says that macOS is needed. */
#ifndef PST_COREML_RUN_RUNTIME_H
#define PST_COREML_RUN_RUNTIME_H

#include "coreml/interpret/interpret.h"

enum coreml_units { COREML_UNITS_ALL, COREML_UNITS_ANE, COREML_UNITS_GPU, COREML_UNITS_CPU };

struct coreml_options {
    enum coreml_units units;
    const char *function;  /* of a package with several; NULL: its default */
    const char *cache_dir; /* where compiled models are kept; NULL: compiled anew each time */
    void (*warn)(void *user, const char *message); /* NULL: silent */
    void *user;
};

struct coreml_model;

/* Is there Core ML here? PST_ERR_UNSUPPORTED: no. */
pst_status coreml_check(pst_error *err);

/* Compiles the package at `path` (once, with a cache_dir: the first time may take long) and loads it.
 * Where the compute units asked for refuse it, it is tried on fewer, with a warning. */
pst_status coreml_model_open(struct coreml_model **model, const char *path,
                             const struct coreml_options *options, pst_error *err);
void coreml_model_free(struct coreml_model *model);

/* As mil_machine_run(): inputs by name as F32 or I32, whatever the package declares; outputs [output_count]
 * by the names in them, filled in with tensors that live until the next run. */
pst_status coreml_model_run(struct coreml_model *model, const struct mil_tensor *inputs,
                            size_t input_count, struct mil_tensor *outputs, size_t output_count,
                            pst_error *err);

/* Copies between the state called `name` and `data` [count], as float: `write` 1 into the state. */
pst_status coreml_model_state(struct coreml_model *model, const char *name, float *data,
                              size_t count, int write, pst_error *err);

#endif
