/* download.h - what is said and shown while the library downloads.
 *
 * A download is said once, shown on a terminal, and ended by SIGINT, SIGTERM and SIGHUP like any
 * other work, but only after its partial file is removed. */
#ifndef POTSTILL_CLI_DOWNLOAD_H
#define POTSTILL_CLI_DOWNLOAD_H

#include "potstill.h"

/* For the options of a finder; `endpoint` of it is what download_begin() was given. */
int download_watch(void *user, const pst_hub_progress *progress);
/* Around each call that may download from `endpoint`. */
void download_begin(const char *endpoint);
void download_end(void);

#endif
