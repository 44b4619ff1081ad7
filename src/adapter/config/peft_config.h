/* peft_config.h - adapter_config.json of any method of PEFT.
 *
 * All share how modules are chosen, most of them rank and alpha too (selection.h); each adds a
 * few settings, LoRA the most (lora_config.h). A method or a setting that is not computed here
 * is refused by its name. */
#ifndef PST_ADAPTER_CONFIG_PEFT_CONFIG_H
#define PST_ADAPTER_CONFIG_PEFT_CONFIG_H

#include "adapter/config/lora_config.h"
#include "adapter/config/selection.h"
#include "formats/json_file.h"
#include "potstill.h"

/* PEFT's own files have a few kilobytes; with all modules of a large model listed, hundreds. */
enum { PEFT_CONFIG_BYTES_MAX = 4 << 20 };

/* Each has a row in peft_config.c and in adapter_open.c. */
enum peft_method {
    PEFT_LORA,
    PEFT_ADALORA,
    PEFT_LOHA,
    PEFT_LOKR,
    PEFT_IA3,
    PEFT_VERA,
    PEFT_PVERA,
    PEFT_RANDLORA,
    PEFT_MISS,
    PEFT_C3A,
    PEFT_SHIRA,
    PEFT_DELORA,
    PEFT_HIRA,
    PEFT_GRALORA,
    PEFT_HRA,
    PEFT_OFT,
    PEFT_BOFT,
    PEFT_ROAD,
    PEFT_BEFT,
    PEFT_LN_TUNING,
    PEFT_TRAINABLE_TOKENS,
    PEFT_METHOD_COUNT
};

struct peft_config {
    struct json_file file; /* owns every text below */
    enum peft_method method;
    const char *base_model;     /* "" when absent */
    struct selection selection; /* IA3 has no rank, and 1 here */
    struct lora_config lora;    /* LoRA alone */
    int random_init;            /* tensors that are not stored are random in PEFT */
    int effective_conv;         /* LoHa, LoKr: a convolution has a core tensor of its own */
    int decompose_both;         /* LoKr: the first factor may be a product too */
    int64_t decompose_factor;   /* LoKr: wanted rows of the first factor; -1: near the root */
    struct selection_rule feedforward_modules; /* IA3: scaled by input, not by output */
    const json_t *rank_masks; /* AdaLoRA: {"<module>.lora_E": [true, ...]}; NULL: none */
};

/* Reads and checks `path`. `options` (NULL: silent) is told of unknown keys. */
pst_status peft_config_open(struct peft_config *config, const char *path,
                            const pst_adapter_options *options, pst_error *err);
/* The same from parsed JSON, which it owns from then on, also when it fails. */
pst_status peft_config_parse(struct peft_config *config, struct json_file *file,
                             const pst_adapter_options *options, pst_error *err);
void peft_config_close(struct peft_config *config);

/* "LORA", ... */
const char *peft_method_name(enum peft_method method);

#endif
