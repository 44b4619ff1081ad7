/* report.h - predictions, references and their word error rate as the reference script's JSON.
 *
 * Users compare this file with the script's, so the text is byte for byte what Python's
 * json.dumps(report, indent=2) writes: its order of keys, its escapes, its digits. */
#ifndef POTSTILL_CLI_REPORT_H
#define POTSTILL_CLI_REPORT_H

#include <stdio.h>

#include "potstill_tools.h"

struct report {
    const char *model_id, *adapter_dir, *processor_dir, *device; /* NULL: null */
    FILE *samples; /* the items of the list, into [length] `text` */
    char *text;
    size_t length, count;
    pst_word_counts words; /* of the samples that have a prediction and a reference */
};

struct report_sample {
    const char *prediction; /* NULL with an error */
    const char *reference;  /* NULL: none */
    const char *audio_path; /* NULL: none */
    const char *error;      /* NULL: transcribed */
};

/* What `report` names must live as long as it. */
void report_open(struct report *report);
pst_status report_add(struct report *report, const struct report_sample *sample, pst_error *err);
/* The word error rate of the samples so far; below 0: none has a reference. */
double report_rate(const struct report *report);
/* Prints the report, without a line end. */
void report_print(struct report *report, FILE *stream);
void report_close(struct report *report);

#endif
