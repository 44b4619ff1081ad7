/* upload.h - the body of a transcription as it comes: fields into the form, the file onto the disk.
 *
 * Bytes are counted as they come. After the first error nothing more is kept, but it is still
 * read, so that the client gets to read the reply. */
#ifndef POTSTILL_CLI_UPLOAD_H
#define POTSTILL_CLI_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "serve/multipart.h"
#include "serve/sound_length.h"
#include "serve/transcription_form.h"

enum {
    UPLOAD_FIELD_MAX = 64 * 1024, /* bytes of a field: a prompt of many pages */
    UPLOAD_PIECE = 64 * 1024,     /* written at once: the form gives them as small as they come */
};

struct upload {
    const char *folder;   /* for the file */
    const char *language; /* of the model */
    struct transcription_form form;
    struct api_error error;
    struct multipart multipart;
    struct multipart_part part; /* at hand */
    char *field;                /* [field_length] its value; room for UPLOAD_FIELD_MAX and NUL */
    size_t field_length;
    int fd;        /* the file; -1: none yet */
    char *pending; /* [pending_length] of it, not written yet; room for UPLOAD_PIECE */
    size_t pending_length;
    unsigned char head[SOUND_HEAD_BYTES];
    uint64_t file_bytes;
};

/* Must not be moved until it is closed. */
void upload_open(struct upload *upload, const char *content_type, const char *folder,
                 const char *language);
void upload_feed(struct upload *upload, const char *bytes, size_t count);
/* All has come: 0, with the seconds of sound as far as they can be told; or -1, with the error. */
int upload_finish(struct upload *upload, double *seconds);
void upload_close(struct upload *upload);

#endif
