/* segment_log.h - what is transcribed of long recordings, kept beside the output while it is not
 * complete: a run that was killed can be gone on with.
 *
 * A file of lines: what the run depends on, then each segment as soon as it is final. Lines are
 * only ever added, so what a kill can cost is the last one. Another run cuts the same segments and
 * takes over what is known of them. */
#ifndef POTSTILL_CLI_SEGMENT_LOG_H
#define POTSTILL_CLI_SEGMENT_LOG_H

#include "resume/segment_record.h"
#include "transcribe/inputs.h"

struct segment_log {
    char *path; /* NULL: nothing is kept */
    json_t *settings;
    uint64_t *inputs;             /* digests: their names, sizes and times */
    struct segment_record *known; /* [known_count] from an earlier run, in order */
    size_t known_count;
    size_t sound_bytes; /* of the file, up to where it is good */
    int fd;             /* -1: nothing was added */
    int ours;           /* there is such a file, of whatever run */
    int goes_on;        /* behind what is known */
};

/* Where the log of a run is, to be freed: beside the file `output`, or in `folder`, there with the
 * name of the input if it is one alone; NULL: nowhere, for the results go to a device, a pipe, or
 * standard output. */
char *segment_log_path(const char *output, const char *folder, const struct inputs *inputs);
/* What a run depends on, as `settings` say, which become the log's, and its inputs. `path` (owned)
 * NULL: nothing is kept. With `resume` what is there of such a run is taken over, and that is said;
 * what is there and is no such file at all stays as it is, and nothing is kept. An input that has
 * changed since is transcribed again. */
void segment_log_open(struct segment_log *log, char *path, json_t *settings,
                      const struct inputs *inputs, int resume);
/* What is known of a segment; NULL: nothing. Any thread may ask. */
const pst_transcript *segment_log_find(const struct segment_log *log, size_t input,
                                       const pst_segment_place *place);
/* Adds segments [count] that are final, but for those that are known. A disk that is full ends the
 * log, not the run. */
void segment_log_add(struct segment_log *log, size_t input, const pst_segment *segments,
                     size_t count);
/* `complete`: the output is written, and the file goes. */
void segment_log_close(struct segment_log *log, int complete);

/* Reads a log, text [size]: 1, or 0 when it is none at all; -1: it is of another run. */
int segment_log_read(struct segment_log *log, const char *text, size_t size);

#endif
