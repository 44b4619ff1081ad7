/* request_head.c - see request_head.h. */
#include "http/request_head.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

void request_head_id(struct server *server, struct MHD_Connection *connection,
                     char id[REQUEST_ID_MAX + 1]) {
    const char *told = header(connection, "X-Request-Id");
    size_t length = told ? strlen(told) : 0;
    if (length >= 1 && length <= REQUEST_ID_MAX &&
        strspn(told, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length)
        memcpy(id, told, length + 1);
    else
        server_make_id(server, id, REQUEST_ID_MAX + 1);
}

/* How often a header is there; and how many have a name that is none, as with a space behind it:
 * there are proxies that take it for the header without. */
struct times {
    const char *name;
    unsigned count, odd;
};

static int is_token(const char *name) {
    static const char marks[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *name && strspn(name, marks) == strlen(name);
}

static enum MHD_Result count_header(void *user, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    struct times *times = user;
    (void)kind, (void)value;
    times->count += strcasecmp(name, times->name) == 0;
    times->odd += !is_token(name);
    return MHD_YES;
}

static struct times times_sent(struct MHD_Connection *connection, const char *name) {
    struct times times = {.name = name};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &times);
    return times;
}

int request_head_check_length(struct MHD_Connection *connection, uint64_t bytes_max,
                              struct api_error *error) {
    struct times lengths = times_sent(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    struct times encodings = times_sent(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    const char *encoding = header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (lengths.odd)
        return api_error_set(error, 400, "invalid_value", NULL, "a header has no name that is one");
    if (lengths.count + encodings.count > 1 || (encoding && strcasecmp(encoding, "chunked") != 0))
        return api_error_set(error, 400, "invalid_value", NULL,
                             "the length of the body is told in several ways");
    if (!length) return 0;
    if (!*length || strspn(length, "0123456789") != strlen(length))
        return api_error_set(error, 400, "invalid_value", NULL,
                             "Content-Length: expected a number of bytes");
    if (strlen(length) < 19 && strtoull(length, NULL, 10) <= bytes_max) return 0;
    return api_error_set(error, 413, "request_too_large", NULL,
                         "the body has %.20s bytes, at most %llu are taken", length,
                         (unsigned long long)bytes_max);
}

long request_head_check_key(struct server *server, const char *authorization, int admin,
                            struct api_error *error) {
    pthread_mutex_lock(&server->keys_mutex);
    const struct api_keys *keys = admin ? &server->admin_keys : &server->keys;
    size_t found = api_keys_find(keys, authorization), count = keys->count;
    pthread_mutex_unlock(&server->keys_mutex);
    if (admin && count == 0)
        return api_error_set(error, 403, "not_allowed", NULL,
                             "this server has no admin key: its adapters stay as they are");
    if (found || count == 0) return (long)found;
    return api_error_set(error, 401, "invalid_api_key", NULL,
                         authorization ? "this is no key of this server"
                                       : "expected a key: Authorization: Bearer KEY");
}

void request_head_client(struct MHD_Connection *connection, char *text, size_t size) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    text[0] = '\0';
    if (!address) return;
    socklen_t length =
        address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(address, length, text, (socklen_t)size, NULL, 0, NI_NUMERICHOST))
        text[0] = '\0';
}
