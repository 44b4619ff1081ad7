/* nearby.h - what the user may have meant by the name of a folder that is not there. */
#ifndef PST_FIND_NEARBY_H
#define PST_FIND_NEARBY_H

#include "base/text_pool.h"

/* Whether `name` would be a folder of a folder that is here, as "models/tiny" is where there is a
 * folder models, and "tiny" is anywhere. */
int nearby_has_parent(const char *name, struct text_pool *pool);
/* The folder most like `name` beside where it should be, or else in `models_dir`, that holds
 * `required`; NULL: there is none. */
const char *nearby_name(const char *name, const char *required, const char *models_dir,
                        struct text_pool *pool);

#endif
