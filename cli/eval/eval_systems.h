/* eval_systems.h - the systems that the command line names, and what each is called. */
#ifndef POTSTILL_CLI_EVAL_SYSTEMS_H
#define POTSTILL_CLI_EVAL_SYSTEMS_H

#include "eval/evaluation.h"
#include "options.h"

/* One more than there are adapters, files and columns. */
struct eval_systems {
    struct eval_system *list;
    size_t count;
};

/* "none", "DIR", "DIR:WEIGHT", "DIR+DIR:WEIGHT": a system with these adapters. `model` may be NULL:
 * found out when it is opened. 0, or an exit code with the reason printed. */
int eval_systems_add_adapters(struct eval_systems *systems, const char *text, const char *model);
/* "NAME=FILE"; a file alone has its own name. `*path` is where the file's name begins. */
int eval_systems_add_file(struct eval_systems *systems, const char *text, const char **path);
/* A system of ready transcripts. */
int eval_systems_add(struct eval_systems *systems, const char *name, const char *hypotheses);
void eval_systems_free(struct eval_systems *systems);

#endif
