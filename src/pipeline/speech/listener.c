/* listener.c - see listener.h. */
#include "pipeline/speech/listener.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Frames given to the detector at once. */
enum { AT_ONCE = 24 };

pst_status listener_open(struct listener *listener, const struct vad_weights *weights, pst_cpu cpu,
                         const struct speech_options *options, pst_error *err) {
    *listener = (struct listener){0};
    speech_begin(&listener->finder, options);
    return vad_new(&listener->vad, weights, cpu, err);
}

void listener_close(struct listener *listener) {
    vad_free(listener->vad);
    free(listener->list);
    free(listener->probabilities);
    *listener = (struct listener){0};
}

/* Room for one more of the items; 0: there is none. */
static int reserve(void **items, size_t *capacity, size_t count, size_t size) {
    if (count < *capacity) return 1;
    size_t wanted = *capacity ? 2 * *capacity : 256;
    void *more = realloc(*items, wanted * size);
    if (!more) return 0;
    *items = more;
    *capacity = wanted;
    return 1;
}

static pst_status add(struct listener *listener, const struct speech *found, pst_error *err) {
    void *list = listener->list;
    if (!reserve(&list, &listener->capacity, listener->count, sizeof *found))
        return error_memory(err, 0);
    listener->list = list;
    listener->list[listener->count++] = *found;
    return PST_OK;
}

static pst_status take(struct listener *listener, float probability, pst_error *err) {
    struct speech found;
    void *all = listener->probabilities;
    if (!reserve(&all, &listener->probability_capacity, listener->probability_count,
                 sizeof probability))
        return error_memory(err, 0);
    listener->probabilities = all;
    listener->probabilities[listener->probability_count++] = probability;
    return speech_add(&listener->finder, probability, &found) ? add(listener, &found, err) : PST_OK;
}

static pst_status hear_frames(struct listener *listener, const float *frames, size_t count,
                              pst_error *err) {
    float found[AT_ONCE];
    pst_status status = PST_OK;
    while (count > 0 && !status) {
        size_t some = count < AT_ONCE ? count : AT_ONCE;
        vad_probabilities(listener->vad, frames, some, found);
        for (size_t i = 0; i < some && !status; i++) status = take(listener, found[i], err);
        frames += some * VAD_FRAME;
        count -= some;
    }
    return status;
}

pst_status listener_hear(struct listener *listener, const float *samples, size_t count,
                         pst_error *err) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(samples[i]))
            return error_set(err, PST_ERR_INPUT, "audio sample %llu is not a finite number",
                             (unsigned long long)listener->heard + i);
    listener->heard += count;
    size_t missing = listener->filled ? VAD_FRAME - listener->filled : 0;
    if (missing > count) missing = count;
    if (missing) memcpy(listener->frame + listener->filled, samples, missing * sizeof *samples);
    listener->filled += missing;
    samples += missing;
    count -= missing;
    if (listener->filled == VAD_FRAME) {
        pst_status status = hear_frames(listener, listener->frame, 1, err);
        if (status) return status;
        listener->filled = 0;
    }
    if (count == 0) return PST_OK;
    pst_status status = hear_frames(listener, samples, count / VAD_FRAME, err);
    listener->filled = count % VAD_FRAME;
    memcpy(listener->frame, samples + count - listener->filled, listener->filled * sizeof *samples);
    return status;
}

pst_status listener_end(struct listener *listener, pst_error *err) {
    struct speech found;
    pst_status status = PST_OK;
    if (listener->ended) return PST_OK;
    listener->ended = 1;
    if (listener->filled) {
        memset(listener->frame + listener->filled, 0,
               (VAD_FRAME - listener->filled) * sizeof *listener->frame);
        status = hear_frames(listener, listener->frame, 1, err);
    }
    while (!status && speech_end(&listener->finder, listener->heard, &found))
        status = add(listener, &found, err);
    return status;
}

int listener_is_sure(const struct listener *listener) {
    const struct speech_finder *finder = &listener->finder;
    return finder->holds || (finder->speaking && !finder->fell &&
                             (double)(finder->at - finder->start) > finder->min_speech);
}

pst_status listener_note(struct listener *listener, pst_error *err) {
    struct speech now = {listener->finder.start, listener->heard};
    pst_status status = add(listener, &now, err);
    if (!status) listener->count--;
    return status;
}

uint64_t listener_quiet_until(const struct listener *listener, size_t count) {
    int unsure = listener->finder.speaking && count == listener->count;
    return unsure ? listener->finder.start : listener->heard;
}

void listener_cut(struct listener *listener, uint64_t at) {
    *(listener->count ? &listener->list[0].start : &listener->finder.start) = at;
}

double listener_mean(const struct listener *listener, uint64_t start, uint64_t end) {
    double sum = 0;
    uint64_t first = start / VAD_FRAME, last = (end + VAD_FRAME - 1) / VAD_FRAME, count = 0;
    for (uint64_t i = first; i < last; i++) {
        if (i < listener->first_frame) continue;
        if (i - listener->first_frame >= listener->probability_count) break;
        sum += listener->probabilities[i - listener->first_frame];
        count++;
    }
    return count ? sum / (double)count : 0;
}

void listener_forget(struct listener *listener, size_t count, uint64_t before) {
    listener->count -= count;
    if (count)
        memmove(listener->list, listener->list + count, listener->count * sizeof *listener->list);
    uint64_t frame = before / VAD_FRAME;
    if (frame <= listener->first_frame) return;
    uint64_t drop = frame - listener->first_frame;
    if (drop > listener->probability_count) drop = listener->probability_count;
    listener->probability_count -= drop;
    listener->first_frame += drop;
    memmove(listener->probabilities, listener->probabilities + drop,
            listener->probability_count * sizeof *listener->probabilities);
}
