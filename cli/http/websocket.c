/* websocket.c - see websocket.h. */
#include "http/websocket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <wslay/wslay.h>

#include "console.h"
#include "seconds.h"

#ifndef MSG_MORE
#define MSG_MORE 0 /* macOS: packets go as they are written */
#endif

enum {
    /* Messages that wait: what real-time sound has in many seconds; a larger one may be there. */
    WAITING_BYTES_MAX = 4 * 1024 * 1024,
    WAITING_COUNT_MAX = 4096,
    /* Of events that the client has not read: an hour of speech is less. */
    OUTPUT_BYTES_MAX = 1024 * 1024
};
/* A client from which nothing comes is asked; without an answer it has gone. As long may a client
 * that reads nothing hold back what is to be written. */
enum { PING_SECONDS = 20, SILENCE_SECONDS = 60, STALL_SECONDS = 30 };
/* For the client to say that it ends as well. */
enum { END_SECONDS = 2 };

struct websocket_message {
    struct websocket_message *next;
    size_t length;
    char text[]; /* [length], and a NUL */
};

/* ------------------------------------------------------------------------------------- frames */

/* Nothing more is read for now. */
static int is_paused(const struct websocket *websocket) {
    return websocket->waiting_bytes >= WAITING_BYTES_MAX || websocket_is_full(websocket);
}

static ssize_t read_early(struct websocket *websocket, uint8_t *bytes, size_t size) {
    size_t left = websocket->early_bytes - websocket->early_at, count = left < size ? left : size;
    memcpy(bytes, websocket->early + websocket->early_at, count);
    websocket->early_at += count;
    return (ssize_t)count;
}

static ssize_t read_some(wslay_event_context_ptr frames, uint8_t *bytes, size_t size, int flags,
                         void *user) {
    struct websocket *websocket = user;
    (void)flags;
    if (is_paused(websocket)) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (websocket->early_at < websocket->early_bytes) return read_early(websocket, bytes, size);
    ssize_t got = recv(websocket->fd, bytes, size, MSG_DONTWAIT);
    if (got > 0) {
        websocket->heard_at = seconds_now();
        websocket->bytes += (uint64_t)got;
        return got;
    }
    int nothing = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    websocket->broken = websocket->broken || !nothing;
    wslay_event_set_error(frames, nothing ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t write_some(wslay_event_context_ptr frames, const uint8_t *bytes, size_t size,
                          int flags, void *user) {
    struct websocket *websocket = user;
    int more = flags & WSLAY_MSG_MORE ? MSG_MORE : 0;
    ssize_t sent = send(websocket->fd, bytes, size, MSG_DONTWAIT | more);
    if (sent >= 0) {
        websocket->sent_at = seconds_now();
        return sent;
    }
    int nothing = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    websocket->broken = websocket->broken || !nothing;
    wslay_event_set_error(frames, nothing ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void take_message(wslay_event_context_ptr frames,
                         const struct wslay_event_on_msg_recv_arg *arg, void *user) {
    struct websocket *websocket = user;
    static const char reason[] = "expected text";
    if (wslay_is_ctrl_frame(arg->opcode)) return; /* libwslay answers */
    if (arg->opcode != WSLAY_TEXT_FRAME) {
        wslay_event_queue_close(frames, WEBSOCKET_NO_TEXT, (const uint8_t *)reason,
                                sizeof reason - 1);
        wslay_event_shutdown_read(frames);
        return;
    }
    struct websocket_message *message = need(malloc(sizeof *message + arg->msg_length + 1));
    *message = (struct websocket_message){.length = arg->msg_length};
    if (arg->msg_length) memcpy(message->text, arg->msg, arg->msg_length);
    message->text[arg->msg_length] = '\0';
    if (websocket->last)
        websocket->last->next = message;
    else
        websocket->first = message;
    websocket->last = message;
    /* A short one costs something as well. */
    websocket->waiting_bytes += arg->msg_length + WAITING_BYTES_MAX / WAITING_COUNT_MAX;
}

/* ---------------------------------------------------------------------------------- connection */

int websocket_open(struct websocket *websocket, int fd, const char *early, size_t early_bytes) {
    static const struct wslay_event_callbacks callbacks = {.recv_callback = read_some,
                                                           .send_callback = write_some,
                                                           .on_msg_recv_callback = take_message};
    double now = seconds_now();
    *websocket = (struct websocket){.fd = fd,
                                    .early_bytes = early_bytes,
                                    .early = need(malloc(early_bytes + 1)),
                                    .heard_at = now,
                                    .sent_at = now,
                                    .pinged_at = now};
    if (early_bytes) memcpy(websocket->early, early, early_bytes);
    if (wslay_event_context_server_init(&websocket->frames, &callbacks, websocket)) return -1;
    wslay_event_config_set_max_recv_msg_length(websocket->frames, WEBSOCKET_MESSAGE_MAX);
    return 0;
}

void websocket_close(struct websocket *websocket) {
    if (websocket->frames) wslay_event_context_free(websocket->frames);
    for (char *text; (text = websocket_take(websocket, &(size_t){0}));) free(text);
    free(websocket->early);
    websocket->early = NULL;
}

int websocket_is_over(const struct websocket *websocket) {
    return websocket->broken || !wslay_event_want_read(websocket->frames);
}

int websocket_is_full(const struct websocket *websocket) {
    return wslay_event_get_queued_msg_length(websocket->frames) >= OUTPUT_BYTES_MAX;
}

/* Clients that have gone without a word. */
static void check_time(struct websocket *websocket) {
    static const struct wslay_event_msg ping = {.opcode = WSLAY_PING};
    double now = seconds_now();
    int wants_write = wslay_event_want_write(websocket->frames);
    if (!wants_write) websocket->sent_at = now;
    if (is_paused(websocket)) websocket->heard_at = now;
    if (now - websocket->sent_at > STALL_SECONDS || now - websocket->heard_at > SILENCE_SECONDS)
        websocket->broken = 1;
    if (now - websocket->heard_at < PING_SECONDS || now - websocket->pinged_at < PING_SECONDS)
        return;
    websocket->pinged_at = now;
    wslay_event_queue_msg(websocket->frames, &ping);
}

void websocket_service(struct websocket *websocket) {
    if (websocket->broken) return;
    if (wslay_event_want_read(websocket->frames) && wslay_event_recv(websocket->frames)) {
        /* Other than by the connection: what came is no frame, which the client is told. */
        wslay_event_shutdown_read(websocket->frames);
        wslay_event_queue_close(websocket->frames, WSLAY_CODE_PROTOCOL_ERROR, NULL, 0);
    }
    check_time(websocket);
    if (!websocket->broken && wslay_event_want_write(websocket->frames) &&
        wslay_event_send(websocket->frames))
        websocket->broken = 1;
}

void websocket_wait(struct websocket *websocket, int other, int ms) {
    struct pollfd at[2] = {{.fd = websocket->fd}, {.fd = other, .events = POLLIN}};
    int early = websocket->early_at < websocket->early_bytes;
    if (websocket->broken) return;
    if (wslay_event_want_read(websocket->frames) && !is_paused(websocket)) {
        if (early) return;
        at[0].events |= POLLIN;
    }
    if (wslay_event_want_write(websocket->frames)) at[0].events |= POLLOUT;
    if (!at[0].events) at[0].fd = -1; /* a hang-up would be told again and again */
    poll(at, 2, ms);
}

char *websocket_take(struct websocket *websocket, size_t *length) {
    struct websocket_message *message = websocket->first;
    if (!message) return NULL;
    websocket->first = message->next;
    if (!websocket->first) websocket->last = NULL;
    websocket->waiting_bytes -= message->length + WAITING_BYTES_MAX / WAITING_COUNT_MAX;
    *length = message->length;
    /* The text takes the place of its own message. */
    char *text = (char *)message;
    memmove(text, message->text, *length + 1);
    return text;
}

void websocket_send(struct websocket *websocket, const char *text, size_t length) {
    const struct wslay_event_msg message = {
        .opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text, .msg_length = length};
    if (wslay_event_queue_msg(websocket->frames, &message) == WSLAY_ERR_NOMEM) need(NULL);
}

/* Reads on, so that what was written is not lost by a reset, which follows bytes nobody read. */
static void read_to_end(struct websocket *websocket, double till) {
    char bytes[4096];
    shutdown(websocket->fd, SHUT_WR);
    for (double now; (now = seconds_now()) < till;) {
        struct pollfd at = {.fd = websocket->fd, .events = POLLIN};
        if (poll(&at, 1, (int)(1000 * (till - now)) + 1) <= 0) return;
        ssize_t got = recv(websocket->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return;
    }
}

static void write_all(struct websocket *websocket, double till) {
    while (!websocket->broken && wslay_event_want_write(websocket->frames) &&
           seconds_now() < till) {
        struct pollfd at = {.fd = websocket->fd, .events = POLLOUT};
        if (wslay_event_send(websocket->frames)) websocket->broken = 1;
        if (wslay_event_want_write(websocket->frames)) poll(&at, 1, 100);
    }
}

void websocket_end(struct websocket *websocket, enum websocket_code code, const char *reason) {
    double till = seconds_now() + END_SECONDS;
    write_all(websocket, till); /* control frames would go before what waits, which would be lost */
    wslay_event_queue_close(websocket->frames, code, (const uint8_t *)reason, strlen(reason));
    write_all(websocket, till);
    if (!websocket->broken) read_to_end(websocket, till);
}
