/* locate.h - the names that users give to models and adapters, as folders.
 *
 * The library finds them (pst_finder); here is what is said of it. Folders are to be released by
 * pst_free(). Each call returns 0, or an exit code with the reason printed. */
#ifndef POTSTILL_CLI_LOCATE_H
#define POTSTILL_CLI_LOCATE_H

#include "environment.h"
#include "potstill.h"

/* The folder of `name`, which is of that kind. */
int locate(const struct environment *environment, const char *name, pst_find_kind kind,
           const char *revision, char **dir);
/* pst_finder_pull(). */
int locate_latest(const struct environment *environment, const char *id, const char *revision,
                  char **dir);
/* The model for adapters; `*name` is to be released by pst_free(), too. */
int locate_base(const struct environment *environment, const char *const *adapter_dirs,
                size_t count, const char *revision, char **name, char **dir);
/* Is `name` a folder of packages, or a package? */
int locate_is_converted(const char *name);

/* The name in "NAME:WEIGHT", to be freed, and its weight; 1 when there is none, when what follows
 * the colon is no number, or when something of the whole name exists. */
char *locate_split_weight(const char *text, double *weight);

/* Prints why a model or adapter cannot be used. A missing file is an error of the system for a file
 * reader; for the user who named the model it means that the model is not usable. */
int fail_model(const pst_error *err);

#endif
