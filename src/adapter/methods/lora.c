/* lora.c - LoRA: a product of two matrices, and the options that PEFT adds to it.
 *
 * The steps are in the files of lora_steps.h; here is their order. */
#include "adapter/methods/lora_steps.h"
#include "adapter/methods/methods.h"
#include "model/model.h"

static pst_status finish(struct adapter_walk *walk, pst_error *err) {
    uint32_t count = walk->build.adapter->model->weights.module_count;
    pst_status status = lora_take_tokens(walk, err);
    for (uint32_t i = 0; i < count && !status; i++) {
        status = lora_correct_base(walk, i, err);
        if (!status) status = lora_find_norms(walk, i, err);
    }
    return status;
}

static const char *example(const struct module *module) {
    return module->kind == MODULE_EMBEDDING ? "lora_embedding_B" : "lora_B.weight";
}

const struct adapter_method LORA_METHOD = {
    .kinds = 1u << MODULE_LINEAR | 1u << MODULE_CONV1D | 1u << MODULE_EMBEDDING,
    .apply = lora_take_matrices,
    .finish = finish,
    .missing = "no lora_B",
    .example = example,
};
