/* bench_report.h - what a benchmark found, for people and for programs. */
#ifndef POTSTILL_CLI_BENCH_REPORT_H
#define POTSTILL_CLI_BENCH_REPORT_H

#include <stdio.h>

#include "bench_run.h"
#include "potstill_tools.h"

struct bench_report {
    const char *model, *adapter; /* as named by the user; adapter NULL: none */
    pst_model_info info;
    unsigned threads;
    size_t runs;
    double load_ms;
    uint64_t peak_rss_bytes;
    pst_peak peak;                      /* of a converted model nothing */
    const struct bench_result *results; /* [count] the clip, then each of --lengths */
    size_t count;
};

void bench_report_print(const struct bench_report *report, FILE *stream);
/* One object, to be released by free(). */
char *bench_report_json(const struct bench_report *report);

#endif
