/* adapter_together.c - which adapters can act together, in a session or in a merged model.
 *
 * PEFT does not combine two adapters that each put their own tensor in the same place either. */
#include "adapter/adapter.h"
#include "base/error.h"
#include "model/model.h"

/* A tensor that both put in the same place; NULL: there is none. */
static const char *common_place(const struct effect *a, const struct effect *b) {
    if (a->weight && b->weight) return "weight";
    if (a->bias && b->bias) return "bias";
    if ((a->weight && b->row_count) || (a->row_count && b->weight)) return "weight";
    for (uint32_t i = 0, j = 0; i < a->row_count && j < b->row_count;)
        if (a->row_ids[i] == b->row_ids[j])
            return "embedding of a token";
        else if (a->row_ids[i] < b->row_ids[j])
            i++;
        else
            j++;
    return NULL;
}

/* Was a part of this effect computed from the base's weight? */
static int is_bound(const struct effect *effect) {
    return effect->norms || effect->corrects_base;
}

static pst_status check_pair(const struct module *module, const struct effect *a,
                             const struct effect *b, pst_error *err) {
    const char *place = common_place(a, b);
    if (place)
        return error_set(err, PST_ERR_ARGUMENT,
                         "two of the adapters replace the %s of %s: only one can be in use", place,
                         module->name);
    if ((a->from_base && effect_changes(b)) || (b->from_base && effect_changes(a)))
        return error_set(err, PST_ERR_ARGUMENT,
                         "two of the adapters change %s, and the change of one was computed from "
                         "the base's weight: only one can be in use",
                         module->name);
    if ((a->weight && is_bound(b)) || (b->weight && is_bound(a)) ||
        (a->corrects_base && is_bound(b)) || (b->corrects_base && is_bound(a)))
        return error_set(
            err, PST_ERR_ARGUMENT,
            "two of the adapters change the base weight of %s, which DoRA, PiSSA, OLoRA "
            "or KaSA in one of them was computed from: only one can be in use",
            module->name);
    return PST_OK;
}

pst_status adapter_check_together(const struct weights *weights, const pst_adapter *const *adapters,
                                  size_t count, pst_error *err) {
    pst_status status = PST_OK;
    for (uint32_t slot = 0; slot < weights->module_count; slot++)
        for (size_t i = 1; i < count && !status; i++)
            for (size_t j = 0; j < i && !status; j++)
                status = check_pair(&weights->modules[slot], &adapters[j]->effects[slot],
                                    &adapters[i]->effects[slot], err);
    return status;
}
