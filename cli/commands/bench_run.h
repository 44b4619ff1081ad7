/* bench_run.h - transcribes one clip many times: how long it takes, and where the time goes. */
#ifndef POTSTILL_CLI_BENCH_RUN_H
#define POTSTILL_CLI_BENCH_RUN_H

#include <stddef.h>

#include "potstill_tools.h"

/* What is measured. */
struct bench_clip {
    float *samples; /* [count] */
    size_t count;
    uint32_t tokens; /* forced number of new tokens; 0: the model's text decides */
};

struct bench_times {
    double min, median, p90, p99, max; /* milliseconds */
};

struct bench_result {
    double audio_seconds;
    size_t tokens, beams; /* of the transcript, start token included */
    char *text;
    double first; /* milliseconds of the run that is not counted */
    struct bench_times total;
    /* Of the run that took the median time. */
    double stages[PST_STAGE_COUNT]; /* milliseconds */
    pst_work work[PST_STAGE_COUNT];
    double limit[PST_STAGE_COUNT]; /* milliseconds that the machine could do it in; 0: not known */
    double limit_total;
};

/* Milliseconds of a clock that only goes forward. */
double bench_now_ms(void);

/* The whole file at `path`, or, without one, ten seconds of generated sound. 0, or an exit code. */
int bench_clip_read(struct bench_clip *clip, const char *path);
/* `seconds` of `from`, repeated where it is shorter. */
int bench_clip_cut(struct bench_clip *clip, const struct bench_clip *from, double seconds);
void bench_clip_free(struct bench_clip *clip);

/* Transcribes `clip` `runs` times after one that is not counted, and computes the limits from
 * `peak` (NULL: not known). 0, or an exit code with the reason printed. Release with
 * bench_result_free() in any case. */
int bench_run(struct bench_result *result, const pst_model *model, pst_session *session,
              const struct bench_clip *clip, const pst_decode_options *options, size_t runs,
              const pst_peak *peak);
void bench_result_free(struct bench_result *result);

#endif
