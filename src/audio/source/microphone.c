/* microphone.c - an input of PortAudio as a source: 16 kHz and one channel, which every system
 * makes of what the device has. */
#include "audio/source/source.h"
#include "base/error.h"

#ifdef POTSTILL_PORTAUDIO
#include <portaudio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Samples read at a time: 20 ms, a frame of the streaming family. */
enum { PIECE = 320 };

struct microphone {
    struct pst_source source;
    PaStream *stream;
};

static pst_status refuse(PaError error, const char *what, pst_error *err) {
    const PaHostErrorInfo *host = Pa_GetLastHostErrorInfo();
    const char *more = error == paUnanticipatedHostError && host ? host->errorText : "";
    return error_set(err, PST_ERR_DEVICE, "the microphone cannot be %s: %s%s%s", what,
                     Pa_GetErrorText(error), *more ? ": " : "", more);
}

static pst_status fill(struct pst_source *source, pst_error *err) {
    struct microphone *microphone = (struct microphone *)source;
    if (atomic_load(&source->stopped)) return PST_OK;
    if (!sample_list_reserve(&source->ready, PIECE)) return error_memory(err, PIECE);
    PaError error = Pa_ReadStream(microphone->stream, source->ready.data, PIECE);
    if (error == paInputOverflowed)
        source->lost += (double)PIECE / PST_SAMPLE_RATE_HZ; /* at least */
    else if (error != paNoError)
        return refuse(error, "read", err);
    source->ready.count = PIECE;
    return PST_OK;
}

static void free_microphone(struct pst_source *source) {
    struct microphone *microphone = (struct microphone *)source;
    if (microphone->stream) Pa_AbortStream(microphone->stream);
    if (microphone->stream) Pa_CloseStream(microphone->stream);
    Pa_Terminate();
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

static pst_status open_input(struct microphone *microphone, const char *name, pst_error *err) {
    PaDeviceIndex device = paNoDevice;
    pst_status status = find_input(name, &device, err);
    if (status) return status;
    PaStreamParameters input = {.device = device, .channelCount = 1, .sampleFormat = paFloat32};
    /* Room for the time that a text takes, so that nothing is lost meanwhile. */
    input.suggestedLatency = 0.2;
    PaError error = Pa_OpenStream(&microphone->stream, &input, NULL, PST_SAMPLE_RATE_HZ, PIECE,
                                  paNoFlag, NULL, NULL);
    if (error) microphone->stream = NULL;
    if (!error) error = Pa_StartStream(microphone->stream);
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
