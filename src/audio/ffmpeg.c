/* ffmpeg.c - see ffmpeg.h.
 *
 * A file may be hostile. So its name is given as a file's, which no name can get out of; nothing
 * but files is opened; and of formats those alone are allowed that hold sound themselves: a
 * playlist would have other files read. */
#include "audio/ffmpeg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/mono.h"
#include "base/error.h"

/* What a Linux pipe holds. */
enum { READ_BYTES = 65536 };

/* Names of demuxers: of these formats files have no other files in them. */
static const char FORMATS[] =
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,dtshd,eac3,flac,flv,gsm,loas,matroska,"
    "mka,mkv,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,ogg,oma,rm,tak,tta,w64,"
    "wav,wv";

/* ------------------------------------------------------------------------------------ messages */

/* The last line without what is before its text: the part of ffmpeg and its address in memory, or
 * the file's name, which the message has already. */
void ffmpeg_said(const struct ffmpeg *ffmpeg, char *line, size_t size) {
    const char *said = ffmpeg->child.said, *end = said + strlen(said);
    while (end > said && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' ')) end--;
    const char *start = end;
    while (start > said && start[-1] != '\n') start--;
    const char *bracket = *start == '[' ? strstr(start, "] ") : NULL;
    if (bracket && bracket < end) start = bracket + 2;
    if (strncmp(start, "file:", 5) == 0)
        for (const char *at = end; at > start; at--)
            if (strncmp(at, ": ", 2) == 0) {
                start = at + 2;
                break;
            }
    snprintf(line, size, "%.*s", (int)(end - start), start);
}

static pst_status refuse(struct ffmpeg *ffmpeg, const char *path, const char *what,
                         pst_error *err) {
    char line[256];
    ffmpeg_said(ffmpeg, line, sizeof line);
    return error_set(err, PST_ERR_INPUT, "%s: ffmpeg %s%s%s", path, what, *line ? ": " : "", line);
}

/* ------------------------------------------------------------------------------------- reading */

/* Adds what comes next to `bytes`; `*got` 0: nothing comes any more, and all is well. */
static pst_status read_more(struct ffmpeg *ffmpeg, const char *path, size_t *got, pst_error *err) {
    char bytes[READ_BYTES];
    pst_error why;
    if (child_read(&ffmpeg->child, bytes, sizeof bytes, got, &why))
        return refuse(ffmpeg, path, why.message, err);
    if (!*got)
        return child_end(&ffmpeg->child) ? PST_OK : refuse(ffmpeg, path, "cannot read it", err);
    buffer_append(&ffmpeg->bytes, bytes, *got);
    return ffmpeg->bytes.failed ? error_memory(err, *got) : PST_OK;
}

static void drop_bytes(struct ffmpeg *ffmpeg, size_t count) {
    ffmpeg->bytes.length -= count;
    memmove(ffmpeg->bytes.data, ffmpeg->bytes.data + count, ffmpeg->bytes.length);
}

static pst_status read_header(struct ffmpeg *ffmpeg, const char *path, pst_error *err) {
    size_t got, data;
    for (;;) {
        pst_status status = read_more(ffmpeg, path, &got, err);
        if (status) return status;
        if (!got) return refuse(ffmpeg, path, "gave no sound", err);
        int found = pcm_wav_header((const unsigned char *)ffmpeg->bytes.data, ffmpeg->bytes.length,
                                   "its output", &ffmpeg->format, &data, NULL);
        if (found < 0) return refuse(ffmpeg, path, "gave something else than a WAV stream", err);
        if (!found) continue;
        drop_bytes(ffmpeg, data);
        return mono_check_format(path, ffmpeg->format.rate_hz, ffmpeg->format.channels, err);
    }
}

pst_status ffmpeg_read(struct ffmpeg *ffmpeg, const char *path, float *frames, size_t count,
                       size_t *got, pst_error *err) {
    size_t size = (size_t)ffmpeg->format.bytes * ffmpeg->format.channels, more = 1;
    while (more && ffmpeg->bytes.length < size) {
        pst_status status = read_more(ffmpeg, path, &more, err);
        if (status) return status;
    }
    size_t whole = ffmpeg->bytes.length / size;
    *got = whole < count ? whole : count;
    pcm_values(&ffmpeg->format, (const unsigned char *)ffmpeg->bytes.data,
               *got * ffmpeg->format.channels, frames);
    drop_bytes(ffmpeg, *got * size);
    return PST_OK;
}

/* ------------------------------------------------------------------------------------- opening */

/* An open file is its standard input, which it opens by a name of its own: so it may seek in it, as
 * many formats need, also where the file has no name any more. */
static const char OPEN_FILE[] = "/dev/fd/0";

pst_status ffmpeg_open(struct ffmpeg *ffmpeg, const char *program, int limit_ms, const char *path,
                       int fd, pst_error *err) {
    *ffmpeg = (struct ffmpeg){.child = {.out = -1, .err = -1}};
    size_t length = (fd < 0 ? strlen(path) : sizeof OPEN_FILE) + sizeof "file:";
    char *name = malloc(length);
    if (!name) return error_memory(err, length);
    snprintf(name, length, "file:%s", fd < 0 ? path : OPEN_FILE);
    char *const argv[] = {
        (char *)program, "-nostdin", "-hide_banner", "-loglevel", "error",
        /* The file: what it may be. */
        "-protocol_whitelist", "file,pipe", "-format_whitelist", (char *)FORMATS, "-i", name,
        /* Its first sound, as it is, and nothing beside it. */
        "-map", "0:a:0", "-map_metadata", "-1", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1", NULL};
    pst_status status = child_start(&ffmpeg->child, argv, fd, limit_ms, err);
    free(name);
    return status ? status : read_header(ffmpeg, path, err);
}

void ffmpeg_close(struct ffmpeg *ffmpeg) {
    child_kill(&ffmpeg->child);
    buffer_free(&ffmpeg->bytes);
}
