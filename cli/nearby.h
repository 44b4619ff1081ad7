/* nearby.h - what the user may have meant by the name of a folder that is not there. */
#ifndef POTSTILL_CLI_NEARBY_H
#define POTSTILL_CLI_NEARBY_H

#include "environment.h"

/* Whether `name` would be a folder of a folder that is here, as "models/tiny" is where there is a
 * folder models, and "tiny" is anywhere. */
int nearby_has_parent(const char *name);
/* The folder most like `name` beside where it should be, or else the imported model, that holds
 * `required`, in fresh memory; NULL: there is none. */
char *nearby_name(const struct environment *environment, const char *name, const char *required);

#endif
