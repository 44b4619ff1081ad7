/* eval_folder.h - the folder that an evaluation is written to. */
#ifndef POTSTILL_CLI_EVAL_FOLDER_H
#define POTSTILL_CLI_EVAL_FOLDER_H

#include "eval/results_file.h"

/* Each: 0, or an exit code with the reason printed. */
int eval_folder_make(const char *folder);
/* Every file appears whole or not at all. */
int eval_folder_write(const char *folder, const struct evaluation *evaluation,
                      const struct evaluation *canary, const struct eval_terms *terms,
                      const struct results_about *about);

#endif
