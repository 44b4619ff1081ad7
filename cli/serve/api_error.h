/* api_error.h - why a request failed, in the shape that clients of OpenAI's API read. */
#ifndef POTSTILL_CLI_API_ERROR_H
#define POTSTILL_CLI_API_ERROR_H

#include <jansson.h>

#include "potstill.h"

enum {
    HTTP_CLIENT_GONE = 499, /* nobody reads it; for the log, as nginx has it */
};

struct api_error {
    int status;           /* of HTTP; 0: no error */
    const char *code;     /* "invalid_value", ...; NULL: null */
    const char *param;    /* the field that is wrong; NULL: null */
    unsigned retry_after; /* seconds; 0: not said */
    char message[512];
};

/* Sets it, unless it is set already: the first reason is the one to tell. Returns -1. */
int api_error_set(struct api_error *error, int status, const char *code, const char *param,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* For what the library says of a file that was sent; its other failures are not the client's
 * business, and `detail` [512] is for the log. */
void api_error_of_library(struct api_error *error, const pst_error *err, char *detail);
/* message, type, param and code. */
json_t *api_error_json(const struct api_error *error);
/* The body of a reply, in fresh memory. */
char *api_error_body(const struct api_error *error);

#endif
