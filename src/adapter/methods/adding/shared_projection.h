/* shared_projection.h - the pair of random matrices that VeRA, PVeRA and RandLoRA share among all
 * modules.
 *
 * PEFT draws them from torch's generator when an adapter is made and, unless save_projection is
 * false, stores them as base_model.<name>. Only stored ones are used: those of another version or
 * machine may differ, as PEFT says itself. Modules use the upper left corner that they need. */
#ifndef PST_ADAPTER_METHODS_ADDING_SHARED_PROJECTION_H
#define PST_ADAPTER_METHODS_ADDING_SHARED_PROJECTION_H

#include "adapter/adapter_walk.h"

/* The largest sizes of the targeted linear modules, which the matrices are made for. */
void shared_projection_sizes(const struct adapter_walk *walk, size_t *out, size_t *in);

/* Takes parts[2], with whole names of tensors, into walk->shared. */
pst_status shared_projection_take(struct adapter_walk *walk, const struct part parts[2],
                                  pst_error *err);

#endif
