/* upload.c - see upload.h. */
#include "serve/upload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "serve/upload_file.h"
#include "whole_file.h"

static int no_room(struct upload *upload) {
    say("%s: cannot be written: %s", upload->folder, strerror(errno));
    return api_error_set(&upload->error, 503, "server_overloaded", NULL,
                         "there is no room for the file now");
}

static int open_file(struct upload *upload) {
    upload->pending = need(malloc(UPLOAD_PIECE));
    upload->fd = upload_file_new(upload->folder);
    return upload->fd < 0 ? no_room(upload) : 0;
}

static int begin(void *user, const struct multipart_part *part) {
    struct upload *upload = user;
    upload->part = *part;
    upload->field_length = 0;
    if (!part->has_filename) return 0;
    if (strcmp(part->name, "file") != 0)
        return api_error_set(&upload->error, 400, "unknown_parameter", NULL,
                             "there is no file '%.100s', expected one called file", part->name);
    if (upload->form.has_file)
        return api_error_set(&upload->error, 400, "invalid_value", "file",
                             "file: expected one file");
    upload->form.has_file = 1;
    return open_file(upload);
}

/* Writes what is pending. */
static int flush(struct upload *upload) {
    size_t count = upload->pending_length;
    upload->pending_length = 0;
    return whole_file_write(upload->fd, upload->pending, count) ? 0 : no_room(upload);
}

static int add_to_file(struct upload *upload, const char *bytes, size_t count) {
    for (size_t i = 0; i < count && upload->file_bytes + i < SOUND_HEAD_BYTES; i++)
        upload->head[upload->file_bytes + i] = (unsigned char)bytes[i];
    upload->file_bytes += count;
    while (count > 0) {
        size_t room = UPLOAD_PIECE - upload->pending_length, part = count < room ? count : room;
        memcpy(upload->pending + upload->pending_length, bytes, part);
        upload->pending_length += part;
        bytes += part;
        count -= part;
        if (upload->pending_length == UPLOAD_PIECE && flush(upload)) return -1;
    }
    return 0;
}

static int data(void *user, const char *bytes, size_t count) {
    struct upload *upload = user;
    if (upload->part.has_filename) return add_to_file(upload, bytes, count);
    if (count > UPLOAD_FIELD_MAX - upload->field_length)
        return api_error_set(&upload->error, 400, "invalid_value", NULL,
                             "the field '%.100s' has more than %d bytes", upload->part.name,
                             UPLOAD_FIELD_MAX);
    if (!upload->field) upload->field = need(malloc(UPLOAD_FIELD_MAX + 1));
    memcpy(upload->field + upload->field_length, bytes, count);
    upload->field_length += count;
    return 0;
}

static int end(void *user) {
    struct upload *upload = user;
    if (upload->part.has_filename) return flush(upload);
    if (!upload->field) upload->field = need(malloc(UPLOAD_FIELD_MAX + 1));
    upload->field[upload->field_length] = '\0';
    if (strlen(upload->field) != upload->field_length)
        return api_error_set(&upload->error, 400, "invalid_value", NULL,
                             "the field '%.100s' has a NUL byte", upload->part.name);
    return form_set(&upload->form, upload->part.name, upload->field, upload->language,
                    &upload->error);
}

static const struct multipart_calls calls = {begin, data, end};

static void refuse_body(struct upload *upload) {
    const char *problem = upload->multipart.problem;
    api_error_set(&upload->error, 400, "invalid_value", NULL, "the body cannot be read: %s",
                  problem ? problem : "it is no form");
}

void upload_open(struct upload *upload, const char *content_type, const char *folder,
                 const char *language) {
    *upload = (struct upload){.folder = folder, .language = language, .fd = -1};
    if (multipart_begin(&upload->multipart, content_type, &calls, upload)) refuse_body(upload);
}

void upload_feed(struct upload *upload, const char *bytes, size_t count) {
    if (upload->error.status) return;
    if (multipart_feed(&upload->multipart, bytes, count)) refuse_body(upload);
}

int upload_finish(struct upload *upload, double *seconds) {
    if (!upload->error.status && multipart_end(&upload->multipart)) refuse_body(upload);
    if (!upload->error.status) form_check(&upload->form, &upload->error);
    if (!upload->error.status && lseek(upload->fd, 0, SEEK_SET) != 0)
        api_error_set(&upload->error, 500, NULL, NULL, "the server failed; its log says why");
    if (upload->error.status) return -1;
    size_t count = upload->file_bytes < SOUND_HEAD_BYTES ? (size_t)upload->file_bytes
                                                         : (size_t)SOUND_HEAD_BYTES;
    *seconds = sound_length(upload->head, count, upload->file_bytes);
    return 0;
}

void upload_close(struct upload *upload) {
    if (upload->fd >= 0) close(upload->fd);
    upload->fd = -1;
    free(upload->field);
    free(upload->pending);
    upload->field = upload->pending = NULL;
}
