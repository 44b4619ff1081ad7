/* hub_download.h - the bytes of one file, checked, under the name of their digest. */
#ifndef PST_HUB_HUB_DOWNLOAD_H
#define PST_HUB_HUB_DOWNLOAD_H

#include "hub/hub_client.h"
#include "hub/hub_store.h"

/* Makes the blob of `file`, unless it is there or another process makes it meanwhile. `name` is for
 * messages. */
pst_status hub_download_blob(struct hub_http *http, const struct hub_store *store,
                             const struct hub_file *file, const char *name, pst_error *err);

#endif
