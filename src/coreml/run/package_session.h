/* package_session.h - the functions of a converted model that a session has loaded. */
#ifndef PST_COREML_RUN_PACKAGE_SESSION_H
#define PST_COREML_RUN_PACKAGE_SESSION_H

#include "base/thread_pool.h"
#include "coreml/run/package_model.h"

/* Functions are loaded when a clip first needs them. */
struct loaded_part {
    const struct package_part *part;
    struct function *function;
};

struct package_session {
    const struct package_model *package;
    const struct runner *runner; /* of the package */
    unsigned threads;
    struct loaded_part *loaded; /* [loaded_count] */
    size_t loaded_count;
    float *row; /* [row_size]: scratch for an input or an output */
    size_t row_size;
};

/* package_session_close() in any case. */
pst_status package_session_open(struct package_session *session,
                                const struct package_model *package, struct thread_pool *pool,
                                pst_error *err);
void package_session_close(struct package_session *session);

/* The function of `part`, loaded. */
pst_status package_session_load(struct package_session *session, const struct package_part *part,
                                struct function **function, pst_error *err);
/* Makes room for `count` numbers in session->row. */
pst_status package_session_reserve(struct package_session *session, size_t count, pst_error *err);
/* Writes an input [count]: `first_count` times `first`, then `rest`. */
pst_status package_session_fill(struct package_session *session, struct function *function,
                                const char *input, size_t count, float first, size_t first_count,
                                float rest, pst_error *err);

/* The shortest length that the clip fits. Sessions refuse longer ones. */
const struct package_length *package_session_length(const struct package_session *session,
                                                    size_t samples);
/* Runs the encoder of `length` on samples [count]. */
pst_status package_session_encode(struct package_session *session,
                                  const struct package_length *length, const float *samples,
                                  size_t count, struct function **encoder, pst_error *err);

#endif
