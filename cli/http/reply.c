/* reply.c - see reply.h. */
#include "http/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "console.h"

struct reply reply_json(int status, json_t *object) {
    char *body = need(json_dumps(object, JSON_REAL_PRECISION(12)));
    json_decref(object);
    return (struct reply){
        .status = status, .content_type = "application/json", .body = body, .length = strlen(body)};
}

struct reply reply_error(const struct api_error *error) {
    char *body = api_error_body(error);
    return (struct reply){.status = error->status,
                          .content_type = "application/json",
                          .body = body,
                          .length = strlen(body),
                          .retry_after = error->retry_after};
}

void reply_add_headers(struct MHD_Response *response, const char *id, const char *content_type) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    MHD_add_response_header(response, "X-Request-Id", id);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

/* What a browser is told of a page. */
static void add_page_headers(struct MHD_Response *response, const char *policy) {
    MHD_add_response_header(response, "Content-Security-Policy", policy);
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Permissions-Policy",
                            "microphone=(self), camera=(), geolocation=()");
    MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
}

enum MHD_Result reply_queue(struct MHD_Connection *connection, const struct reply *reply,
                            const char *id) {
    char seconds[16];
    struct MHD_Response *response =
        need(MHD_create_response_from_buffer(reply->length, reply->body, MHD_RESPMEM_MUST_FREE));
    reply_add_headers(response, id, reply->content_type);
    snprintf(seconds, sizeof seconds, "%u", reply->retry_after);
    if (reply->retry_after) MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    if (reply->allow) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
    if (reply->last) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (reply->policy) add_page_headers(response, reply->policy);
    free(reply->policy);
    if (reply->prompt_ignored) MHD_add_response_header(response, "X-Potstill-Ignored", "prompt");
    if (reply->status == 426) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, "websocket");
        MHD_add_response_header(response, "Sec-WebSocket-Version", "13");
    }
    if (reply->status == 401)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

void reply_write_raw(int socket, const struct api_error *error, const char *id) {
    char *body = api_error_body(error);
    char *text = text_format("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
                             "Content-Length: %zu\r\nX-Request-Id: %s\r\nConnection: close\r\n\r\n"
                             "%s",
                             error->status, MHD_get_reason_phrase_for((unsigned)error->status),
                             strlen(body), id, body);
    /* It fits into the buffer of a socket that nothing was written to; if not, it is lost. */
    ssize_t sent = send(socket, text, strlen(text), MSG_DONTWAIT);
    (void)sent;
    free(text);
    free(body);
}
