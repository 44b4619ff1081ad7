/* device.h - what computes in place of the engine: the packages of a converted model, opened.
 *
 * A model has a device or a network. Packages are above pipeline/: this is all that sessions know
 * of them. */
#ifndef PST_PIPELINE_DEVICE_H
#define PST_PIPELINE_DEVICE_H

#include "decode/backend.h"

struct device {
    const char *name;      /* "mil", "coreml" */
    const char *layout;    /* "split", "single", "stream" */
    const char *precision; /* "float16", ...; "" where the package does not say */
    /* What it can do; 0: no limit. */
    size_t samples_max;  /* of a clip */
    uint32_t tokens_max; /* of a transcript, start token included */
    uint32_t beams_max;
    const char *no_rules; /* why it follows none, as it chooses the tokens itself; NULL: it does */
    pst_status (*backend)(struct device *device, struct thread_pool *pool, struct backend **backend,
                          pst_error *err);
    void (*free)(struct device *device);
};

#endif
