/* partial.h - what an interrupted run-stt has found out, for the next one to go on from.
 *
 * "R.json.partial" beside the report R.json is the report of the samples so far, with one more key,
 * "partial": the settings of the run, and a digest of its list. Only a run with the same ones takes
 * the predictions over. */
#ifndef POTSTILL_CLI_PARTIAL_H
#define POTSTILL_CLI_PARTIAL_H

#include <jansson.h>

#include "engine.h"
#include "manifest.h"
#include "report.h"

struct partial {
    char *path;         /* NULL: the report goes to no file of its own */
    json_t *settings;   /* of this run */
    json_t *samples;    /* of an earlier run with the same settings; NULL: none */
    size_t count, kept; /* samples there will be; predictions taken over */
    int foreign;        /* what has the name was not written here */
    double written;     /* seconds of a clock: when the file was */
};

/* Looks for what is left of a run with these settings, and says so. `output` NULL: standard output.
 * `settings` is owned. */
void partial_open(struct partial *partial, const char *output, json_t *settings, size_t count);
/* The prediction of a sample taken over; NULL: there is none, or it had failed. */
const char *partial_prediction(const struct partial *partial, size_t index);
/* Writes the report so far, unless it is empty, or less than what was taken over. */
void partial_write(struct partial *partial, struct report *report);
/* The same, once a minute: what is lost when the program is killed. */
void partial_write_now_and_then(struct partial *partial, struct report *report);
/* The report is written: removes the file. */
void partial_remove(struct partial *partial);
void partial_close(struct partial *partial);

/* The settings that decide what a prediction is. */
json_t *partial_settings(const struct engine *engine, const struct engine_choice *choice,
                         const struct manifest *manifest, const char *audio);

#endif
