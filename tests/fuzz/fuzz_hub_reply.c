/* fuzz_hub_reply.c - the head of a reply of any server, line by line as libcurl hands it over.
 *
 * Whatever comes, what is kept has its form: nothing else may become part of a path. */
#include <stdlib.h>
#include <string.h>

#include "hub/hub_reply.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void require(int holds) {
    if (!holds) abort();
}

static int is_printable(const char *text) {
    for (; *text; text++)
        if (*text <= ' ' || *text > '~') return 0;
    return 1;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    struct hub_reply reply;
    hub_reply_clear(&reply);
    while (size > 0) {
        const unsigned char *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) + 1 : size;
        char *line = malloc(length); /* of its own, so that a byte too far is noticed */
        require(line != NULL);
        memcpy(line, data, length);
        hub_reply_line(&reply, line, length);
        free(line);
        data += length;
        size -= length;
    }
    require(!reply.commit[0] || hub_is_commit(reply.commit));
    require(!reply.etag[0] || hub_is_etag(reply.etag));
    require(!reply.linked_etag[0] || hub_is_etag(reply.linked_etag));
    require(is_printable(reply.location));
    require(reply.length >= -1 && reply.linked_size >= -1 && reply.retry_after >= -1);
    require(reply.range_start < 0 || reply.range_start < reply.range_total);
    require(reply.status == 0 || (reply.status >= 100 && reply.status <= 999));
    return 0;
}
