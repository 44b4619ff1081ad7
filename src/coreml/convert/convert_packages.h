/* convert_packages.h - the packages of a folder: which there are, and which function does what. */
#ifndef PST_COREML_CONVERT_CONVERT_PACKAGES_H
#define PST_COREML_CONVERT_CONVERT_PACKAGES_H

#include "coreml/convert/convert_plan.h"

/* Writes all packages of the layouts split and stream into `dir`, and notes them for the index. */
pst_status convert_write_packages(struct conversion *conversion, const char *dir, pst_error *err);

#endif
