/* segment_table.h - the segments of a clip as lines: of text, or of a table with their times. */
#ifndef POTSTILL_CLI_SEGMENT_TABLE_H
#define POTSTILL_CLI_SEGMENT_TABLE_H

#include "result_style.h"

/* One line a segment, as openai-whisper's .txt. Segments without text have no line anywhere. */
void segments_print_text(FILE *stream, const struct result *result,
                         const struct result_style *style);
/* start, end (whole milliseconds) and text, as openai-whisper's .tsv. */
void segments_print_tsv(FILE *stream, const struct result *result,
                        const struct result_style *style);
/* The same with commas, the text in quotes, which are doubled inside it (RFC 4180). */
void segments_print_csv(FILE *stream, const struct result *result,
                        const struct result_style *style);

/* The lines of the text, one a segment, behind the name (NULL: none) and its channel. */
void segments_print_lines(FILE *stream, const pst_clip_result *clip, const char *name);

#endif
