/* check.h - is this a package that Core ML accepts? All that can be known without Core ML. */
#ifndef PST_COREML_CHECK_CHECK_H
#define PST_COREML_CHECK_CHECK_H

#include "base/findings.h"
#include "coreml/check/checker.h"

/* Reads and checks the package `path`; `prefix` ("" or "X.mlpackage/") is put before file names. */
pst_status check_package(struct findings *findings, const char *path, const char *prefix,
                         pst_error *err);

/* Checks a program in memory. `report` is called for each thing that is wrong. The only other
 * status than PST_OK is PST_ERR_MEMORY: the check could not be finished. */
pst_status check_model(const struct mil_model *model, checker_report_fn report, void *user);
/* Checks one function of it, without the description: what the interpreter trusts. */
pst_status check_function(const struct mil_model *model, const struct mil_function *function,
                          checker_report_fn report, void *user);

#endif
