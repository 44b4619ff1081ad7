/* fuzz_realtime.c - a realtime session: after a first byte F what its connection brings, else its
 * messages, one a line. Whatever they are, items are told of in their order and the rest goes on.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/websocket.h"
#include "serve/realtime_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A client that reads along. */
struct listener {
    struct websocket *websocket; /* NULL: nothing is written */
    char item[REALTIME_ID_MAX];  /* committed, and neither completed nor failed */
    size_t events;
};

static void check_item(struct listener *listener, const char *type, const char *item) {
    if (strcmp(type, "input_audio_buffer.committed") == 0) {
        if (listener->item[0] || !item || strlen(item) >= sizeof listener->item) abort();
        strcpy(listener->item, item);
    } else if (strstr(type, ".completed") || strstr(type, ".failed")) {
        if (!item || strcmp(listener->item, item) != 0) abort();
        listener->item[0] = '\0';
    }
}

static void hear(void *user, const json_t *event) {
    struct listener *listener = user;
    const char *type = json_string_value(json_object_get(event, "type"));
    char *text = json_dumps(event, 0);
    if (!type || !text || !json_is_string(json_object_get(event, "event_id"))) abort();
    check_item(listener, type, json_string_value(json_object_get(event, "item_id")));
    if (listener->websocket) websocket_send(listener->websocket, text, strlen(text));
    listener->events++;
    free(text);
}

static int never(void *user) {
    (void)user;
    return 0;
}

/* The small model, once. Texts of few tokens: what is tried here is what comes before. */
static const struct transcriber *transcriber(struct adapter_shelf *shelf) {
    static struct transcriber made;
    static pst_decode_options decode;
    static pst_audio_options audio;
    static pst_model *model;
    pst_error err;
    if (!model) {
        pst_model_options options;
        pst_model_options_init(&options);
        options.precision = PST_PRECISION_F32;
        if (pst_model_open(TEST_SOURCE_DIR "/tests/golden/micro", &options, &model, &err)) abort();
        pst_model_decode_options(model, &decode);
        decode.max_new_tokens = 4;
        pst_audio_options_init(&audio);
        made = (struct transcriber){
            .model = model, .decode = &decode, .audio = &audio, .language = "en"};
    }
    *shelf = (struct adapter_shelf){.model = model, .base = "micro"};
    adapter_shelf_open(shelf);
    return &made;
}

static void take_lines(struct realtime_session *session, const char *text, size_t size) {
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;
        realtime_session_take(session, text, length);
        while (realtime_session_has_work(session, end != NULL)) realtime_session_work(session);
        size -= end ? length + 1 : length;
        text += end ? length + 1 : length;
    }
}

static void take_frames(struct realtime_session *session, struct websocket *websocket) {
    for (int turns = 0; turns < 10000 && !websocket_is_over(websocket); turns++) {
        size_t length;
        websocket_service(websocket);
        char *message = websocket_take(websocket, &length);
        if (message) realtime_session_take(session, message, length);
        free(message);
        while (realtime_session_has_work(session, websocket->first != NULL))
            realtime_session_work(session);
    }
}

/* The end of a connection that nobody has at the other end any more. */
static void converse(struct realtime_session *session, struct listener *listener,
                     const struct realtime_host *host, const uint8_t *data, size_t size) {
    struct api_error error = {.status = 0};
    struct websocket websocket;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) abort();
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    /* A part comes with the handshake, the rest later. */
    size_t early = size / 3;
    ssize_t written = write(ends[1], data + early, size - early);
    (void)written;
    shutdown(ends[1], SHUT_WR);
    if (websocket_open(&websocket, ends[0], (const char *)data, early)) abort();
    listener->websocket = &websocket;
    if (realtime_session_open(session, host, "micro", &error)) abort();
    take_frames(session, &websocket);
    realtime_session_close(session);
    websocket_close(&websocket);
    close(ends[0]);
    close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct adapter_shelf shelf;
    struct realtime_session session;
    struct listener listener = {.websocket = NULL};
    struct api_error error = {.status = 0};
    const struct realtime_host host = {.transcriber = transcriber(&shelf),
                                       .shelf = &shelf,
                                       .folder = "/tmp",
                                       .bytes_max = 1 << 12,
                                       .id = "sess_1",
                                       .send = hear,
                                       .cancelled = never,
                                       .user = &listener};
    if (size > 0 && data[0] == 'F') {
        converse(&session, &listener, &host, data + 1, size - 1);
    } else {
        if (realtime_session_open(&session, &host, "micro", &error)) abort();
        take_lines(&session, (const char *)data, size);
        realtime_session_finish(&session);
        if (listener.item[0]) abort(); /* each that was committed has its end */
        realtime_session_close(&session);
    }
    adapter_shelf_close(&shelf);
    return 0;
}
