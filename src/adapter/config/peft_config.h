/* peft_config.h - adapter_config.json of any method of PEFT.
 *
 * LoRA's is read by lora_config.h. The other methods share with it how modules are chosen, and most of
 * them rank and alpha; each adds a few settings. A method that is not computed here is refused by its
 * name, and so is a setting that is not. */
#ifndef PST_ADAPTER_CONFIG_PEFT_CONFIG_H
#define PST_ADAPTER_CONFIG_PEFT_CONFIG_H

#include "adapter/config/lora_config.h"
#include "potstill.h"

enum peft_method { PEFT_LORA, PEFT_ADALORA, PEFT_LOHA, PEFT_LOKR, PEFT_IA3 };

struct peft_config {
    enum peft_method method;
    /* The file, and what the method shares with LoRA: the choice of modules, rank and alpha. IA3 has
     * no rank, and 1 here. */
    struct lora_config lora;
    int random_init;          /* tensors that are not stored are random in PEFT */
    int effective_conv;       /* LoHa, LoKr: a convolution has a core tensor of its own */
    int decompose_both;       /* LoKr: the first factor may be a product too */
    int64_t decompose_factor; /* LoKr: wanted rows of the first factor; -1: near the root */
    struct lora_choice feedforward_modules; /* IA3: scaled by input, not by output */
    const json_t *rank_masks; /* AdaLoRA: {"<module>.lora_E": [true, ...]}; NULL: none */
};

/* Reads and judges `path`. `options` (NULL: silent) hears of keys nobody knows. */
pst_status peft_config_open(struct peft_config *config, const char *path,
                            const pst_adapter_options *options, pst_error *err);
/* The same from parsed JSON, which it takes over, also when it fails. */
pst_status peft_config_parse(struct peft_config *config, struct json_file *file,
                             const pst_adapter_options *options, pst_error *err);
void peft_config_close(struct peft_config *config);

/* "LORA", ... */
const char *peft_method_name(enum peft_method method);

#endif
