/* runner_other.c - Core ML on other systems than macOS: it is missing. */
#include "coreml/run/runner.h"

#if !defined(__APPLE__)

#include "base/error.h"

static pst_status check(pst_error *err) {
    return error_set(err, PST_ERR_DEVICE,
                     "Core ML needs macOS; the device mil runs the same packages here, the cpu the "
                     "model they were made from");
}

/* After check() nobody calls the others. */
const struct runner runner_coreml = {.name = "coreml", .check = check};

#endif
