/* websocket.h - a connection that was upgraded: messages in and out, by RFC 6455.
 *
 * One thread uses it, and nothing here waits but websocket_wait(). Both directions are bounded:
 * what is not taken is not read, and of a client that does not read nothing more is taken. */
#ifndef POTSTILL_CLI_WEBSOCKET_H
#define POTSTILL_CLI_WEBSOCKET_H

#include <stddef.h>
#include <stdint.h>

/* 15 MiB of sound, as OpenAI takes in one message, in base64, and what stands around it. */
enum { WEBSOCKET_MESSAGE_MAX = 20 * 1024 * 1024 + 64 * 1024 };

/* Codes of RFC 6455 that are told here; libwslay tells others by itself. */
enum websocket_code {
    WEBSOCKET_DONE = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_NO_TEXT = 1003,
    WEBSOCKET_FAILED = 1011,
};

struct websocket {
    int fd;
    struct wslay_event_context *frames;
    char *early; /* [early_bytes] read before it was a WebSocket, from `early_at` on to be taken */
    size_t early_bytes, early_at;
    struct websocket_message *first, *last;
    size_t waiting_bytes; /* of messages that were not taken */
    int broken;
    double heard_at, sent_at, pinged_at; /* of seconds_now() */
    uint64_t bytes;                      /* that came */
};

/* `early` [early_bytes] is copied; the socket stays the caller's. 0, or -1: no memory.
 * websocket_close() in any case. */
int websocket_open(struct websocket *websocket, int fd, const char *early, size_t early_bytes);
void websocket_close(struct websocket *websocket);

/* Reads and writes what can be. */
void websocket_service(struct websocket *websocket);
/* Waits until there is something to read or to write, `other` can be read (-1: none), or `ms`. */
void websocket_wait(struct websocket *websocket, int other, int ms);
/* Nothing will come any more, or nothing can be sent. */
int websocket_is_over(const struct websocket *websocket);
/* The client does not read what it is told. */
int websocket_is_full(const struct websocket *websocket);
/* The next message [length], with a NUL behind it, to be freed; NULL: none is there. */
char *websocket_take(struct websocket *websocket, size_t *length);
void websocket_send(struct websocket *websocket, const char *text, size_t length);
/* Tells the client that it ends, and why; waits a moment for it to say the same. */
void websocket_end(struct websocket *websocket, enum websocket_code code, const char *reason);

#endif
