/* request.h - one request from its head to the line in the log.
 *
 * libmicrohttpd calls with the head, with each piece of the body, and at its end; a transcription
 * is then suspended and comes back when its worker has something to say. A body within the limits
 * is read to its end even when the answer is known: a client that still writes when the connection
 * is closed would not get to read it. */
#ifndef POTSTILL_CLI_REQUEST_H
#define POTSTILL_CLI_REQUEST_H

#include <microhttpd.h>

#include "http/server.h"

/* The two callbacks; `server` is the user's pointer of both. */
enum MHD_Result request_handle(void *server, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **request);
void request_completed(void *server, struct MHD_Connection *connection, void **request,
                       enum MHD_RequestTerminationCode code);

#endif
