/* interpret.h - runs a Core ML program on the CPU, one operation after the other, in plain C.
 *
 * It is for tests and for machines without Core ML: clear before fast, though matrix products use
 * the kernels of this CPU. Every operation computes in float32; in MIL_ROUND_F16 each result of
 * type float16 is rounded to it, in MIL_ROUND_NONE float16 results stay as they are. */
#ifndef PST_COREML_INTERPRET_INTERPRET_H
#define PST_COREML_INTERPRET_INTERPRET_H

#include "coreml/mil/mil.h"
#include "coreml/mil/mil_tensor.h"

/* A loaded function, its constants decoded once. States live in it from call to call. */
struct mil_machine;

/* Checks the function (check.h), and refuses it for the first problem. */
pst_status mil_machine_new(struct mil_machine **machine, const struct mil_model *model,
                           const char *function, enum mil_rounding rounding, unsigned threads,
                           pst_error *err);
void mil_machine_free(struct mil_machine *machine);

void mil_machine_limit(struct mil_machine *machine, struct mil_limits limits);

/* Calls `trace` after every operation that runs from now on, once for each of its results. */
void mil_machine_trace(struct mil_machine *machine, mil_trace_fn trace, void *user);

/* Runs the function once. inputs [input_count] are found by name, their types checked; `outputs`
 * [the function's output count] are set to tensors that live until the next run. */
pst_status mil_machine_run(struct mil_machine *machine, const struct mil_tensor *inputs,
                           size_t input_count, struct mil_tensor *outputs, size_t output_count,
                           pst_error *err);

/* The state called `name`, for the host to read and write; NULL: none. Zero at first. */
struct mil_tensor *mil_machine_state(struct mil_machine *machine, const char *name);

#endif
