/* package_drafts.h - the texts of an index that are likely to be said (convert --drafts). */
#ifndef PST_COREML_RUN_PACKAGE_DRAFTS_H
#define PST_COREML_RUN_PACKAGE_DRAFTS_H

#include <jansson.h>

#include "potstill.h"

struct package_drafts {
    pst_sequence_bias *texts; /* [count]; their tokens are `ids` */
    size_t count;
    int32_t *ids;
};

/* `list` has lists of tokens below `vocab`; NULL: there are none. `path` is for messages. Release
 * with package_drafts_free() in any case. */
pst_status package_drafts_read(struct package_drafts *drafts, const json_t *list, uint32_t vocab,
                               const char *path, pst_error *err);
void package_drafts_free(struct package_drafts *drafts);

#endif
