/* handshake.h - a request to go on as a WebSocket, by RFC 6455. */
#ifndef POTSTILL_CLI_HANDSHAKE_H
#define POTSTILL_CLI_HANDSHAKE_H

#include <microhttpd.h>

#include "serve/api_error.h"

/* Whether it is one, of our version. 0, or -1 with the reason in `error`. */
int handshake_check(struct MHD_Connection *connection, const char *version,
                    struct api_error *error);
/* A browser says whose page asks: it must be one of this server, or of `origins` [count]; other
 * programs say nothing. 0, or -1 with the reason in `error`. */
int handshake_check_origin(struct MHD_Connection *connection, const char *const *origins,
                           size_t count, struct api_error *error);
/* "Bearer KEY", to be freed, of a browser, which can send a key among its protocols alone; NULL: it
 * has not. */
char *handshake_authorization(struct MHD_Connection *connection);
/* Whether `protocol` is one of those that the client offers. */
int handshake_offers(struct MHD_Connection *connection, const char *protocol);
/* The answer that agrees; then `upgraded` is called with `user`. */
struct MHD_Response *handshake_response(struct MHD_Connection *connection,
                                        MHD_UpgradeHandler upgraded, void *user);

#endif
