/* runtime_other.c - Core ML where there is none. */
#include "coreml/run/runtime.h"

#if !defined(__APPLE__)

#include "base/error.h"

static pst_status needs_macos(pst_error *err) {
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "Core ML needs macOS (the device mil runs the same packages anywhere)");
}

pst_status coreml_check(pst_error *err) {
    return needs_macos(err);
}

pst_status coreml_model_open(struct coreml_model **model, const char *path,
                             const struct coreml_options *options, pst_error *err) {
    (void)model;
    (void)path;
    (void)options;
    return needs_macos(err);
}

void coreml_model_free(struct coreml_model *model) {
    (void)model;
}

pst_status coreml_model_run(struct coreml_model *model, const struct mil_tensor *inputs,
                            size_t input_count, struct mil_tensor *outputs, size_t output_count,
                            pst_error *err) {
    (void)model;
    (void)inputs;
    (void)input_count;
    (void)outputs;
    (void)output_count;
    return needs_macos(err);
}

pst_status coreml_model_state(struct coreml_model *model, const char *name, float *data,
                              size_t count, int write, pst_error *err) {
    (void)model;
    (void)name;
    (void)data;
    (void)count;
    (void)write;
    return needs_macos(err);
}

#endif
