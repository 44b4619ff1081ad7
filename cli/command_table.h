/* command_table.h - the commands there are, one file each. */
#ifndef POTSTILL_CLI_COMMAND_TABLE_H
#define POTSTILL_CLI_COMMAND_TABLE_H

#include "options.h"

extern const struct command command_transcribe; /* cmd_transcribe.c */
extern const struct command command_live;       /* cmd_live.c */
extern const struct command command_serve;      /* cmd_serve.c */
extern const struct command command_run_stt;    /* cmd_run_stt.c */
extern const struct command command_vad;        /* cmd_vad.c */
extern const struct command command_eval;       /* cmd_eval.c */
extern const struct command command_score;      /* cmd_score.c */
extern const struct command command_inspect;    /* cmd_inspect.c */
extern const struct command command_import;     /* cmd_import.c */
extern const struct command command_pull;       /* cmd_pull.c */
extern const struct command command_merge;      /* cmd_merge.c */
extern const struct command command_convert;    /* cmd_convert.c */
extern const struct command command_diff;       /* cmd_diff.c */
extern const struct command command_verify;     /* cmd_verify.c */
extern const struct command command_bench;      /* cmd_bench.c */

#endif
