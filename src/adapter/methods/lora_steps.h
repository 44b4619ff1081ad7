/* lora_steps.h - a LoRA adapter under construction: the steps, one file each.
 *
 * The order is that of loading in PEFT: matrices and replaced tensors first, then what is computed
 * from them, corrections of the base before the norms that include them. */
#ifndef PST_ADAPTER_METHODS_LORA_STEPS_H
#define PST_ADAPTER_METHODS_LORA_STEPS_H

#include "adapter/adapter_walk.h"

/* lora_A, lora_B and what comes with them, of one target. A module without them is noted. */
pst_status lora_take_matrices(struct adapter_walk *walk, uint32_t slot, pst_error *err);
/* trainable_token_indices. */
pst_status lora_take_tokens(struct adapter_walk *walk, pst_error *err);
/* PiSSA and OLoRA: what they took out of the base, as matrices that take it out again. */
pst_status lora_correct_base(struct adapter_walk *walk, uint32_t slot, pst_error *err);
/* DoRA: the norms and, from them, the factors. */
pst_status lora_find_norms(struct adapter_walk *walk, uint32_t slot, pst_error *err);

#endif
