/* http_daemon.c - see http_daemon.h. */
#include "http/http_daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "console.h"
#include "http/request.h"

/* Of a connection, and by how much its buffer grows: a body is read in pieces of that size, which
 * cost some calls of the system each. The head of a request is at most half of it all. */
enum { CONNECTION_BYTES = 64 * 1024, PIECE_BYTES = 32 * 1024 };
/* Without a byte, in either direction. */
enum { SILENCE_SECONDS = 30 };

/* ----------------------------------------------------------------------------------- the socket */

static struct addrinfo *resolve(const char *host, unsigned port) {
    char service[8];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    snprintf(service, sizeof service, "%u", port);
    return getaddrinfo(host, service, &hints, &found) == 0 ? found : NULL;
}

static int is_local(const struct sockaddr *address) {
    if (address->sa_family == AF_UNIX) return 1;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

int http_host_is_local(const char *host, int socket) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (socket >= 0)
        return getsockname(socket, (struct sockaddr *)&address, &length) == 0 &&
               is_local((struct sockaddr *)&address);
    struct addrinfo *found = resolve(host, 0);
    int local = found != NULL;
    for (struct addrinfo *at = found; at; at = at->ai_next) local = local && is_local(at->ai_addr);
    if (found) freeaddrinfo(found);
    return local;
}

static int listen_at(const struct addrinfo *address) {
    int on = 1, fd = socket(address->ai_family, SOCK_STREAM, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

int http_daemon_listen(struct http_daemon *daemon, const struct server_settings *settings) {
    *daemon = (struct http_daemon){.socket = settings->socket};
    if (settings->socket >= 0) return 0;
    struct addrinfo *found = resolve(settings->host, settings->port);
    if (!found) return fail(EXIT_USAGE, "--host %s: there is no such address here", settings->host);
    daemon->socket = listen_at(found);
    int reason = errno;
    freeaddrinfo(found);
    if (daemon->socket >= 0) return 0;
    return fail(EXIT_ENVIRONMENT, "%s port %u: cannot be listened on: %s", settings->host,
                settings->port, strerror(reason));
}

void http_daemon_address(const struct http_daemon *daemon, char *text, size_t size) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char host[64] = "", service[8] = "";
    const struct sockaddr_un *un = (const void *)&address;
    memset(&address, 0, sizeof address); /* a path may fill it without a NUL, but not all of it */
    if (getsockname(daemon->socket, (struct sockaddr *)&address, &length) == 0)
        getnameinfo((struct sockaddr *)&address, length, host, sizeof host, service, sizeof service,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    if (address.ss_family == AF_UNIX)
        snprintf(text, size, "unix:%s", un->sun_path);
    else
        snprintf(text, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, service);
}

/* ---------------------------------------------------------------------------------- the daemon */

/* `*entry` is the connection's own place, which its requests find it by. */
static void notice_connection(void *user, struct MHD_Connection *connection, void **entry,
                              enum MHD_ConnectionNotificationCode code) {
    struct server *server = user;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*entry) connections_remove(&server->connections, *entry);
        *entry = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info) *entry = connections_add(&server->connections, (int)info->connect_fd);
}

/* What libmicrohttpd has to say is about clients that do not keep to HTTP. */
static void hear_nothing(void *user, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void hear_nothing(void *user, const char *format, va_list arguments) {
    (void)user, (void)format, (void)arguments;
}

int http_daemon_start(struct http_daemon *daemon, struct server *server) {
    const struct server_settings *settings = server->settings;
    daemon->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME |
            MHD_ALLOW_UPGRADE | MHD_USE_ITC | MHD_USE_ERROR_LOG,
        0, NULL, NULL, request_handle, server, MHD_OPTION_EXTERNAL_LOGGER, hear_nothing, NULL,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)daemon->socket, MHD_OPTION_NOTIFY_COMPLETED,
        request_completed, server, MHD_OPTION_NOTIFY_CONNECTION, notice_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, settings->connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SILENCE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)PIECE_BYTES, MHD_OPTION_END);
    return daemon->daemon ? 0 : fail(EXIT_ENVIRONMENT, "the server cannot be started");
}

void http_daemon_close_door(struct http_daemon *daemon) {
    MHD_socket socket = MHD_quiesce_daemon(daemon->daemon);
    if (socket != MHD_INVALID_SOCKET) close(socket);
    daemon->socket = -1;
}

void http_daemon_stop(struct http_daemon *daemon) {
    if (daemon->daemon)
        MHD_stop_daemon(daemon->daemon); /* and closes the socket, if it has it */
    else if (daemon->socket >= 0)
        close(daemon->socket);
    daemon->daemon = NULL;
}
