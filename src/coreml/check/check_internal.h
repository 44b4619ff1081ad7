/* check_internal.h - what the parts of the structure check share. */
#ifndef PST_COREML_CHECK_CHECK_INTERNAL_H
#define PST_COREML_CHECK_CHECK_INTERNAL_H

#include "coreml/check/check.h"
#include "coreml/mil/mil.h"

struct checking {
    const struct mil_model *model;
    void (*told)(void *user, pst_severity severity, const char *message);
    void *user;
};

void check_tell(struct checking *run, pst_severity severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* check_interface.c: the description against the functions. */
void check_interfaces(struct checking *run);

#endif
