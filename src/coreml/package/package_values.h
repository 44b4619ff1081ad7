/* package_values.h - types and constants out of the messages of a package. */
#ifndef PST_COREML_PACKAGE_PACKAGE_VALUES_H
#define PST_COREML_PACKAGE_PACKAGE_VALUES_H

#include "coreml/mil/mil.h"
#include "package.pb-c.h"

/* `name` is what messages call the value. */
pst_status value_read_type(const PstMil__ValueType *message, const char *name,
                           struct mil_type *type, pst_error *err);

/* Type, data and place of the constant of `message`; data is copied into the model or points into
 * its weight file. */
pst_status value_read(const PstMil__Value *message, const char *name, struct mil_model *model,
                      struct mil_value *value, pst_error *err);

/* The member of the message Tensor that holds elements of a type: a rule of the format. What has no
 * other is raw bytes. */
const char *value_member(enum mil_dtype dtype);

/* The text of a scalar of type string; NULL: it is something else. */
const char *value_text(const PstMil__Value *message);

#endif
