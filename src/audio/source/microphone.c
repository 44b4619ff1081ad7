/* microphone.c - an input of PortAudio as a source. Most systems make 16 kHz and one channel of
 * what the device has; where one does not, the device's own rate and channels are taken, and
 * resampled and averaged as those of a file are. */
#include "audio/mono.h"
#include "audio/resample.h"
#include "audio/source/source.h"
#include "base/error.h"

#ifdef POTSTILL_PORTAUDIO
#include <portaudio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A piece is read at a time: 20 ms, a frame of the streaming family. */
enum { PIECES_PER_SECOND = 50 };

struct microphone {
    struct pst_source source;
    PaStream *stream;
    int rate_hz, channels, ended;
    size_t piece; /* samples of each channel */
    struct resampler resampler;
    float *frames, *mono; /* [piece, channels] as they come; [piece] */
    uint64_t heard;       /* samples of each channel so far */
};

static pst_status refuse(PaError error, const char *what, pst_error *err) {
    const PaHostErrorInfo *host = Pa_GetLastHostErrorInfo();
    const char *more = error == paUnanticipatedHostError && host ? host->errorText : "";
    return error_set(err, PST_ERR_DEVICE, "the microphone cannot be %s: %s%s%s", what,
                     Pa_GetErrorText(error), *more ? ": " : "", more);
}

static pst_status read_piece(struct microphone *microphone, pst_error *err) {
    size_t piece = microphone->piece;
    PaError error = Pa_ReadStream(microphone->stream, microphone->frames, (unsigned long)piece);
    if (error == paInputOverflowed)
        microphone->source.lost += 1.0 / PIECES_PER_SECOND; /* at least */
    else if (error != paNoError)
        return refuse(error, "read", err);
    mono_mix(microphone->frames, piece, microphone->channels, microphone->mono);
    pst_status status = mono_check_finite("the microphone", microphone->mono, piece,
                                          microphone->heard, microphone->rate_hz, err);
    if (status) return status;
    microphone->heard += piece;
    return resampler_push(&microphone->resampler, microphone->mono, piece,
                          &microphone->source.ready, err);
}

/* The resampler gives nothing for the first pieces: it looks ahead. */
static pst_status fill(struct pst_source *source, pst_error *err) {
    struct microphone *microphone = (struct microphone *)source;
    pst_status status = PST_OK;
    while (!status && !source->ready.count && !atomic_load(&source->stopped))
        status = read_piece(microphone, err);
    if (status || source->ready.count || microphone->ended) return status;
    microphone->ended = 1;
    return resampler_finish(&microphone->resampler, &source->ready, err);
}

static void free_microphone(struct pst_source *source) {
    struct microphone *microphone = (struct microphone *)source;
    if (microphone->stream) Pa_AbortStream(microphone->stream);
    if (microphone->stream) Pa_CloseStream(microphone->stream);
    Pa_Terminate();
    resampler_close(&microphone->resampler);
    free(microphone->frames);
    free(microphone->mono);
    free(microphone);
}

static const struct source_calls CALLS = {.fill = fill, .free = free_microphone};

/* ------------------------------------------------------------------------------------- devices */

/* The names of all inputs, for a message; "none" without any. */
static void list_inputs(char *text, size_t size) {
    size_t length = 0;
    snprintf(text, size, "none");
    for (PaDeviceIndex i = 0; i < Pa_GetDeviceCount() && length < size; i++) {
        const PaDeviceInfo *info = Pa_GetDeviceInfo(i);
        if (info->maxInputChannels < 1) continue;
        int more =
            snprintf(text + length, size - length, "%s\"%s\"", length ? ", " : "", info->name);
        if (more > 0) length += (size_t)more;
    }
}

static pst_status find_input(const char *name, PaDeviceIndex *device, pst_error *err) {
    char inputs[400];
    *device = name ? paNoDevice : Pa_GetDefaultInputDevice();
    for (PaDeviceIndex i = 0; name && *device == paNoDevice && i < Pa_GetDeviceCount(); i++) {
        const PaDeviceInfo *info = Pa_GetDeviceInfo(i);
        if (info->maxInputChannels > 0 && strstr(info->name, name)) *device = i;
    }
    if (*device != paNoDevice) return PST_OK;
    list_inputs(inputs, sizeof inputs);
    if (!name) return error_set(err, PST_ERR_DEVICE, "there is no microphone (inputs: %s)", inputs);
    return error_set(err, PST_ERR_DEVICE, "no microphone has \"%s\" in its name (inputs: %s)", name,
                     inputs);
}

static PaError open_stream(struct microphone *microphone, PaDeviceIndex device, int rate_hz,
                           int channels) {
    PaStreamParameters input = {
        .device = device, .channelCount = channels, .sampleFormat = paFloat32};
    /* Room for the time that a text takes, so that nothing is lost meanwhile. */
    input.suggestedLatency = 0.2;
    microphone->rate_hz = rate_hz;
    microphone->channels = channels;
    microphone->piece = (size_t)rate_hz / PIECES_PER_SECOND;
    PaError error = Pa_OpenStream(&microphone->stream, &input, NULL, rate_hz,
                                  (unsigned long)microphone->piece, paNoFlag, NULL, NULL);
    if (error) microphone->stream = NULL;
    return error;
}

/* As we want it, else as the device has it: some take no other rate, some no single channel. */
static PaError open_somehow(struct microphone *microphone, PaDeviceIndex device) {
    const PaDeviceInfo *info = Pa_GetDeviceInfo(device);
    double rate = info->defaultSampleRate;
    int own_rate = rate >= AUDIO_RATE_MIN_HZ && rate <= AUDIO_RATE_MAX_HZ ? (int)rate : 0;
    int channels = info->maxInputChannels;
    if (channels > AUDIO_CHANNELS_MAX) channels = AUDIO_CHANNELS_MAX;
    if (!own_rate) own_rate = PST_SAMPLE_RATE_HZ;
    const int ways[][2] = {{PST_SAMPLE_RATE_HZ, 1},
                           {own_rate, 1},
                           {PST_SAMPLE_RATE_HZ, channels},
                           {own_rate, channels}};
    PaError error = paInvalidSampleRate;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (error != paInvalidSampleRate && error != paInvalidChannelCount) break;
        error = open_stream(microphone, device, ways[i][0], ways[i][1]);
    }
    return error;
}

static pst_status open_input(struct microphone *microphone, const char *name, pst_error *err) {
    PaDeviceIndex device = paNoDevice;
    pst_status status = find_input(name, &device, err);
    if (status) return status;
    PaError error = open_somehow(microphone, device);
    if (!error) {
        size_t piece = microphone->piece, all = piece * (size_t)microphone->channels;
        microphone->frames = malloc(all * sizeof(float));
        microphone->mono = malloc(piece * sizeof(float));
        if (!microphone->frames || !microphone->mono)
            return error_memory(err, (all + piece) * sizeof(float));
        status = resampler_open(&microphone->resampler, microphone->rate_hz, err);
        if (status) return status;
        error = Pa_StartStream(microphone->stream);
    }
    return error ? refuse(error, "opened", err) : PST_OK;
}

pst_status pst_source_open_microphone(const char *device, pst_source **source, pst_error *err) {
    if (!source) return error_set(err, PST_ERR_ARGUMENT, "source must not be NULL");
    struct microphone *microphone = calloc(1, sizeof *microphone);
    if (!microphone) return error_memory(err, sizeof *microphone);
    microphone->source.calls = &CALLS;
    PaError error = Pa_Initialize();
    if (error) {
        free(microphone);
        return refuse(error, "reached", err);
    }
    pst_status status = open_input(microphone, device, err);
    if (status) {
        pst_source_free(&microphone->source);
        return status;
    }
    *source = &microphone->source;
    return PST_OK;
}

#else

pst_status pst_source_open_microphone(const char *device, pst_source **source, pst_error *err) {
    (void)device;
    (void)source;
    return error_set(err, PST_ERR_DEVICE,
                     "this potstill was built without PortAudio, and so without a microphone");
}

#endif
