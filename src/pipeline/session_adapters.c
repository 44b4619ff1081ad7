/* session_adapters.c - which adapters a session uses.
 *
 * Choosing costs a few pointers: adapters lie ready in their own memory and the model is shared by all.
 * What PEFT cannot combine, because two adapters would each put their own tensor in one place, is
 * refused here, before anything is computed. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "model/adapter.h"
#include "pipeline/session.h"

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
    if ((a->weight && is_bound(b)) || (b->weight && is_bound(a)) ||
        (a->corrects_base && is_bound(b)) || (b->corrects_base && is_bound(a)))
        return error_set(err, PST_ERR_ARGUMENT,
                         "two of the adapters change the base weight of %s, which DoRA, PiSSA or "
                         "OLoRA in one of them was computed from: only one can be in use",
                         module->name);
    return PST_OK;
}

static pst_status check_together(const struct weights *weights, const pst_adapter *const *adapters,
                                 size_t count, pst_error *err) {
    pst_status status = PST_OK;
    for (uint32_t slot = 0; slot < weights->module_count; slot++)
        for (size_t i = 1; i < count && !status; i++)
            for (size_t j = 0; j < i && !status; j++)
                status = check_pair(&weights->modules[slot], &adapters[j]->effects[slot],
                                    &adapters[i]->effects[slot], err);
    return status;
}

/* Room that one more adapter needs. */
static void add_needs(struct extent *needs, const struct pst_adapter *adapter) {
    size_t rank = 0;
    for (uint32_t i = 0; i < adapter->slot_count; i++) {
        const struct effect *effect = &adapter->effects[adapter->slots[i]];
        if (effect->rank > rank) rank = effect->rank;
        needs->scales_outputs |= effect->out_scale || effect->b_bias;
        needs->scales_inputs |= effect->in_scale != NULL;
    }
    needs->rank += rank;
}

static pst_status check(const pst_session *session, const pst_adapter *const *adapters,
                        const double *weights, size_t count, pst_error *err) {
    if (!session || (count && !adapters))
        return error_set(err, PST_ERR_ARGUMENT, "session and adapters must not be NULL");
    for (size_t i = 0; i < count; i++) {
        if (!adapters[i])
            return error_set(err, PST_ERR_ARGUMENT, "adapter %zu of %zu is NULL", i + 1, count);
        if (adapters[i]->model != session->model)
            return error_set(err, PST_ERR_ARGUMENT, "the adapter was opened for another model");
        if (weights && !isfinite(weights[i]))
            return error_set(err, PST_ERR_ARGUMENT, "the weight of adapter %zu is not finite",
                             i + 1);
    }
    return check_together(&session->model->weights, adapters, count, err);
}

pst_status pst_session_use_adapters(pst_session *session, const pst_adapter *const *adapters,
                                    const double *weights, size_t count, pst_error *err) {
    pst_status status = check(session, adapters, weights, count, err);
    if (status) return status;
    struct active *active = count ? malloc(count * sizeof *active) : NULL;
    if (count && !active) return error_memory(err, count * sizeof *active);
    session->needs = (struct extent){0};
    for (size_t i = 0; i < count; i++) {
        active[i] = (struct active){adapters[i]->effects, weights ? weights[i] : 1.0};
        add_needs(&session->needs, adapters[i]);
    }
    free(session->active);
    session->active = active;
    session->workspace.active = active;
    session->workspace.active_count = count;
    return PST_OK;
}

pst_status pst_session_use_adapter(pst_session *session, const pst_adapter *adapter,
                                   pst_error *err) {
    return pst_session_use_adapters(session, &adapter, NULL, adapter ? 1 : 0, err);
}
