/* set_folder.h - a folder of audio files, each with a text of the same name beside it. */
#ifndef POTSTILL_CLI_SET_FOLDER_H
#define POTSTILL_CLI_SET_FOLDER_H

#include "eval/eval_set.h"

/* Adds a row for every text, in the order of the names. NULL, or why it is no set, to be freed. */
char *set_folder_read(struct eval_set *set, const char *path);

#endif
