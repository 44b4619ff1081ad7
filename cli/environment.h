/* environment.h - the one place that reads environment variables.
 *
 * The library reads none: they are handed to a pst_finder, which says where models lie and how the
 * hub is reached. */
#ifndef POTSTILL_CLI_ENVIRONMENT_H
#define POTSTILL_CLI_ENVIRONMENT_H

#include "potstill.h"

struct environment {
    pst_finder *finder;
    pst_finder_info places;
};

/* `offline`: nothing is downloaded, whatever the variables say. */
void environment_read(struct environment *environment, int offline);
void environment_free(struct environment *environment);

/* A copy of `path` with a leading ~ replaced. */
char *environment_home_path(const char *path);

/* The program of this name on the PATH, as a full path; NULL: there is none. Folders that are not
 * full paths themselves, the working directory above all, are passed over. */
char *environment_program(const char *name);

#endif
