/* machine_plan.h - prepares a function for running. */
#ifndef PST_COREML_INTERPRET_MACHINE_PLAN_H
#define PST_COREML_INTERPRET_MACHINE_PLAN_H

#include "coreml/interpret/machine.h"

/* Binds the machine's function, and computes what depends on constants alone. */
pst_status machine_plan(struct mil_machine *machine, pst_error *err);

#endif
