/* lora_blocks.h - use_bdlora of adapter_config.json: LoRA with a matrix in blocks. */
#ifndef PST_ADAPTER_CONFIG_LORA_BLOCKS_H
#define PST_ADAPTER_CONFIG_LORA_BLOCKS_H

#include "adapter/config/selection.h"

enum lora_blocked { LORA_BLOCKED_NONE, LORA_BLOCKED_A, LORA_BLOCKED_B };

struct lora_blocks {
    int64_t count;              /* 0: not BD-LoRA */
    struct selection_rule a, b; /* a module whose name holds one of these has blocks there */
    int strict;                 /* each target must */
};

pst_status lora_blocks_read(struct lora_blocks *blocks, const struct selection *selection,
                            pst_error *err);
void lora_blocks_free(struct lora_blocks *blocks);

/* Which matrix of the module `name` has blocks. */
pst_status lora_blocks_find(const struct lora_blocks *blocks, const char *path, const char *name,
                            enum lora_blocked *blocked, pst_error *err);

#endif
