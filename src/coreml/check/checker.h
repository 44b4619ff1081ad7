/* checker.h - the state of a check: what is checked, and where problems are reported. */
#ifndef PST_COREML_CHECK_CHECKER_H
#define PST_COREML_CHECK_CHECKER_H

#include "coreml/mil/mil.h"
#include "coreml/mil/scope.h"
#include "potstill_tools.h"

typedef void (*checker_report_fn)(void *user, pst_severity severity, const char *message);

struct checker {
    const struct mil_model *model;
    checker_report_fn report;
    void *user;
    struct scope scope; /* the names that can be seen where the check is */
    int failed;         /* out of memory: nothing more is reported, because it might not be true */
};

/* Reports a problem, because of which Core ML refuses the program, or a warning. */
void checker_problem(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void checker_warning(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
