/* request_log.h - one line of JSON on standard error for each request. */
#ifndef POTSTILL_CLI_REQUEST_LOG_H
#define POTSTILL_CLI_REQUEST_LOG_H

#include <stddef.h>
#include <stdint.h>

struct request_line {
    const char *id, *method, *path;
    const char *client; /* its address */
    const char *model;  /* "": none was asked for */
    const char *detail; /* why it failed; "": it did not */
    int status;
    uint64_t bytes;         /* of the body that came */
    double request_seconds; /* all of it */
    double audio_seconds, wait_seconds, work_seconds;
};

void request_log_write(const struct request_line *line);

#endif
