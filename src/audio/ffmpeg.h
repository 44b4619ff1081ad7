/* ffmpeg.h - files that libsndfile does not read, through the program ffmpeg.
 *
 * It is a process of its own that is told to decode the file's first sound to float32, in the rate
 * and with the channels that it has; what comes is read as it comes. */
#ifndef PST_AUDIO_FFMPEG_H
#define PST_AUDIO_FFMPEG_H

#include "audio/child.h"
#include "audio/source/pcm_format.h"
#include "base/buffer.h"

struct ffmpeg {
    struct child child;
    struct pcm_format format;
    struct buffer bytes; /* come, and not given yet */
};

/* Starts `program` on the file `path`, or on the open file `fd` that is called so (-1: none), and
 * waits for the first sound. `limit_ms`: the longest that it may be silent. ffmpeg_close() in any
 * case.
 * PST_ERR_INPUT: nothing that it knows, or it hangs; PST_ERR_IO: it cannot be started. */
pst_status ffmpeg_open(struct ffmpeg *ffmpeg, const char *program, int limit_ms, const char *path,
                       int fd, pst_error *err);
/* At most `count` frames of all channels into `frames`; `*got` is 0 at the end.
 * PST_ERR_INPUT: it ended with an error, which the message has. */
pst_status ffmpeg_read(struct ffmpeg *ffmpeg, const char *path, float *frames, size_t count,
                       size_t *got, pst_error *err);
/* The last line that it said, in `line` [size]; "": nothing. */
void ffmpeg_said(const struct ffmpeg *ffmpeg, char *line, size_t size);
void ffmpeg_close(struct ffmpeg *ffmpeg);

#endif
