/* cancel.h - the caller's wish to stop, asked for between two pieces of work.
 *
 * Long work asks often enough that no more than a tenth of a second lies between: for each tensor,
 * each part of a file. What is done then is what follows any other failure. */
#ifndef PST_BASE_CANCEL_H
#define PST_BASE_CANCEL_H

#include "base/error.h"

struct cancel {
    int (*cancelled)(void *user); /* NULL: never; several threads may call it at once */
    void *user;
};

/* PST_OK, or PST_ERR_CANCELLED. `cancel` may be NULL. */
static inline pst_status cancel_check(const struct cancel *cancel, pst_error *err) {
    if (!cancel || !cancel->cancelled || !cancel->cancelled(cancel->user)) return PST_OK;
    return error_set(err, PST_ERR_CANCELLED, "stopped, as was asked for");
}

#endif
