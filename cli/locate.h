/* locate.h - the names that users give to models and adapters, as folders.
 *
 * A folder is itself; another name is looked for among the imported models and in the hub cache,
 * and downloaded unless the environment is offline. Folders are to be released by pst_free(). Each
 * call returns 0, or an exit code with the reason printed. */
#ifndef POTSTILL_CLI_LOCATE_H
#define POTSTILL_CLI_LOCATE_H

#include "environment.h"
#include "potstill.h"

/* The folder of `name` that holds `required`. */
int locate(const struct environment *environment, const char *name, const char *required,
           const char *revision, char **dir);
/* The folder of a model: a checkpoint by any name, or a converted one by its path. */
int locate_model(const struct environment *environment, const char *name, const char *revision,
                 char **dir);
/* Is `name` a folder of packages, or a package? */
int locate_is_converted(const char *name);
/* The folder of an adapter, which may be a folder inside the one that is named. */
int locate_adapter(const struct environment *environment, const char *name, char **dir);
/* The folder of `name`, whether it is an adapter or a model. */
int locate_any(const struct environment *environment, const char *name, const char *revision,
               char **dir);

/* The name in "NAME:WEIGHT", to be freed, and its weight; 1 when there is none, when what follows
 * the colon is no number, or when something of the whole name exists. */
char *locate_split_weight(const char *text, double *weight);

/* Prints why a model or adapter cannot be used. A missing file is an error of the system for a file
 * reader; for the user who named the model it means that the model is not usable. */
int fail_model(const pst_error *err);

#endif
