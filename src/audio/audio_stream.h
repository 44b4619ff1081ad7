/* audio_stream.h - any audio file as mono samples at 16 kHz, as many at a time as are wanted.
 *
 * The samples have the same bits however many are read at a time, so an hour of audio needs only
 * the memory of the part in use. Loudness, where to cut and whether a clip is long enough are
 * decided elsewhere. */
#ifndef PST_AUDIO_AUDIO_STREAM_H
#define PST_AUDIO_AUDIO_STREAM_H

#include <sndfile.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/audio_memory.h"
#include "audio/ffmpeg.h"
#include "audio/levels.h"
#include "audio/resample.h"
#include "audio/sample_list.h"
#include "base/buffer.h"
#include "potstill.h"

enum {
    /* What is read at once: a working session. A few kilobytes of FLAC can hold days of silence;
     * this keeps the samples below 1.4 GB. */
    AUDIO_SECONDS_MAX = 6 * 3600,
    /* What is read piece by piece: six weeks of a recorder that was not stopped. */
    AUDIO_SECONDS_IN_PIECES_MAX = 1000 * 3600
};

/* A pipe cannot seek, which many formats need, so it is held in memory: 93 minutes of 48 kHz 16-bit
 * stereo. */
#define AUDIO_STREAM_BYTES_MAX ((size_t)1 << 30)

/* Must not move in memory while it is open. */
struct audio_stream {
    const char *name; /* for messages, the caller's; NULL: not open */
    SNDFILE *file;
    struct ffmpeg *ffmpeg; /* reads in place of `file`; NULL: that one does */
    SF_INFO info;
    uint32_t channel;           /* heard alone, from 1; 0: the mean of all */
    struct levels levels;       /* of what was read */
    int fd;                     /* what is read; -1: bytes */
    int own_fd;                 /* opened here; -1: none */
    struct buffer piped;        /* all bytes of a stream that cannot seek */
    struct audio_memory memory; /* reads it, or a file with an unfinished header */
    int unfinished;             /* the header tells `told_bytes` of sound, and was not believed */
    uint32_t told_bytes;
    float *frames; /* [block, channels] as decoded */
    float *mono;   /* [block] */
    uint64_t frames_read;
    double seconds_max; /* of those above, by how it is read, or the caller's; 0: not known yet */
    double told_max;    /* the caller's; 0: none */
    struct resampler resampler;
    int ended; /* no samples are left */
};

/* Each leaves nothing to close when it fails. A file or descriptor that can seek is read as it
 * goes; a pipe is read whole here. libsndfile keeps the reason of a failed open for the whole
 * process: two threads that fail in the same moment may see each other's. `options` are those of
 * audio_options_copy(), or NULL; of PST_CHANNEL_EACH the first one is read. */
pst_status audio_stream_open(struct audio_stream *stream, const char *path,
                             const pst_audio_options *options, pst_error *err);
/* `fd` stays the caller's, and open as long as the stream. */
pst_status audio_stream_open_fd(struct audio_stream *stream, int fd, const char *name,
                                const pst_audio_options *options, pst_error *err);
/* `bytes` [size] must outlive the stream. */
pst_status audio_stream_open_bytes(struct audio_stream *stream, const void *bytes, size_t size,
                                   const char *name, pst_error *err);

/* Adds samples to `out` until it has at least `count` (SIZE_MAX: all) or the file has ended. They
 * come in blocks, so there may be some more: 8 s at most. A file without any sample is
 * PST_ERR_INPUT, as is one that is longer than the limits above: where its head says so, before
 * anything is read. */
pst_status audio_stream_read(struct audio_stream *stream, size_t count, struct sample_list *out,
                             pst_error *err);
/* Begins again, with the next channel. When it fails the stream is closed. */
pst_status audio_stream_next_channel(struct audio_stream *stream, const pst_audio_options *options,
                                     pst_error *err);
void audio_stream_close(struct audio_stream *stream);

/* The caller's options of any version (NULL: none), checked, with the defaults of what is missing.
 * `ffmpeg` in them stays the caller's. `each`: PST_CHANNEL_EACH is one. */
pst_status audio_options_copy(pst_audio_options *own, const pst_audio_options *given, int each,
                              pst_error *err);

#endif
