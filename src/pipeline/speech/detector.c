/* detector.c - see detector.h. */
#include "pipeline/speech/detector.h"

#include <math.h>
#include <stdlib.h>

#include "audio/audio_stream.h"
#include "base/error.h"
#include "base/option_struct.h"
#include "kernels/kernels.h"

void pst_vad_options_init_sized(pst_vad_options *options, size_t struct_size) {
    const pst_vad_options defaults = {.struct_size = sizeof defaults,
                                      .threshold = 0.5,
                                      .neg_threshold = -1,
                                      .min_speech_duration_ms = 250,
                                      .min_silence_duration_ms = 100,
                                      .max_speech_duration_s = INFINITY,
                                      .speech_pad_ms = 30};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

static pst_status check_duration(const char *name, double value, pst_error *err) {
    if (value >= 0 && value <= 1e6) return PST_OK;
    return error_set(err, PST_ERR_ARGUMENT, "%s is %g, expected 0 to 1000000", name, value);
}

static pst_status check(const pst_vad_options *options, pst_error *err) {
    if (!(options->threshold > 0 && options->threshold < 1))
        return error_set(err, PST_ERR_ARGUMENT,
                         "threshold is %g, expected a number between 0 and 1", options->threshold);
    if (!(options->neg_threshold <= options->threshold))
        return error_set(err, PST_ERR_ARGUMENT, "neg_threshold is %g, expected at most %g",
                         options->neg_threshold, options->threshold);
    if (!(options->max_speech_duration_s >= 1))
        return error_set(err, PST_ERR_ARGUMENT, "max_speech_duration_s is %g, expected at least 1",
                         options->max_speech_duration_s);
    pst_status status =
        check_duration("min_speech_duration_ms", options->min_speech_duration_ms, err);
    if (!status)
        status = check_duration("min_silence_duration_ms", options->min_silence_duration_ms, err);
    if (!status) status = check_duration("speech_pad_ms", options->speech_pad_ms, err);
    return status;
}

pst_status pst_vad_open(const pst_vad_options *options, pst_vad **vad, pst_error *err) {
    pst_vad_options own;
    pst_audio_options audio;
    const struct kernels *kernels;
    pst_vad_options_init(&own);
    if (!vad) return error_set(err, PST_ERR_ARGUMENT, "vad must not be NULL");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_vad_options", err);
    if (!status) status = check(&own, err);
    if (!status) status = audio_options_copy(&audio, own.audio, 0, err);
    if (!status) status = kernels_get(&kernels, own.cpu, err);
    if (status) return status;
    pst_vad *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    *made = (pst_vad){.options = {own.threshold, own.neg_threshold, own.min_speech_duration_ms,
                                  own.min_silence_duration_ms, own.max_speech_duration_s,
                                  own.speech_pad_ms},
                      .cpu = own.cpu,
                      .audio = audio};
    if (own.weights) status = vad_weights_open(&made->weights, own.weights, err);
    if (status) {
        free(made);
        return status;
    }
    *vad = made;
    return PST_OK;
}

void pst_vad_free(pst_vad *vad) {
    if (!vad) return;
    vad_weights_free(vad->weights);
    free(vad);
}

const char *pst_vad_name(const pst_vad *vad) {
    return vad && vad->weights ? "silero" : "energy";
}

pst_status detector_listen(const struct pst_vad *vad, struct listener *listener, pst_error *err) {
    struct speech_options options = vad->options;
    options.speech_pad_ms = 0;
    options.max_speech_duration_s = INFINITY;
    return listener_open(listener, vad->weights, vad->cpu, &options, err);
}
