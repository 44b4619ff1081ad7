/* audio_stream.h - any audio file as mono samples at 16 kHz, as many at a time as are wanted.
 *
 * However the samples are taken, they are the same bits; an hour of sound so needs the memory of what is
 * looked at now. How loud it is, where it is cut and whether it is long enough to transcribe is
 * judged elsewhere. */
#ifndef PST_AUDIO_AUDIO_STREAM_H
#define PST_AUDIO_AUDIO_STREAM_H

#include <sndfile.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/audio_memory.h"
#include "audio/resample.h"
#include "audio/sample_list.h"
#include "base/buffer.h"
#include "potstill.h"

/* Must stay where it is while it is open. */
struct audio_stream {
    const char *name; /* for messages, the caller's; NULL: not open */
    SNDFILE *file;
    SF_INFO info;
    int own_fd;                 /* opened here; -1: none */
    struct buffer piped;        /* the whole of what cannot seek */
    struct audio_memory memory; /* reads it */
    float *frames;              /* [block, channels] as decoded */
    float *mono;                /* [block] */
    uint64_t frames_read;
    struct resampler resampler;
    int ended; /* no samples are left */
};

/* Each leaves nothing to close when it fails. A file or descriptor that can seek is read as it goes;
 * a pipe is read whole here. libsndfile keeps the reason of a failed open for the whole process: two
 * threads that fail in the same moment may see each other's. */
pst_status audio_stream_open(struct audio_stream *stream, const char *path, pst_error *err);
/* `fd` stays the caller's, and open as long as the stream. */
pst_status audio_stream_open_fd(struct audio_stream *stream, int fd, const char *name,
                                pst_error *err);
/* `bytes` [size] must outlive the stream. */
pst_status audio_stream_open_bytes(struct audio_stream *stream, const void *bytes, size_t size,
                                   const char *name, pst_error *err);

/* Adds samples to `out` until it has at least `count` or the file has ended. They come in blocks, so
 * there may be some more: 8 s at most. A file without any sample is PST_ERR_INPUT. */
pst_status audio_stream_read(struct audio_stream *stream, size_t count, struct sample_list *out,
                             pst_error *err);
void audio_stream_close(struct audio_stream *stream);

#endif
