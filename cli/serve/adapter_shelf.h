/* adapter_shelf.h - the adapters of a server by their names: put on, taken off, and used meanwhile.
 *
 * An adapter that is taken off is freed when the last request that uses it is done. All functions
 * may be called by several threads at once. */
#ifndef POTSTILL_CLI_ADAPTER_SHELF_H
#define POTSTILL_CLI_ADAPTER_SHELF_H

#include <pthread.h>
#include <stddef.h>

#include <jansson.h>

#include "potstill.h"
#include "serve/api_error.h"

enum {
    SHELF_TOGETHER_MAX = 8, /* adapters of one request */
    SHELF_NAME_MAX = 64,    /* characters of a name */
};

struct shelf_item;

struct adapter_shelf {
    const pst_model *model;
    const char *base;           /* the name of the model without adapters */
    const char *const *aliases; /* [alias_count] names that mean it as well */
    size_t alias_count;
    const char *folder;        /* where adapters are put on from; NULL: nowhere */
    double adapter_scale;      /* of those that store none */
    long created;              /* when the server began, seconds of Unix */
    pthread_mutex_t mutex;     /* of what follows */
    struct shelf_item **items; /* [count], by their names */
    size_t count;
};

/* Adapters of one request. */
struct adapter_choice {
    const pst_adapter *adapters[SHELF_TOGETHER_MAX]; /* [count]; none: the base alone */
    double weights[SHELF_TOGETHER_MAX];
    struct shelf_item *items[SHELF_TOGETHER_MAX];
    size_t count;
};

/* The shelf is all 0 but for its first fields, up to `created`. */
void adapter_shelf_open(struct adapter_shelf *shelf);
void adapter_shelf_close(struct adapter_shelf *shelf);

/* The last part of a path or of a hub id, to be freed: where it lies on this machine is nobody's
 * business. */
char *adapter_shelf_root(const char *path);
/* A letter or digit, then those and ".", "_", "-": what a folder and a label can be called. */
int adapter_name_is_valid(const char *name);

/* Opens the adapter in `dir` and puts it on, in place of another of that name. */
pst_status adapter_shelf_put(struct adapter_shelf *shelf, const char *name, const char *dir,
                             double weight, pst_error *err);
/* The same with a folder in shelf->folder, by its name there. */
pst_status adapter_shelf_load(struct adapter_shelf *shelf, const char *name, const char *folder,
                              pst_error *err);
/* 1: it is taken off; 0: there was none. */
int adapter_shelf_take_off(struct adapter_shelf *shelf, const char *name);
/* All folders of shelf->folder that are not there yet; those that fail are said. */
void adapter_shelf_load_all(struct adapter_shelf *shelf);

/* What a request calls its model: the base, "name", "name:weight", or several with + between them.
 * 0, or -1 with the reason in `error`. */
int adapter_shelf_choose(struct adapter_shelf *shelf, const char *model,
                         struct adapter_choice *choice, struct api_error *error);
void adapter_shelf_release(struct adapter_shelf *shelf, struct adapter_choice *choice);

/* The list of /v1/models; or, with `id`, its one entry (NULL: there is none). */
json_t *adapter_shelf_models(struct adapter_shelf *shelf, const char *id);
size_t adapter_shelf_count(struct adapter_shelf *shelf);

#endif
