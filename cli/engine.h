/* engine.h - a model, perhaps an adapter, and a session, opened from what the user named.
 *
 * Every command that computes goes through here, so that names, defaults, messages and exit codes
 * are the same everywhere. */
#ifndef POTSTILL_CLI_ENGINE_H
#define POTSTILL_CLI_ENGINE_H

#include <stdint.h>

#include "environment.h"
#include "options.h"
#include "potstill.h"

/* What the command line says; NULL and -1 where it says nothing. */
struct engine_choice {
    const char *model;
    const char *revision;
    const char *adapter;
    double adapter_scale; /* 0: not given */
    const char *processor;
    int offline;
    int64_t threads;
    int cpu; /* enum pst_cpu */
};

struct engine {
    struct environment environment;
    pst_model *model;
    pst_adapter *adapter; /* NULL: the base alone */
    pst_session *session; /* NULL after engine_open_model() */
};

/* Tables about struct engine_choice: what goes with naming a model, an adapter, and with computing. */
extern const struct option engine_model_options[];
extern const struct option engine_adapter_options[];
extern const struct option engine_compute_options[];

/* Each returns 0, or an exit code with the reason said. engine_close() in any case. */
int engine_open(struct engine *engine, const struct engine_choice *choice);
/* The model alone: what inspecting needs. */
int engine_open_model(struct engine *engine, const struct engine_choice *choice);
/* Opens an adapter folder or hub id on the model; `scale` for one that stores none, 0: not given. */
int engine_open_adapter(struct engine *engine, const char *name, double scale);
/* The folder of `name`, an adapter or a model, to be released by pst_free(); NULL: none, said, and
 * `*code` set. */
char *engine_find(const char *name, const struct engine_choice *choice, int *code);
void engine_close(struct engine *engine);

#endif
