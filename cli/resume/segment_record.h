/* segment_record.h - a segment that is transcribed as a line of text, and back with the same bits.
 *
 * A line is JSON behind a digest of it, so that one which was damaged is noticed. */
#ifndef POTSTILL_CLI_SEGMENT_RECORD_H
#define POTSTILL_CLI_SEGMENT_RECORD_H

#include <stdio.h>

#include <jansson.h>

#include "potstill.h"

struct segment_record {
    uint64_t input; /* a digest of what its input is */
    double start, end;
    pst_transcript transcript; /* `channel` in it; owned, as are its texts and lists */
};

/* One object as a line. */
void record_print_line(FILE *stream, const json_t *object);
/* The object of the line at `text` [size], whose length with its end is `*length`; NULL: it is
 * damaged, or has no end. */
json_t *record_read_line(const char *text, size_t size, size_t *length);

/* A segment of that input as an object of the caller's. */
json_t *segment_record_object(uint64_t input, const pst_segment *segment);
/* Reads one; 0, and nothing to free: it is none, whatever it is. */
int segment_record_read(struct segment_record *record, const json_t *object);
void segment_record_free(struct segment_record *record);

#endif
