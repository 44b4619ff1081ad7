/* session_adapters.c - which adapters a session uses.
 *
 * Choosing costs a few pointers: adapters lie ready in their own memory and the model is shared by all.
 * What cannot be combined is refused here, before anything is computed. */
#include <math.h>
#include <stdlib.h>

#include "adapter/adapter.h"
#include "base/error.h"
#include "pipeline/session.h"

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
    return adapter_check_together(&session->model->weights, adapters, count, err);
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
