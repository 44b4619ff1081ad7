/* source_fd.c - a descriptor that sound comes from bit by bit: raw samples, or a WAV stream.
 *
 * A sample that is cut in two at the end of what came is kept until the rest is there; one that the
 * end of the stream has cut is dropped. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/mono.h"
#include "audio/resample.h"
#include "audio/source/pcm_format.h"
#include "audio/source/source.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/option_struct.h"

enum { READ_BYTES = 16384 };
/* Samples of all channels that are mixed at once. */
enum { MIXED = 64 };

struct fd_source {
    struct pst_source source;
    int fd, wake[2]; /* a byte in the pipe `wake` ends the waiting */
    int begun;       /* the format is known, and the resampler open */
    int ended;
    struct pcm_format format;
    struct resampler resampler;
    struct buffer bytes; /* read, and not taken yet: part of a header, or of a sample */
    uint64_t frames;     /* so far */
    char name[];
};

/* ------------------------------------------------------------------------------------- reading */

static const unsigned char *bytes_of(const struct fd_source *fd) {
    return (const unsigned char *)fd->bytes.data;
}

/* Adds what has come to `bytes`; nothing: it has ended, or was stopped. */
static pst_status read_more(struct fd_source *fd, size_t *got, pst_error *err) {
    *got = 0;
    char bytes[READ_BYTES];
    for (;;) {
        struct pollfd waits[2] = {{.fd = fd->fd, .events = POLLIN},
                                  {.fd = fd->wake[0], .events = POLLIN}};
        if (atomic_load(&fd->source.stopped)) return PST_OK;
        if (poll(waits, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return error_system(err, "wait for", fd->name, errno);
        }
        if (waits[1].revents) return PST_OK;
        ssize_t count = read(fd->fd, bytes, sizeof bytes);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count < 0) return error_system(err, "read", fd->name, errno);
        buffer_append(&fd->bytes, bytes, (size_t)count);
        *got = (size_t)count;
        return fd->bytes.failed ? error_memory(err, (size_t)count) : PST_OK;
    }
}

static void drop_bytes(struct fd_source *fd, size_t count) {
    fd->bytes.length -= count;
    memmove(fd->bytes.data, fd->bytes.data + count, fd->bytes.length);
}

static pst_status begin(struct fd_source *fd, pst_error *err) {
    const struct pcm_format *format = &fd->format;
    pst_status status = mono_check_format(fd->name, format->rate_hz, format->channels, err);
    if (status) return status;
    fd->begun = 1;
    return resampler_open(&fd->resampler, (int)format->rate_hz, err);
}

static pst_status read_header(struct fd_source *fd, pst_error *err) {
    size_t data, got = 1;
    while (!fd->begun && got) {
        pst_status status = read_more(fd, &got, err);
        if (status) return status;
        int found =
            pcm_wav_header(bytes_of(fd), fd->bytes.length, fd->name, &fd->format, &data, err);
        if (found < 0) return PST_ERR_INPUT;
        if (!found) continue;
        drop_bytes(fd, data);
        return begin(fd, err);
    }
    if (fd->bytes.length)
        return error_set(err, PST_ERR_INPUT, "%s: ends within its WAV header", fd->name);
    fd->ended = 1;
    return PST_OK;
}

/* The next `count` samples of all channels, at most MIXED. */
static pst_status take_some(struct fd_source *fd, const unsigned char *bytes, size_t count,
                            pst_error *err) {
    float values[MIXED * AUDIO_CHANNELS_MAX], mono[MIXED];
    int channels = (int)fd->format.channels, rate_hz = (int)fd->format.rate_hz;
    pcm_values(&fd->format, bytes, count * fd->format.channels, values);
    mono_mix(values, count, channels, mono);
    pst_status status = mono_check_finite(fd->name, mono, count, fd->frames, rate_hz, err);
    if (status) return status;
    fd->frames += count;
    return resampler_push(&fd->resampler, mono, count, &fd->source.ready, err);
}

/* The whole samples among what was read. */
static pst_status take_samples(struct fd_source *fd, pst_error *err) {
    size_t size = (size_t)fd->format.bytes * fd->format.channels;
    size_t count = fd->bytes.length / size;
    pst_status status = PST_OK;
    for (size_t at = 0, part; at < count && !status; at += part) {
        part = count - at < MIXED ? count - at : MIXED;
        status = take_some(fd, bytes_of(fd) + at * size, part, err);
    }
    drop_bytes(fd, count * size);
    return status;
}

static pst_status fill(struct pst_source *source, pst_error *err) {
    struct fd_source *fd = (struct fd_source *)source;
    pst_status status = fd->begun || fd->ended ? PST_OK : read_header(fd, err);
    if (!status && fd->begun && fd->bytes.length) status = take_samples(fd, err);
    while (!status && !fd->ended && source->ready.count == 0) {
        size_t got;
        status = read_more(fd, &got, err);
        if (!status && got) status = take_samples(fd, err);
        if (status || got) continue;
        fd->ended = 1;
        status = resampler_finish(&fd->resampler, &source->ready, err);
    }
    return status;
}

/* ------------------------------------------------------------------------------------- opening */

static void stop(struct pst_source *source) {
    ssize_t ignored = write(((struct fd_source *)source)->wake[1], "", 1);
    (void)ignored;
}

static void free_fd(struct pst_source *source) {
    struct fd_source *fd = (struct fd_source *)source;
    if (fd->begun) resampler_close(&fd->resampler);
    buffer_free(&fd->bytes);
    close(fd->wake[0]);
    close(fd->wake[1]);
    free(fd);
}

static const struct source_calls CALLS = {.fill = fill, .stop = stop, .free = free_fd};

static struct pcm_format format_of(const pst_source_options *options) {
    int real = options->format == PST_SOUND_F32LE;
    return (struct pcm_format){.kind = real ? PCM_FLOAT32 : PCM_SIGNED,
                               .bytes = real ? 4 : 2,
                               .channels = options->channels,
                               .rate_hz = options->rate_hz};
}

pst_status pst_source_open_fd(int fd, const char *name, const pst_source_options *options,
                              pst_source **out, pst_error *err) {
    pst_source_options own;
    pst_source_options_init(&own);
    if (!name || !out) return error_set(err, PST_ERR_ARGUMENT, "name and source must not be NULL");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_source_options", err);
    if (status) return status;
    if ((unsigned)own.format > PST_SOUND_F32LE)
        return error_set(err, PST_ERR_ARGUMENT, "format is %d, expected one of pst_sound_format",
                         (int)own.format);
    size_t length = strlen(name) + 1;
    struct fd_source *made = calloc(1, sizeof *made + length);
    if (!made) return error_memory(err, sizeof *made + length);
    memcpy(made->name, name, length);
    made->source.calls = &CALLS;
    made->fd = fd;
    if (pipe(made->wake)) {
        free(made);
        return error_system(err, "make a pipe for", name, errno);
    }
    for (int i = 0; i < 2; i++) fcntl(made->wake[i], F_SETFD, FD_CLOEXEC);
    made->format = format_of(&own);
    if (own.format != PST_SOUND_WAV) status = begin(made, err);
    if (status) {
        pst_source_free(&made->source);
        return status;
    }
    *out = &made->source;
    return PST_OK;
}
