/* convert_range.h - how far the residual streams of the model go, and what follows for float16. */
#ifndef PST_COREML_CONVERT_CONVERT_RANGE_H
#define PST_COREML_CONVERT_CONVERT_RANGE_H

#include "coreml/convert/convert_plan.h"

/* Measures the stored weights of a float16 conversion, sets conversion->encoder_residual and
 * decoder_residual, and scales what is added to the streams. A stream that does not fit keeps 0. */
pst_status convert_scale_residual(struct conversion *conversion, pst_error *err);

#endif
