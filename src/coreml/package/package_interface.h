/* package_interface.h - the description of a package, which apps see, to its message and back. */
#ifndef PST_COREML_PACKAGE_PACKAGE_INTERFACE_H
#define PST_COREML_PACKAGE_PACKAGE_INTERFACE_H

#include "coreml/mil/mil.h"
#include "package.pb-c.h"

/* Numbers of types in the description. */
enum {
    ARRAY_F16 = 65552,
    ARRAY_F32 = 65568,
    ARRAY_F64 = 65600,
    ARRAY_I8 = 131080,
    ARRAY_I32 = 131104
};

void interface_write(struct mil_model *scratch, void *description, const struct mil_model *model);

/* Sets the interfaces and the metadata of `model`, with everything copied. */
pst_status interface_read(const PstMil__Description *description, struct mil_model *model,
                          pst_error *err);

#endif
