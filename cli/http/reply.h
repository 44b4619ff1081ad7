/* reply.h - a whole answer, and how it is handed to libmicrohttpd. */
#ifndef POTSTILL_CLI_REPLY_H
#define POTSTILL_CLI_REPLY_H

#include <stddef.h>

#include <jansson.h>
#include <microhttpd.h>

#include "serve/api_error.h"

struct reply {
    int status;
    const char *content_type;
    char *body; /* [length], to be freed */
    size_t length;
    unsigned retry_after; /* seconds; 0: not said */
    const char *allow;    /* methods, of 405; NULL: not said */
    int last;             /* the connection ends with it */
    int prompt_ignored;
    char *policy; /* of a page, to be freed; NULL: none */
};

/* Takes the object. */
struct reply reply_json(int status, json_t *object);
struct reply reply_error(const struct api_error *error);
/* What all answers have: the id of the request, and that nobody guesses the type. */
void reply_add_headers(struct MHD_Response *response, const char *id, const char *content_type);
/* Takes the body and the policy. */
enum MHD_Result reply_queue(struct MHD_Connection *connection, const struct reply *reply,
                            const char *id);

/* In the middle of a body libmicrohttpd takes no answer: this one is written to the socket, and the
 * connection has to end. */
void reply_write_raw(int socket, const struct api_error *error, const char *id);

#endif
