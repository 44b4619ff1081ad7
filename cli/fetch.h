/* fetch.h - names to folders, with whatever has to be downloaded for it.
 *
 * A download is said once, shown on a terminal, and ended by SIGINT, SIGTERM and SIGHUP like any
 * other work, but only after its partial file is removed. */
#ifndef POTSTILL_CLI_FETCH_H
#define POTSTILL_CLI_FETCH_H

#include "environment.h"
#include "potstill.h"

/* pst_find_model(); downloads unless the environment is offline. */
pst_status fetch_find(const struct environment *environment, const char *name, const char *required,
                      const char *revision, char **dir, pst_error *err);
/* pst_hub_pull() of whatever `id` is. */
pst_status fetch_pull(const struct environment *environment, const char *id, const char *revision,
                      char **dir, pst_error *err);
/* Says why either failed, and what the user can do about it. Returns the exit code. */
int fetch_fail(const struct environment *environment, const char *name, const char *required,
               const char *revision, const pst_error *err);

#endif
