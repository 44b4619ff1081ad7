/* slot.h - a value of a program that is prepared for running, and the memory of its tensor.
 *
 * Slots live as long as the program; the memory of a tensor is allocated when a slot is filled, and
 * freed when it is released. */
#ifndef PST_COREML_OPS_SLOT_H
#define PST_COREML_OPS_SLOT_H

#include "coreml/mil/mil.h"
#include "coreml/mil/mil_tensor.h"

struct bound_block;

struct slot {
    struct mil_tensor tensor; /* f and i are NULL while there is nothing in it */
    const struct mil_value *value;
    void *memory; /* what it owns of the tensor; NULL: borrowed, or empty */
    size_t bytes; /* of it */
    int constant; /* keeps its tensor */
    int decoded;  /* a constant whose tensor is needed while running, not only while preparing */
    struct slot *twin; /* a constant of the same bytes, whose tensor this one borrows */
    const struct bound_block *block; /* where the value is defined; NULL: a constant */
    size_t last;                     /* index of the last step of `block` that needs it */
    struct slot *next_release;       /* in the list of that step */
    struct slot *next_defined;       /* in the list of `block`, while preparing */
};

/* Bytes that tensors take, and may take. */
struct slot_memory {
    size_t used, limit;
};

/* Gives a slot memory for a tensor of this type, all dimensions known. Contents undefined. */
pst_status slot_fill(struct slot_memory *memory, struct slot *slot, const struct mil_type *type,
                     pst_error *err);
int slot_is_filled(const struct slot *slot);
/* Empties a slot. */
void slot_release(struct slot_memory *memory, struct slot *slot);
/* Makes the empty slot `to` point to the tensor of `from`, which stays its owner. */
void slot_borrow(struct slot *to, const struct slot *from);

#endif
