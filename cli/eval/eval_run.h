/* eval_run.h - lets a model with adapters hear a set. */
#ifndef POTSTILL_CLI_EVAL_RUN_H
#define POTSTILL_CLI_EVAL_RUN_H

#include "decoding.h"
#include "engine.h"
#include "eval/eval_partial.h"
#include "eval/evaluation.h"

struct eval_run {
    const struct engine_choice *choice; /* without adapters */
    const struct decoding_choice *decoding;
    int normalize;    /* the loudness of each clip, as run-stt does */
    int words;        /* with their times */
    uint64_t options; /* a digest of what the command line says about how texts are made */
    struct eval_partial *partial;
    char precision[16]; /* set: of what ran last */
};

/* Opens `system` and transcribes each of `evaluations` [count] with it, at its place in them. Fills
 * in the name and digests of the model and its adapters. 0, or an exit code with the reason
 * printed; an utterance that fails has an error. */
int eval_run_system(struct eval_run *run, struct eval_system *system, size_t index,
                    struct evaluation *const *evaluations, size_t count);

#endif
