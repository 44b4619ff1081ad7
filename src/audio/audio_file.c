/* audio_file.c - a whole audio file as mono samples at 16 kHz: a stream read to its end. */
#include "audio/audio_file.h"

#include <stdlib.h>

#include "audio/audio_stream.h"
#include "base/error.h"

/* Reads the opened stream, closing it in any case. */
static pst_status read_all(struct audio_stream *stream, pst_audio *audio, pst_error *err) {
    struct sample_list samples = {0};
    pst_status status = audio_stream_read(stream, SIZE_MAX, &samples, err);
    if (!status) {
        sample_list_trim(&samples);
        *audio = (pst_audio){.samples = samples.data,
                             .count = samples.count,
                             .duration = (double)samples.count / PST_SAMPLE_RATE_HZ,
                             .source_rate_hz = stream->info.samplerate,
                             .source_channels = stream->info.channels};
    } else {
        sample_list_free(&samples);
    }
    audio_stream_close(stream);
    return status;
}

pst_status audio_read_bytes(const void *bytes, size_t size, const char *name, pst_audio *audio,
                            pst_error *err) {
    struct audio_stream stream;
    pst_status status = audio_stream_open_bytes(&stream, bytes, size, name, err);
    return status ? status : read_all(&stream, audio, err);
}

pst_status pst_audio_read_fd(int fd, const char *name, pst_audio *audio, pst_error *err) {
    if (fd < 0 || !name || !audio)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_audio_read_fd: a descriptor, a name and a place for the samples are "
                         "needed");
    struct audio_stream stream;
    pst_status status = audio_stream_open_fd(&stream, fd, name, NULL, err);
    return status ? status : read_all(&stream, audio, err);
}

pst_status pst_audio_read_with(const char *path, const pst_audio_options *options, pst_audio *audio,
                               pst_error *err) {
    pst_audio_options own;
    if (!path || !audio)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_audio_read: a path and a place for the samples are needed");
    struct audio_stream stream;
    pst_status status = audio_options_copy(&own, options, 0, err);
    if (!status) status = audio_stream_open(&stream, path, &own, err);
    return status ? status : read_all(&stream, audio, err);
}

pst_status pst_audio_read(const char *path, pst_audio *audio, pst_error *err) {
    return pst_audio_read_with(path, NULL, audio, err);
}

void pst_audio_free(pst_audio *audio) {
    if (!audio) return;
    free(audio->samples);
    *audio = (pst_audio){0};
}
