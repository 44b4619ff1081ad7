/* lora_build.h - a LoRA adapter under construction: the steps, one file each.
 *
 * The order is that of loading in PEFT: matrices and replaced tensors first, then what is computed
 * from them, corrections of the base before the norms that include them. */
#ifndef PST_ADAPTER_METHODS_LORA_BUILD_H
#define PST_ADAPTER_METHODS_LORA_BUILD_H

#include "adapter/adapter_build.h"
#include "adapter/config/lora_config.h"
#include "adapter/config/lora_targets.h"

struct lora_build {
    struct adapter_build build;
    const struct lora_config *config;
    struct lora_target *targets; /* [module_count] */
    uint32_t applied;            /* targets with tensors */
};

/* lora_A, lora_B and what comes with them, of one targeted module. A module without is noted. */
pst_status lora_take_matrices(struct lora_build *lora, uint32_t slot, pst_error *err);
/* modules_to_save, biases, embeddings stored whole. */
pst_status lora_take_replaced(struct lora_build *lora, pst_error *err);
/* trainable_token_indices. */
pst_status lora_take_tokens(struct lora_build *lora, pst_error *err);
/* PiSSA and OLoRA: what they took out of the base, as matrices that take it out again. */
pst_status lora_correct_base(struct lora_build *lora, uint32_t slot, pst_error *err);
/* DoRA: the norms and, from them, the factors. */
pst_status lora_find_norms(struct lora_build *lora, uint32_t slot, pst_error *err);

#endif
