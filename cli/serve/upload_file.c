/* upload_file.c - see upload_file.h. */
#include "serve/upload_file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "console.h"

int upload_file_new(const char *folder) {
    char *path = text_format("%s/potstill-upload-XXXXXX", folder);
    int fd = mkstemp(path), reason = errno;
    if (fd >= 0) unlink(path);
    free(path);
    errno = reason;
    return fd;
}
