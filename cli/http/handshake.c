/* handshake.c - see handshake.h. */
#include "http/handshake.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "console.h"
#include "serve/base64.h"

static const char PROTOCOL[] = "realtime"; /* of OpenAI's clients in browsers */
static const char KEY_PREFIX[] = "openai-insecure-api-key.";
static const char PROTOCOLS[] = "Sec-WebSocket-Protocol", KEY[] = "Sec-WebSocket-Key";

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* ------------------------------------------------------------------------------------- lists */

/* The next of a list with commas, [length]; NULL: there is none. */
static const char *next_word(const char **list, size_t *length) {
    const char *at = *list ? *list + strspn(*list, ", \t") : "";
    if (!*at) return NULL;
    size_t end = strcspn(at, ",");
    *list = at + end;
    while (end > 0 && strchr(" \t", at[end - 1])) end--;
    *length = end;
    return at;
}

static int has_word(const char *list, const char *word) {
    size_t length;
    for (const char *at; (at = next_word(&list, &length));)
        if (length == strlen(word) && strncasecmp(at, word, length) == 0) return 1;
    return 0;
}

int handshake_offers(struct MHD_Connection *connection, const char *protocol) {
    return has_word(header(connection, PROTOCOLS), protocol);
}

char *handshake_authorization(struct MHD_Connection *connection) {
    const char *list = header(connection, PROTOCOLS);
    size_t length, start = sizeof KEY_PREFIX - 1;
    for (const char *at; (at = next_word(&list, &length));)
        if (length > start && strncmp(at, KEY_PREFIX, start) == 0)
            return text_format("Bearer %.*s", (int)(length - start), at + start);
    return NULL;
}

/* ------------------------------------------------------------------------------------- checks */

/* 16 random bytes. */
static int is_key(const char *key) {
    enum { KEY_CHARACTERS = 24, KEY_BYTES = 16 };
    unsigned char bytes[KEY_CHARACTERS];
    return key && strlen(key) == KEY_CHARACTERS &&
           base64_decode(key, KEY_CHARACTERS, bytes) == KEY_BYTES;
}

int handshake_check(struct MHD_Connection *connection, const char *version,
                    struct api_error *error) {
    const char *told = header(connection, "Sec-WebSocket-Version");
    if (!has_word(header(connection, MHD_HTTP_HEADER_UPGRADE), "websocket") ||
        !has_word(header(connection, MHD_HTTP_HEADER_CONNECTION), "upgrade"))
        return api_error_set(error, 426, "upgrade_required", NULL,
                             "this address is for a WebSocket: expected Upgrade: websocket");
    if (strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
        return api_error_set(error, 400, "invalid_value", NULL,
                             "a WebSocket begins with a request of HTTP/1.1");
    if (!told || strcmp(told, "13") != 0)
        return api_error_set(error, 426, "upgrade_required", NULL,
                             "Sec-WebSocket-Version: expected 13");
    if (!is_key(header(connection, KEY)))
        return api_error_set(error, 400, "invalid_value", NULL,
                             "Sec-WebSocket-Key: expected 16 bytes in base64");
    return 0;
}

/* Without what is before the host: a proxy may have made http of https. */
static const char *host_of(const char *origin) {
    const char *end = strstr(origin, "://");
    return end ? end + 3 : "";
}

int handshake_check_origin(struct MHD_Connection *connection, const char *const *origins,
                           size_t count, struct api_error *error) {
    const char *origin = header(connection, MHD_HTTP_HEADER_ORIGIN);
    const char *host = header(connection, MHD_HTTP_HEADER_HOST);
    if (!origin || (host && *host && strcasecmp(host_of(origin), host) == 0)) return 0;
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(origins[i], origin) == 0) return 0;
    return api_error_set(error, 403, "not_allowed", NULL, "pages of %.100s may not use this server",
                         origin);
}

/* ------------------------------------------------------------------------------------- answer */

/* What shows that it was understood: the key and a constant of RFC 6455, as a digest. */
static void accept_key(const char *key, char accept[64]) {
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    unsigned length = 0;
    char *text = text_format("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    if (!EVP_Digest(text, strlen(text), digest, &length, EVP_sha1(), NULL)) length = 0;
    EVP_EncodeBlock((unsigned char *)accept, digest, (int)length);
    free(text);
}

struct MHD_Response *handshake_response(struct MHD_Connection *connection,
                                        MHD_UpgradeHandler upgraded, void *user) {
    char accept[64];
    struct MHD_Response *response = need(MHD_create_response_for_upgrade(upgraded, user));
    accept_key(header(connection, KEY), accept);
    MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, "websocket");
    MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    if (handshake_offers(connection, PROTOCOL))
        MHD_add_response_header(response, PROTOCOLS, PROTOCOL);
    return response;
}
