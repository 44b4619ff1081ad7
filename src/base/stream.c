/* stream.c - see stream.h. */
#include "base/stream.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"

pst_status stream_read(int fd, const char *name, size_t limit, struct buffer *bytes,
                       pst_error *err) {
    char block[65536]; /* what a Linux pipe holds */
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got == 0) return PST_OK;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error_system(err, "read", name, errno);
        if ((size_t)got > limit - bytes->length)
            return error_set(err, PST_ERR_INPUT, "%s: is over %zu bytes, the most that is read",
                             name, limit);
        buffer_append(bytes, block, (size_t)got);
        if (bytes->failed) return error_memory(err, bytes->length + (size_t)got);
    }
}
