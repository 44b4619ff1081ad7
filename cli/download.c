/* download.c - see download.h. */
#include "download.h"

#include "console.h"
#include "output.h"
#include "progress.h"

/* Of the one call that is going on. */
static const char *from;
static int said;

int download_watch(void *user, const pst_hub_progress *progress) {
    (void)user;
    if (progress->total > 0 && !said) {
        said = 1;
        say("%s: downloading %.1f MB from %s", progress->id, (double)progress->total / 1e6, from);
    }
    if (progress->total > 0) progress_transfer(progress->file, progress->received, progress->total);
    return signals_pending();
}

void download_begin(const char *endpoint) {
    from = endpoint;
    said = 0;
    signals_hold();
}

void download_end(void) {
    progress_clear();
    signals_release();
}
