/* audio_file.c - any audio file to mono samples at 16 kHz.
 *
 * Block by block: libsndfile decodes to interleaved float32, channels are averaged, the resampler
 * takes the block. The arithmetic is that of librosa.load(path, sr=16000), bit for bit, because the
 * model's reference transcripts begin there. Nothing the header says is trusted but rate and number
 * of channels, and those within limits; what decides the length is what can be read.
 *
 * How loud it is and whether it is long enough to transcribe is judged elsewhere. One thing
 * cannot be helped here: libmpg123, which libsndfile uses for MP3, writes its own notes about
 * damaged files to stderr, and libsndfile has no switch for that. */
#include "audio/audio_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio/resample.h"
#include "audio/sample_list.h"
#include "base/error.h"
#include "base/stream.h"

/* Frames decoded at a time: 4 MiB for the most channels allowed, 32 KiB for mono. */
enum { BLOCK_FRAMES = 8192 };

/* ------------------------------------------------------------------------------------- mixing */

/* Adds up `x` [count <= 128] in numpy's order: eight running sums once there are eight numbers, and
 * the rest one by one. For one and two channels any order gives the same bits. */
static float sum_channels(const float *x, int count) {
    int i = 0;
    float sum = 0;
    if (count >= 8) {
        float lane[8];
        memcpy(lane, x, sizeof lane);
        for (i = 8; i + 8 <= count; i += 8)
            for (int k = 0; k < 8; k++) lane[k] += x[i + k];
        sum = ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
              ((lane[4] + lane[5]) + (lane[6] + lane[7]));
    }
    for (; i < count; i++) sum += x[i];
    return sum;
}

static void mix_down(const float *frames /* [count, channels] */, size_t count, int channels,
                     float *mono /* [count] */) {
    for (size_t i = 0; i < count; i++)
        mono[i] = sum_channels(frames + i * (size_t)channels, channels) / (float)channels;
}

/* ------------------------------------------------------------------------------------ decoding */

struct decoder {
    const char *name; /* for messages */
    SNDFILE *file;
    SF_INFO info;
    float *frames; /* [BLOCK_FRAMES, channels] */
    float *mono;   /* [BLOCK_FRAMES] */
    uint64_t done; /* frames read so far */
    struct resampler resampler;
    struct sample_list samples;
};

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

static pst_status check_header(const struct decoder *decoder, pst_error *err) {
    const SF_INFO *info = &decoder->info;
    if (info->samplerate < AUDIO_RATE_MIN_HZ || info->samplerate > AUDIO_RATE_MAX_HZ)
        return error_set(err, PST_ERR_INPUT, "%s: sample rate is %d Hz, expected %d to %d",
                         decoder->name, info->samplerate, AUDIO_RATE_MIN_HZ, AUDIO_RATE_MAX_HZ);
    if (info->channels < 1 || info->channels > AUDIO_CHANNELS_MAX)
        return error_set(err, PST_ERR_INPUT, "%s: has %d channels, expected 1 to %d", decoder->name,
                         info->channels, AUDIO_CHANNELS_MAX);
    return PST_OK;
}

/* One NaN would silence the whole transcript without a word, so it is looked for here, where its
 * place is still known. `rate_hz` is the rate of `mono`, `before` the samples ahead of it. */
static pst_status check_finite(const char *name, const float *mono, size_t count, uint64_t before,
                               int rate_hz, pst_error *err) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(mono[i]))
            return error_set(err, PST_ERR_INPUT, "%s: the sample at %.4f s is not a finite number",
                             name, (double)(before + i) / rate_hz);
    return PST_OK;
}

/* Takes one block; `*ended` at the end of the file. */
static pst_status decode_block(struct decoder *decoder, int *ended, pst_error *err) {
    int rate_hz = decoder->info.samplerate;
    sf_count_t got = sf_readf_float(decoder->file, decoder->frames, BLOCK_FRAMES);
    if (sf_error(decoder->file))
        return refuse(decoder->name, decoder->file, "audio is damaged", err);
    if (got <= 0) {
        *ended = 1;
        return PST_OK;
    }
    size_t count = (size_t)got;
    if (decoder->done + count > (uint64_t)AUDIO_SECONDS_MAX * (uint64_t)rate_hz)
        return error_set(err, PST_ERR_INPUT, "%s: is longer than %d hours, the most that is read",
                         decoder->name, AUDIO_SECONDS_MAX / 3600);
    mix_down(decoder->frames, count, decoder->info.channels, decoder->mono);
    pst_status status =
        check_finite(decoder->name, decoder->mono, count, decoder->done, rate_hz, err);
    if (status) return status;
    decoder->done += count;
    return resampler_push(&decoder->resampler, decoder->mono, count, &decoder->samples, err);
}

static pst_status decode_all(struct decoder *decoder, pst_error *err) {
    pst_status status = check_header(decoder, err);
    if (status) return status;
    size_t values = (size_t)BLOCK_FRAMES * (size_t)decoder->info.channels;
    decoder->frames = malloc(values * sizeof *decoder->frames);
    decoder->mono = malloc(BLOCK_FRAMES * sizeof *decoder->mono);
    if (!decoder->frames || !decoder->mono) return error_memory(err, values * sizeof(float));
    status = resampler_open(&decoder->resampler, decoder->info.samplerate, err);
    for (int ended = 0; !status && !ended;) status = decode_block(decoder, &ended, err);
    if (!status) status = resampler_finish(&decoder->resampler, &decoder->samples, err);
    if (status) return status;
    if (decoder->done == 0)
        return error_set(err, PST_ERR_INPUT, "%s: holds no samples", decoder->name);
    /* Samples near the largest float are finite in the file, but may not be after the filter. */
    return check_finite(decoder->name, decoder->samples.data, decoder->samples.count, 0,
                        PST_SAMPLE_RATE_HZ, err);
}

/* Decodes the opened `file`, closing it in any case. */
static pst_status decode(SNDFILE *file, const SF_INFO *info, const char *name, pst_audio *audio,
                         pst_error *err) {
    struct decoder decoder = {.name = name, .file = file, .info = *info};
    pst_status status = decode_all(&decoder, err);
    if (!status) {
        sample_list_trim(&decoder.samples);
        *audio = (pst_audio){.samples = decoder.samples.data,
                             .count = decoder.samples.count,
                             .duration = (double)decoder.samples.count / PST_SAMPLE_RATE_HZ,
                             .source_rate_hz = info->samplerate,
                             .source_channels = info->channels};
        decoder.samples = (struct sample_list){0};
    }
    sample_list_free(&decoder.samples);
    resampler_close(&decoder.resampler);
    free(decoder.frames);
    free(decoder.mono);
    sf_close(file);
    return status;
}

/* --------------------------------------------------------------------------- files in memory */

struct memory_file {
    const unsigned char *bytes; /* [size] */
    sf_count_t size;
    sf_count_t at;
};

static sf_count_t memory_size(void *user) {
    return ((const struct memory_file *)user)->size;
}

static sf_count_t memory_tell(void *user) {
    return ((const struct memory_file *)user)->at;
}

/* As lseek() does, this goes past the end, where nothing is read: a damaged file must fare the same
 * from a pipe as from a disk. */
static sf_count_t memory_seek(sf_count_t offset, int whence, void *user) {
    struct memory_file *file = user;
    sf_count_t from = whence == SEEK_CUR ? file->at : whence == SEEK_END ? file->size : 0;
    if (offset < -from || offset > INT64_MAX - from) return -1;
    file->at = from + offset;
    return file->at;
}

static sf_count_t memory_read(void *target, sf_count_t count, void *user) {
    struct memory_file *file = user;
    if (count > file->size - file->at) count = file->size - file->at;
    if (count <= 0) return 0;
    memcpy(target, file->bytes + file->at, (size_t)count);
    file->at += count;
    return count;
}

/* libsndfile asks for a writer even of a file it only reads. */
static sf_count_t memory_write(const void *source, sf_count_t count, void *user) {
    (void)source, (void)count, (void)user;
    return 0;
}

pst_status audio_read_bytes(const void *bytes, size_t size, const char *name, pst_audio *audio,
                            pst_error *err) {
    SF_VIRTUAL_IO calls = {memory_size, memory_seek, memory_read, memory_write, memory_tell};
    struct memory_file memory = {.bytes = bytes, .size = (sf_count_t)size};
    SF_INFO info = {0};
    SNDFILE *file = sf_open_virtual(&calls, SFM_READ, &info, &memory);
    if (!file) return refuse(name, NULL, "cannot be read as audio", err);
    return decode(file, &info, name, audio, err);
}

/* ------------------------------------------------------------------------------------- public */

static pst_status read_pipe(int fd, const char *name, pst_audio *audio, pst_error *err) {
    struct buffer bytes = {0};
    pst_status status = stream_read(fd, name, AUDIO_STREAM_BYTES_MAX, &bytes, err);
    if (!status && bytes.length == 0)
        status = error_set(err, PST_ERR_INPUT, "%s: is empty, expected an audio file", name);
    if (!status) status = audio_read_bytes(bytes.data, bytes.length, name, audio, err);
    buffer_free(&bytes);
    return status;
}

pst_status pst_audio_read_fd(int fd, const char *name, pst_audio *audio, pst_error *err) {
    if (fd < 0 || !name || !audio)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_audio_read_fd: a descriptor, a name and a place for the samples are "
                         "needed");
    struct stat st;
    if (fstat(fd, &st) != 0) return error_system(err, "read", name, errno);
    if (S_ISDIR(st.st_mode))
        return error_set(err, PST_ERR_INPUT, "%s: is a folder, expected an audio file", name);
    /* A regular file somebody has read from already is a pipe to us: libsndfile wants to start at
     * the beginning. */
    if (!S_ISREG(st.st_mode) || lseek(fd, 0, SEEK_CUR) != 0) return read_pipe(fd, name, audio, err);
    if (st.st_size == 0)
        return error_set(err, PST_ERR_INPUT, "%s: is empty, expected an audio file", name);
    SF_INFO info = {0};
    SNDFILE *file = sf_open_fd(fd, SFM_READ, &info, SF_FALSE);
    if (!file) return refuse(name, NULL, "cannot be read as audio", err);
    return decode(file, &info, name, audio, err);
}

pst_status pst_audio_read(const char *path, pst_audio *audio, pst_error *err) {
    if (!path || !audio)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_audio_read: a path and a place for the samples are needed");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(err, PST_ERR_INPUT, "%s: no such file", path);
    if (fd < 0) return error_system(err, "open", path, errno);
    pst_status status = pst_audio_read_fd(fd, path, audio, err);
    close(fd);
    return status;
}

void pst_audio_free(pst_audio *audio) {
    if (!audio) return;
    free(audio->samples);
    *audio = (pst_audio){0};
}
