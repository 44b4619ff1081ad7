/* profile.c - recording what a session's threads do, and summing up the time by stage. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "pipeline/session.h"

const char *pst_stage_name(pst_stage stage) {
    static const char *const NAMES[] = {"stem",    "encoder", "cross_kv",
                                        "decoder", "search",  "detail"};
    return (unsigned)stage <= PST_STAGE_DETAIL ? NAMES[stage] : "unknown";
}

pst_status pst_session_record(pst_session *session, int on, pst_error *err) {
    if (!session) return error_set(err, PST_ERR_ARGUMENT, "session must not be NULL");
    spans_free(session->spans);
    session->spans = session->backend->spans = NULL;
    if (!on) return PST_OK;
    pst_status status = spans_new(&session->spans, thread_pool_size(session->pool), err);
    session->backend->spans = session->spans;
    return status;
}

const pst_span *pst_session_spans(pst_session *session, size_t *count, size_t *lost) {
    size_t missing = 0;
    const pst_span *all = NULL;
    *count = 0;
    if (session->spans) all = spans_all(session->spans, count, &missing);
    if (lost) *lost = missing;
    return all;
}

/* A span begins or ends. */
struct event {
    uint64_t at_ns;
    pst_stage stage;
    int change; /* +1, -1 */
};

static int in_time(const void *a, const void *b) {
    const struct event *left = a, *right = b;
    if (left->at_ns != right->at_ns) return left->at_ns < right->at_ns ? -1 : 1;
    return left->change - right->change; /* ends first */
}

/* Goes through the events, counting how many threads are in each stage. */
static void sweep(const struct event *events, size_t count, double ms[PST_STAGE_COUNT]) {
    int working[PST_STAGE_COUNT] = {0}, all = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && all > 0) {
            double passed = (double)(events[i].at_ns - events[i - 1].at_ns) * 1e-6;
            for (int s = 0; s < PST_STAGE_COUNT; s++) ms[s] += passed * working[s] / all;
        }
        working[events[i].stage] += events[i].change;
        all += events[i].change;
    }
}

pst_status pst_spans_by_stage(const pst_span *spans, size_t count, double ms[PST_STAGE_COUNT],
                              pst_error *err) {
    struct event *events = malloc((2 * count + 1) * sizeof *events);
    size_t n = 0;
    if (!events) return error_memory(err, 2 * count * sizeof *events);
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)spans[i].stage >= PST_STAGE_COUNT) continue;
        events[n++] = (struct event){spans[i].start_ns, spans[i].stage, 1};
        events[n++] = (struct event){spans[i].end_ns, spans[i].stage, -1};
    }
    qsort(events, n, sizeof *events, in_time);
    memset(ms, 0, PST_STAGE_COUNT * sizeof *ms);
    sweep(events, n, ms);
    free(events);
    return PST_OK;
}
