/* result_json.h - a result as a JSON object: ours, and that of openai-whisper. */
#ifndef POTSTILL_CLI_RESULT_JSON_H
#define POTSTILL_CLI_RESULT_JSON_H

#include <jansson.h>

#include "result_style.h"

/* Ours, on one line, without its end. */
void result_print_object(FILE *stream, const struct result *result,
                         const struct result_style *style);
/* The same with the end of the line. */
void result_print_json(FILE *stream, const struct result *result, const struct result_style *style);
/* As openai-whisper's .json: its keys, its rounding. */
void result_print_whisper(FILE *stream, const struct result *result,
                          const struct result_style *style);
/* PST_FLAG_.. by name. */
json_t *result_flags(uint32_t flags);
/* One segment of it. */
json_t *result_whisper_segment(const pst_segment *segment, size_t id);

#endif
