/* vad_find.c - pst_vad_find(): the speech of a clip of any length. */
#include <stdlib.h>

#include "audio/audio_stream.h"
#include "base/error.h"
#include "pipeline/speech/detector.h"

/* What is read at once. */
enum { SAMPLES = 4 * PST_SAMPLE_RATE_HZ };

struct finding {
    struct listener listener;
    pst_speech *speech; /* [count] */
    size_t count, capacity;
};

/* Takes what the listener has found, with its mean probability, which is then forgotten. */
static pst_status take(struct finding *finding, pst_error *err) {
    struct listener *listener = &finding->listener;
    size_t wanted = finding->count + listener->count;
    if (wanted > finding->capacity) {
        pst_speech *more = realloc(finding->speech, 2 * wanted * sizeof *more);
        if (!more) return error_memory(err, 2 * wanted * sizeof *more);
        finding->speech = more;
        finding->capacity = 2 * wanted;
    }
    for (size_t i = 0; i < listener->count; i++) {
        const struct speech *found = &listener->list[i];
        finding->speech[finding->count++] =
            (pst_speech){.start = (double)found->start / PST_SAMPLE_RATE_HZ,
                         .end = (double)found->end / PST_SAMPLE_RATE_HZ,
                         .probability = listener_mean(listener, found->start, found->end)};
    }
    listener_forget(listener, listener->count, speech_horizon(&listener->finder));
    return PST_OK;
}

static pst_status hear_stream(struct finding *finding, struct audio_stream *stream,
                              pst_error *err) {
    struct sample_list samples = {0};
    pst_status status = PST_OK;
    while (!status && !stream->ended) {
        samples.count = 0;
        status = audio_stream_read(stream, SAMPLES, &samples, err);
        if (!status && samples.count)
            status = listener_hear(&finding->listener, samples.data, samples.count, err);
        if (!status) status = take(finding, err);
    }
    sample_list_free(&samples);
    return status;
}

static pst_status hear(struct finding *finding, const pst_clip *clip,
                       const pst_audio_options *audio, pst_error *err) {
    struct audio_stream stream;
    if (!clip->path && clip->sample_count == 0)
        return error_set(err, PST_ERR_INPUT, "the clip holds no samples");
    if (!clip->path)
        return listener_hear(&finding->listener, clip->samples, clip->sample_count, err);
    pst_status status = clip->fd < 0
                            ? audio_stream_open(&stream, clip->path, audio, err)
                            : audio_stream_open_fd(&stream, clip->fd, clip->path, audio, err);
    if (status) return status;
    status = hear_stream(finding, &stream, err);
    audio_stream_close(&stream);
    return status;
}

pst_status pst_vad_find(const pst_vad *vad, const pst_clip *clip, pst_speech **speech,
                        size_t *count, double *duration, pst_error *err) {
    struct finding finding = {0};
    if (!vad || !clip || !speech || !count)
        return error_set(err, PST_ERR_ARGUMENT, "vad, clip, speech and count must not be NULL");
    if (!clip->path && !clip->samples && clip->sample_count)
        return error_set(err, PST_ERR_ARGUMENT, "the clip has neither a path nor samples");
    pst_status status =
        listener_open(&finding.listener, vad->weights, vad->cpu, &vad->options, err);
    if (!status) status = hear(&finding, clip, &vad->audio, err);
    if (!status) status = listener_end(&finding.listener, err);
    if (!status) status = take(&finding, err);
    uint64_t heard = finding.listener.heard;
    listener_close(&finding.listener);
    if (status) {
        free(finding.speech);
        return status;
    }
    *speech = finding.speech;
    *count = finding.count;
    if (duration) *duration = (double)heard / PST_SAMPLE_RATE_HZ;
    return PST_OK;
}
