/* engine.h - a model, perhaps adapters and a session, opened from what the user named.
 *
 * Every command that computes goes through here, so that names, defaults, messages and exit codes
 * are the same everywhere. */
#ifndef POTSTILL_CLI_ENGINE_H
#define POTSTILL_CLI_ENGINE_H

#include "choice.h"
#include "environment.h"
#include "options.h"
#include "potstill.h"

struct engine {
    struct environment environment;
    pst_model *model;
    pst_model_info info;
    char *model_name;       /* as it was named: by the user, an adapter or the environment */
    char *model_dir;        /* where it was found */
    pst_adapter **adapters; /* [adapter_count]; none: the base alone */
    double *weights;        /* [adapter_count] */
    size_t adapter_count;
    pst_session *session; /* of engine_open_session(); else NULL */
    const char *device;   /* what computes: a name of --device */
};

/* Tables about struct engine_choice: a model and adapters to compute with, whose tokenizer, what
 * goes with naming a model, an adapter, a device, and with computing. */
extern const struct option engine_source_options[];
extern const struct option engine_processor_options[];
extern const struct option engine_model_options[];
extern const struct option engine_adapter_options[];
extern const struct option engine_device_options[];
extern const struct option engine_compute_options[];
/* All but the first, in the groups of a command whose choice is at `offset`. */
#define ENGINE_OPTIONS(heading, offset)                                                            \
    {heading, engine_device_options, offset}, {NULL, engine_adapter_options, offset},              \
        {NULL, engine_processor_options, offset}, {NULL, engine_model_options, offset}, {          \
        NULL, engine_compute_options, offset                                                       \
    }

/* Each returns 0, or an exit code with the reason printed. engine_close() in any case. */
/* A checkpoint or a converted model, and adapters; see sources.h for how they are found. `command`
 * is for messages. */
int engine_open(struct engine *engine, const struct engine_choice *choice, const char *command);
/* A session with what is open. */
int engine_open_session(struct engine *engine, const struct engine_choice *choice);
/* A checkpoint and perhaps adapters, and no cache: what inspecting needs. */
int engine_open_model(struct engine *engine, const struct engine_choice *choice);
/* locate() with what the options say. */
int engine_locate(const struct engine_choice *choice, const char *name, pst_find_kind kind,
                  char **dir);
/* The options of a batch over what is open: threads and adapters. The rest is the command's. */
pst_batch_options engine_batch(const struct engine *engine, const struct engine_choice *choice);
void engine_close(struct engine *engine);

#endif
