/* refused_methods.h - the methods of PEFT that are not computed, and the way out of each. */
#ifndef PST_ADAPTER_CONFIG_REFUSED_METHODS_H
#define PST_ADAPTER_CONFIG_REFUSED_METHODS_H

#include "potstill.h"

/* PST_ERR_UNSUPPORTED: why peft_type `kind` of the config `path` cannot be used, and what can be
 * done about it. */
pst_status refused_method(const char *path, const char *kind, pst_error *err);

#endif
