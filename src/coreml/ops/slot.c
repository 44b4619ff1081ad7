/* slot.c - see slot.h. */
#include "coreml/ops/slot.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"

pst_status slot_fill(struct slot_memory *memory, struct slot *slot, const struct mil_type *type,
                     pst_error *err) {
    size_t count, bytes;
    slot_release(memory, slot);
    /* An empty tensor has an address too. */
    if (!mil_type_count(type, &count) || !checked_mul(count ? count : 1, sizeof(float), &bytes) ||
        bytes > memory->limit - memory->used)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "'%s' would take the tensors beyond %zu MB of memory", slot->tensor.name,
                         memory->limit >> 20);
    slot->memory = malloc(bytes);
    if (slot->memory == NULL) return error_memory(err, bytes);
    slot->bytes = bytes;
    memory->used += bytes;
    slot->tensor.type = *type;
    if (mil_is_float(type->dtype))
        slot->tensor.f = slot->memory;
    else
        slot->tensor.i = slot->memory;
    return PST_OK;
}

int slot_is_filled(const struct slot *slot) {
    return slot->tensor.f != NULL || slot->tensor.i != NULL;
}

void slot_release(struct slot_memory *memory, struct slot *slot) {
    free(slot->memory);
    memory->used -= slot->bytes;
    slot->memory = NULL;
    slot->bytes = 0;
    slot->tensor.f = NULL;
    slot->tensor.i = NULL;
}

void slot_borrow(struct slot *to, const struct slot *from) {
    to->tensor.type = from->tensor.type;
    to->tensor.f = from->tensor.f;
    to->tensor.i = from->tensor.i;
}
