/* machine_constant.h - constants of a program as tensors. */
#ifndef PST_COREML_INTERPRET_MACHINE_CONSTANT_H
#define PST_COREML_INTERPRET_MACHINE_CONSTANT_H

#include "coreml/ops/slot.h"

/* Fills the slot of a constant from its bytes. A string stays as it is. */
pst_status machine_decode(struct slot_memory *memory, struct slot *slot, pst_error *err);

#endif
