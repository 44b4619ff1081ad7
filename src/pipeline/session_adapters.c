/* session_adapters.c - which adapters a session uses.
 *
 * Choosing is cheap: it sets a few pointers to adapters that are open. Adapters that cannot be
 * combined are refused here, before anything is computed. */
#include <math.h>

#include "adapter/adapter.h"
#include "base/error.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"

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
    struct engine *engine = session ? engine_of(session->backend) : NULL;
    if (status || !engine) return status; /* without the engine there are no adapters to use */
    return engine_use_adapters(engine, adapters, weights, count, err);
}

pst_status pst_session_use_adapter(pst_session *session, const pst_adapter *adapter,
                                   pst_error *err) {
    return pst_session_use_adapters(session, &adapter, NULL, adapter ? 1 : 0, err);
}
