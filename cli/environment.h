/* environment.h - the one place that reads environment variables.
 *
 * The library reads none: where models lie, and how the hub is reached, is decided here and handed
 * over as a pst_search. The variables of Hugging Face mean what they mean to huggingface_hub, so
 * that either program finds what the other has downloaded. */
#ifndef POTSTILL_CLI_ENVIRONMENT_H
#define POTSTILL_CLI_ENVIRONMENT_H

#include "potstill.h"

struct environment {
    char *models_dir;            /* $XDG_DATA_HOME/potstill/models: what `potstill import` makes */
    char *hub_cache;             /* the Hugging Face cache */
    char *moonshine_voice_cache; /* the cache of the moonshine_voice package */
    char *weights_cache;         /* weights as the kernels want them; NULL: no place to keep them */
    char *model;                 /* the model to use when none is named */
    int model_is_chosen;         /* by $POTSTILL_MODEL */
    char *endpoint;              /* of the hub; NULL: the library's default */
    char *token;                 /* for the hub; NULL: none */
    char *user_agent;
    pst_hub_options hub; /* points into the above */
};

/* `offline`: nothing is downloaded, whatever the variables say. */
void environment_read(struct environment *environment, int offline);
void environment_free(struct environment *environment);

/* A copy of `path` with a leading ~ and any $VARIABLE replaced; unknown ones stay, as in Python. */
char *environment_expand(const char *path);
/* A copy of `path` with a leading ~ alone replaced. */
char *environment_home_path(const char *path);

/* The program of this name on the PATH, as a full path; NULL: there is none. Folders that are not
 * full paths themselves, the working directory above all, are passed over. */
char *environment_program(const char *name);

/* Valid as long as `environment` and `revision` (NULL: main). Finds what is here; see fetch.h for
 * what is not. */
pst_search environment_search(const struct environment *environment, const char *revision);

#endif
