/* methods.h - the methods of PEFT that are computed, for adapter_walk.h. */
#ifndef PST_ADAPTER_METHODS_METHODS_H
#define PST_ADAPTER_METHODS_METHODS_H

#include "adapter/adapter_walk.h"

extern const struct adapter_method LORA_METHOD, ADALORA_METHOD, LYCORIS_METHOD, IA3_METHOD,
    VERA_METHOD, RANDLORA_METHOD, MISS_METHOD, C3A_METHOD, SHIRA_METHOD, DELORA_METHOD, HIRA_METHOD,
    GRALORA_METHOD, HRA_METHOD, LN_TUNING_METHOD, TRAINABLE_TOKENS_METHOD;

#endif
