/* request_head.h - what the head of a request must have before its body is looked at. */
#ifndef POTSTILL_CLI_REQUEST_HEAD_H
#define POTSTILL_CLI_REQUEST_HEAD_H

#include <microhttpd.h>

#include "http/server.h"

enum { REQUEST_ID_MAX = 64 };

/* The client's own id where it is a plain word, else a new one. */
void request_head_id(struct server *server, struct MHD_Connection *connection,
                     char id[REQUEST_ID_MAX + 1]);
/* Two proxies that read a head differently may be made to see two requests where one is: lengths
 * that can be read in two ways are refused, as is a body of more than `bytes_max`. 0, or -1. */
int request_head_check_length(struct MHD_Connection *connection, uint64_t bytes_max,
                              struct api_error *error);
/* The number of the client's key in `authorization` ("Bearer KEY"; NULL: there is none), from 1; 0
 * where none is needed; or -1. */
long request_head_check_key(struct server *server, const char *authorization, int admin,
                            struct api_error *error);
/* The client as an address; "" where it is not known. */
void request_head_client(struct MHD_Connection *connection, char *text, size_t size);

#endif
