/* run_identity.h - what a result depends on besides its input, to tell two runs apart. */
#ifndef POTSTILL_CLI_RUN_IDENTITY_H
#define POTSTILL_CLI_RUN_IDENTITY_H

#include <jansson.h>

#include "engine.h"

/* Version, model, adapters, processor and decoder (names, and the state of their files), device,
 * kernels, precision; an object of the caller's. */
json_t *run_identity(const struct engine *engine, const struct engine_choice *choice);
/* A hash as text. */
json_t *run_identity_hash(uint64_t hash);

#endif
