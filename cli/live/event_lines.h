/* event_lines.h - the events of a stream as JSON, one a line. */
#ifndef POTSTILL_CLI_EVENT_LINES_H
#define POTSTILL_CLI_EVENT_LINES_H

#include <stdio.h>

#include "potstill.h"

/* `latency_ms`: from the arrival of the sound that ended the line. */
void event_line_print(FILE *stream, const pst_stream_event *event, double latency_ms);

#endif
