/* hub_http.h - one request to the hub or to the storage it points to.
 *
 * The one idea to hold: libcurl never follows a redirect. Every hop is a request of its own, made
 * here, so that each address is checked before anything is sent to it: only https (and http when
 * the endpoint itself is), and the token only to the origin of the endpoint. hub_client.c decides
 * what a reply means; it and hub_download.c decide how often to try. */
#ifndef PST_HUB_HUB_HTTP_H
#define PST_HUB_HUB_HTTP_H

#include "hub/hub_reply.h"
#include "potstill.h"

struct hub_http {
    const pst_hub_options *options;
    pst_hub_progress progress; /* for the caller's function */
    char *endpoint;            /* without a final '/' */
    void *curl;                /* one handle, so that connections are used again */
    int cancelled;             /* by the caller's function */
    uint64_t touched_ms;       /* when the server last sent something */
    uint32_t patience_ms;      /* how long it may be silent */
};

/* Where the bytes of a body go; called only for a reply of 200 or 206. */
typedef pst_status hub_sink(void *user, const struct hub_reply *reply, const void *bytes,
                            size_t length, pst_error *err);

struct hub_request {
    const char *url;
    uint64_t offset; /* ask for the bytes from here on */
    hub_sink *sink;  /* NULL: a HEAD request */
    void *user;
};

enum hub_outcome {
    HUB_ANSWERED, /* there is a reply, and its body, if any, is whole */
    HUB_CUT,      /* silence, or an early end: worth another try */
    HUB_FAILED    /* no connection, no memory, a sink that refused, a wrong address */
};

pst_status hub_http_open(struct hub_http *http, const pst_hub_options *options, pst_error *err);
void hub_http_close(struct hub_http *http);

/* Fills `reply`; `err` when not HUB_ANSWERED. */
enum hub_outcome hub_http_send(struct hub_http *http, const struct hub_request *request,
                               struct hub_reply *reply, pst_error *err);

/* PST_ERR_CANCELLED when the caller's function wants to stop. */
pst_status hub_http_report(struct hub_http *http, pst_error *err);
/* The same while waiting. */
pst_status hub_http_wait(struct hub_http *http, uint32_t milliseconds, pst_error *err);

/* `location` relative to `base`, in fresh memory; NULL: not an address that may be requested. */
char *hub_http_resolve(const char *base, const char *location);
/* Same scheme, host and port. */
int hub_http_same_origin(const char *a, const char *b);
/* The host of an address, for messages, in fresh memory: the rest of it may be a secret. */
char *hub_http_host(const char *url);

#endif
