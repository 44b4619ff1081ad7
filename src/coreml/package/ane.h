/* ane.h - what in a program is known to keep the Neural Engine from running it, and who says so. */
#ifndef PST_COREML_PACKAGE_ANE_H
#define PST_COREML_PACKAGE_ANE_H

#include "coreml/mil/mil.h"

enum { ANE_RULES_MAX = 16 };

struct ane_finding {
    const char *rule, *source; /* static */
    size_t count;              /* operations or values */
    const char *first;         /* the name of the first of them; lives as long as the model */
};

struct ane_report {
    size_t operations; /* constants not counted */
    struct ane_finding findings[ANE_RULES_MAX];
    size_t count;
};

void ane_examine(const struct mil_model *model, struct ane_report *report);

#endif
