/* folder_kind.h - what a folder is, by its files. */
#ifndef PST_FIND_FOLDER_KIND_H
#define PST_FIND_FOLDER_KIND_H

#include "find/finder.h"

/* Is there anything of this name? */
int folder_kind_exists(const char *path);
/* A folder of packages, or a package. */
int folder_kind_is_converted(const char *path);
/* PST_ERR_MODEL, saying what `name` is, when it is something else than `required` is a file of. */
pst_status folder_kind_check(const struct pst_finder *finder, const char *name,
                             const char *required, pst_error *err);

#endif
