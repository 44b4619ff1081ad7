/* finder.h - what finding depends on, read once from the caller's environment.
 *
 * The variables of Hugging Face mean what they mean to huggingface_hub, so that either program
 * finds what the other has downloaded. */
#ifndef PST_FIND_FINDER_H
#define PST_FIND_FINDER_H

#include "find/variables.h"
#include "potstill.h"

struct pst_finder {
    struct text_pool texts; /* all that the fields below point to */
    struct variables variables;
    pst_finder_info info;
    pst_hub_options hub;
    const char *model_option, *adapter_option, *processor_option; /* for messages */
    void (*warn)(void *user, const char *message);
    void *user;
};

/* printf to the caller, if it listens. */
void finder_warn(const struct pst_finder *finder, struct text_pool *pool, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* pst_find_model() in the finder's places; with `hub`, on the hub, too. */
pst_status finder_search(const struct pst_finder *finder, const char *name, const char *required,
                         const char *revision, int hub, char **dir, pst_error *err);

#endif
