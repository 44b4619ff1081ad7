/* audio_stream.c - see audio_stream.h.
 *
 * Block by block: libsndfile decodes to interleaved float32, channels are averaged, the resampler
 * takes the block. The arithmetic is that of librosa.load(path, sr=16000), bit for bit, because the
 * model's reference transcripts begin there. Of the header only the rate and the number of channels
 * are used, within limits; the length is what can be read.
 *
 * One thing cannot be avoided: libmpg123, which libsndfile uses for MP3, writes its own notes
 * about damaged files to stderr, and libsndfile has no switch for that. */
#include "audio/audio_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio/mono.h"
#include "audio/wave_header.h"
#include "base/error.h"
#include "base/stream.h"

/* Frames decoded at a time: 4 MiB for the most channels allowed, 32 KiB for mono. */
enum { BLOCK_FRAMES = 8192 };

/* ------------------------------------------------------------------------------------ decoding */

/* libsndfile's reason without its "Error : " and final period. `file` is NULL after a failed open;
 * the library then keeps the reason for the whole process, and two threads that fail in the same
 * moment may see each other's. */
static pst_status refuse(const char *name, SNDFILE *file, const char *what, pst_error *err) {
    static const char prefix[] = "Error : ";
    const char *text = sf_strerror(file);
    if (!strncmp(text, prefix, sizeof prefix - 1)) text += sizeof prefix - 1;
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == '.' || text[length - 1] == '\n')) length--;
    pst_status code = sf_error(file) == SF_ERR_SYSTEM ? PST_ERR_IO : PST_ERR_INPUT;
    return error_set(err, code, "%s: %s: %.*s", name, what, (int)length, text);
}

static pst_status refuse_length(const struct audio_stream *stream, pst_error *err) {
    if (stream->seconds_max == stream->told_max)
        return error_set(err, PST_ERR_INPUT,
                         "%s: is longer than %g seconds, the most that is taken", stream->name,
                         stream->told_max);
    return error_set(err, PST_ERR_INPUT, "%s: is longer than %g hours, the most that is read %s",
                     stream->name, stream->seconds_max / 3600,
                     stream->seconds_max == AUDIO_SECONDS_MAX
                         ? "in one piece (cut into windows it may be longer)"
                         : "of one recording");
}

/* A length that the head gives is believed where it is too much, before hours of work: at worst a
 * damaged file is refused for another reason. Files that do not say have 0, or a huge one. */
static pst_status check_length(struct audio_stream *stream, int whole, pst_error *err) {
    sf_count_t frames = stream->info.frames;
    stream->seconds_max = whole ? AUDIO_SECONDS_MAX : AUDIO_SECONDS_IN_PIECES_MAX;
    if (stream->told_max > 0 && stream->told_max < stream->seconds_max)
        stream->seconds_max = stream->told_max;
    if (frames <= 0 || frames >= SF_COUNT_MAX / 2) return PST_OK;
    if ((double)frames <= stream->seconds_max * stream->info.samplerate) return PST_OK;
    return refuse_length(stream, err);
}

/* Takes `count` frames in stream->frames, 0 at the end of the file, and adds what they complete. */
static pst_status convert(struct audio_stream *stream, size_t count, struct sample_list *out,
                          pst_error *err) {
    int rate_hz = stream->info.samplerate;
    if (count == 0) {
        stream->ended = 1;
        if (stream->frames_read == 0)
            return error_set(err, PST_ERR_INPUT, "%s: holds no samples", stream->name);
        return resampler_finish(&stream->resampler, out, err);
    }
    if ((double)(stream->frames_read + count) > stream->seconds_max * rate_hz)
        return refuse_length(stream, err);
    if (stream->channel)
        mono_pick(stream->frames, count, stream->info.channels, stream->channel, stream->mono);
    else
        mono_mix(stream->frames, count, stream->info.channels, stream->mono);
    pst_status status =
        mono_check_finite(stream->name, stream->mono, count, stream->frames_read, rate_hz, err);
    if (status) return status;
    levels_add(&stream->levels, stream->frames, stream->mono, count);
    stream->frames_read += count;
    return resampler_push(&stream->resampler, stream->mono, count, out, err);
}

/* The next frames, 0 at the end. */
static pst_status decode(struct audio_stream *stream, size_t *count, pst_error *err) {
    if (stream->ffmpeg)
        return ffmpeg_read(stream->ffmpeg, stream->name, stream->frames, BLOCK_FRAMES, count, err);
    sf_count_t got = sf_readf_float(stream->file, stream->frames, BLOCK_FRAMES);
    if (sf_error(stream->file)) return refuse(stream->name, stream->file, "audio is damaged", err);
    *count = got > 0 ? (size_t)got : 0;
    return PST_OK;
}

static pst_status read_block(struct audio_stream *stream, struct sample_list *out, pst_error *err) {
    size_t first = out->count, got = 0;
    uint64_t before = stream->resampler.given;
    pst_status status = decode(stream, &got, err);
    if (!status) status = convert(stream, got, out, err);
    /* Samples near the largest float are finite in the file, but may not be after the filter. */
    if (!status && out->count > first)
        status = mono_check_finite(stream->name, out->data + first, out->count - first, before,
                                   PST_SAMPLE_RATE_HZ, err);
    return status;
}

pst_status audio_stream_read(struct audio_stream *stream, size_t count, struct sample_list *out,
                             pst_error *err) {
    pst_status status = PST_OK;
    if (!stream->seconds_max) status = check_length(stream, count == SIZE_MAX, err);
    while (!status && !stream->ended && out->count < count) status = read_block(stream, out, err);
    return status;
}

/* ------------------------------------------------------------------------------------- opening */

/* Checks what was made of the file and gets ready to decode. */
static pst_status start(struct audio_stream *stream, pst_error *err) {
    if (!stream->file && !stream->ffmpeg)
        return refuse(stream->name, NULL, "cannot be read as audio", err);
    const SF_INFO *info = &stream->info;
    pst_status status = mono_check_format(stream->name, info->samplerate, info->channels, err);
    if (status) return status;
    if (stream->channel > (uint32_t)info->channels)
        return error_set(err, PST_ERR_INPUT, "%s: has %d channel%s, and channel %u was asked for",
                         stream->name, info->channels, info->channels == 1 ? "" : "s",
                         (unsigned)stream->channel);
    levels_begin(&stream->levels, info, stream->channel);
    size_t values = (size_t)BLOCK_FRAMES * (size_t)stream->info.channels;
    stream->frames = malloc(values * sizeof *stream->frames);
    stream->mono = malloc(BLOCK_FRAMES * sizeof *stream->mono);
    if (!stream->frames || !stream->mono) return error_memory(err, values * sizeof(float));
    return resampler_open(&stream->resampler, stream->info.samplerate, err);
}

static pst_status open_bytes(struct audio_stream *stream, const void *bytes, size_t size,
                             pst_error *err) {
    stream->memory = (struct audio_memory){.bytes = bytes, .fd = -1, .size = (sf_count_t)size};
    stream->unfinished = wave_header_finish(&stream->memory, &stream->told_bytes);
    stream->file = audio_memory_open(&stream->memory, &stream->info);
    return start(stream, err);
}

static pst_status open_pipe(struct audio_stream *stream, int fd, pst_error *err) {
    pst_status status = stream_read(fd, stream->name, AUDIO_STREAM_BYTES_MAX, &stream->piped, err);
    if (status) return status;
    if (stream->piped.length == 0)
        return error_set(err, PST_ERR_INPUT, "%s: is empty, expected an audio file", stream->name);
    return open_bytes(stream, stream->piped.data, stream->piped.length, err);
}

/* How long it is, nobody knows. */
static pst_status open_ffmpeg(struct audio_stream *stream, const pst_audio_options *options,
                              pst_error *err) {
    stream->ffmpeg = malloc(sizeof *stream->ffmpeg);
    if (!stream->ffmpeg) return error_memory(err, sizeof *stream->ffmpeg);
    int fd = stream->own_fd < 0 ? stream->fd : -1; /* what was opened here has a name */
    pst_status status = ffmpeg_open(stream->ffmpeg, options->ffmpeg,
                                    (int)options->ffmpeg_silence_ms, stream->name, fd, err);
    if (status) return status;
    stream->info = (SF_INFO){.samplerate = (int)stream->ffmpeg->format.rate_hz,
                             .channels = (int)stream->ffmpeg->format.channels};
    return start(stream, err);
}

static pst_status open_fd(struct audio_stream *stream, int fd, const pst_audio_options *options,
                          pst_error *err) {
    struct stat st;
    stream->fd = fd;
    if (fstat(fd, &st) != 0) return error_system(err, "read", stream->name, errno);
    if (S_ISDIR(st.st_mode))
        return error_set(err, PST_ERR_INPUT, "%s: is a folder, expected an audio file",
                         stream->name);
    /* A regular file that has been read from already is treated as a pipe: libsndfile would start
     * at the beginning. */
    if (!S_ISREG(st.st_mode) || lseek(fd, 0, SEEK_CUR) != 0) return open_pipe(stream, fd, err);
    if (st.st_size == 0)
        return error_set(err, PST_ERR_INPUT, "%s: is empty, expected an audio file", stream->name);
    stream->memory = (struct audio_memory){.fd = fd, .size = st.st_size};
    stream->unfinished = wave_header_finish(&stream->memory, &stream->told_bytes);
    /* Not sf_open_fd(), which closes a descriptor that is not its own when the file is damaged. */
    stream->file = audio_memory_open(&stream->memory, &stream->info);
    if (!stream->file && options && options->ffmpeg) return open_ffmpeg(stream, options, err);
    return start(stream, err);
}

static pst_status open_path(struct audio_stream *stream, const char *path,
                            const pst_audio_options *options, pst_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(err, PST_ERR_INPUT, "%s: no such file", path);
    if (fd < 0) return error_system(err, "open", path, errno);
    stream->own_fd = fd;
    return open_fd(stream, fd, options, err);
}

static void begin(struct audio_stream *stream, const char *name, const pst_audio_options *options) {
    uint32_t channel = options ? options->channel : 0;
    *stream = (struct audio_stream){.name = name,
                                    .channel = channel == PST_CHANNEL_EACH ? 1 : channel,
                                    .told_max = options ? options->seconds_max : 0,
                                    .fd = -1,
                                    .own_fd = -1};
}

pst_status audio_stream_open(struct audio_stream *stream, const char *path,
                             const pst_audio_options *options, pst_error *err) {
    begin(stream, path, options);
    pst_status status = open_path(stream, path, options, err);
    if (status) audio_stream_close(stream);
    return status;
}

pst_status audio_stream_open_fd(struct audio_stream *stream, int fd, const char *name,
                                const pst_audio_options *options, pst_error *err) {
    begin(stream, name, options);
    pst_status status = open_fd(stream, fd, options, err);
    if (status) audio_stream_close(stream);
    return status;
}

pst_status audio_stream_open_bytes(struct audio_stream *stream, const void *bytes, size_t size,
                                   const char *name, pst_error *err) {
    begin(stream, name, NULL);
    pst_status status = open_bytes(stream, bytes, size, err);
    if (status) audio_stream_close(stream);
    return status;
}

/* Frees what decodes, and leaves what is decoded. */
static void close_decoder(struct audio_stream *stream) {
    resampler_close(&stream->resampler);
    free(stream->frames);
    free(stream->mono);
    if (stream->file) sf_close(stream->file);
    if (stream->ffmpeg) ffmpeg_close(stream->ffmpeg);
    /* Where an open file has one position, however it is opened, it is back at its beginning. */
    if (stream->ffmpeg && stream->own_fd < 0) lseek(stream->fd, 0, SEEK_SET);
    free(stream->ffmpeg);
}

pst_status audio_stream_next_channel(struct audio_stream *stream, const pst_audio_options *options,
                                     pst_error *err) {
    close_decoder(stream);
    *stream = (struct audio_stream){.name = stream->name,
                                    .channel = stream->channel + 1,
                                    .told_max = stream->told_max,
                                    .fd = stream->fd,
                                    .own_fd = stream->own_fd,
                                    .piped = stream->piped};
    pst_status status = stream->piped.length
                            ? open_bytes(stream, stream->piped.data, stream->piped.length, err)
                            : open_fd(stream, stream->fd, options, err);
    if (status) audio_stream_close(stream);
    return status;
}

void audio_stream_close(struct audio_stream *stream) {
    if (!stream->name) return;
    close_decoder(stream);
    buffer_free(&stream->piped);
    if (stream->own_fd >= 0) close(stream->own_fd);
    *stream = (struct audio_stream){0};
}
