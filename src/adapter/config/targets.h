/* targets.h - which modules an adapter config means, at which rank and alpha.
 *
 * The rules are those of PEFT 0.18.1, applied to the names of the reference's named_modules(). What
 * PEFT could not have made (an adapter on a norm or a whole layer) is refused by module name. */
#ifndef PST_ADAPTER_CONFIG_TARGETS_H
#define PST_ADAPTER_CONFIG_TARGETS_H

#include <stdint.h>

#include "adapter/config/selection.h"
#include "model/weights.h"
#include "potstill.h"

struct target {
    uint32_t rank; /* 0: not adapted */
    double alpha;
    double scale; /* alpha / rank, or alpha / sqrt(rank) with rslora */
};

/* Fills targets [count], one per module, and *adapted, how many have a rank: at least one, or it is
 * PST_ERR_MODEL. */
pst_status targets_find(const struct selection *selection, const struct module *modules,
                        uint32_t count, struct target *targets, uint32_t *adapted, pst_error *err);

#endif
