/* lora_config.h - settings of LoRA alone in adapter_config.json: DoRA, biases, single tokens, and
 * how the matrices were initialised.
 *
 * Reading and checking are two steps: lora_config_read() accepts whatever the file asks for,
 * lora_config_check() refuses what cannot be applied exactly. */
#ifndef PST_ADAPTER_CONFIG_LORA_CONFIG_H
#define PST_ADAPTER_CONFIG_LORA_CONFIG_H

#include <stdint.h>

#include "adapter/config/lora_blocks.h"
#include "adapter/config/selection.h"
#include "potstill.h"

/* Single rows of one embedding or output matrix. */
struct lora_tokens {
    const char *option, *part; /* what the list and its tensor are called */
    const char *module;        /* the end of its name */
    uint32_t *ids;             /* [count] in file order */
    size_t count;
};

/* What training did to the base weights before it began, and loading has to repeat. */
enum lora_correction {
    LORA_CORRECTION_NONE,
    LORA_CORRECTION_PISSA,
    LORA_CORRECTION_OLORA,
    LORA_CORRECTION_KASA
};

struct lora_config {
    int use_dora, lora_bias, ensure_weight_tying;
    int init_zeroes_b; /* a lora_B that the tensor file lacks is zero, so its module is unchanged */
    int init_is_gaussian;
    const char *init; /* init_lora_weights when it is a text, else NULL */
    enum lora_correction correction;
    struct lora_blocks blocks;  /* BD-LoRA */
    struct lora_tokens *tokens; /* [token_lists]: trainable_token_indices */
    size_t token_lists;
};

/* Fills `selection` too. */
pst_status lora_config_read(struct lora_config *config, struct selection *selection,
                            pst_error *err);
/* token_indices, the only setting of the method TRAINABLE_TOKENS. */
pst_status lora_config_read_indices(struct lora_config *config, const struct selection *selection,
                                    pst_error *err);
pst_status lora_config_check(const struct lora_config *config, const struct selection *selection,
                             pst_error *err);
void lora_config_free(struct lora_config *config);

#endif
