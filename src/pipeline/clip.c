/* clip.c - see clip.h. */
#include "pipeline/clip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "pipeline/speech/seam.h"
#include "pipeline/speech/transcript_cut.h"
#include "pipeline/speech/transcript_join.h"

/* Is its sound not all there? */
static int is_sent(const pst_clip *given) {
    struct stat status;
    if (given->fd < 0 && !given->path) return 0;
    int failed = given->fd >= 0 ? fstat(given->fd, &status) : stat(given->path, &status);
    return !failed && !S_ISREG(status.st_mode);
}

struct clip *clip_new(const pst_clip *given, size_t index) {
    struct clip *clip = calloc(1, sizeof *clip);
    if (!clip) return NULL;
    clip->given = *given;
    clip->index = index;
    clip->channels = 1;
    clip->waits = is_sent(given);
    return clip;
}

void clip_free(struct clip *clip) {
    if (!clip) return;
    segment_reader_close(&clip->reader);
    for (size_t i = 0; i < clip->segment_count; i++)
        pst_transcript_free(clip->segments[i].transcript);
    pst_transcript_free(clip->joined);
    for (size_t i = 0; i < clip->warning_count; i++) free(clip->warnings[i]);
    free(clip->segments);
    free(clip->parts);
    free(clip);
}

size_t clip_add_segment(struct clip *clip, const struct segment *segment) {
    if (clip->segment_count == clip->segment_capacity) {
        size_t capacity = clip->segment_capacity ? 2 * clip->segment_capacity : 1;
        pst_segment *segments = realloc(clip->segments, capacity * sizeof *segments);
        if (!segments) return SIZE_MAX;
        clip->segments = segments;
        struct clip_part *parts = realloc(clip->parts, capacity * sizeof *parts);
        if (!parts) return SIZE_MAX;
        clip->parts = parts;
        clip->segment_capacity = capacity;
    }
    uint64_t from = segment->start, to = from + segment->samples.count;
    double start = (double)(from + segment->before) / PST_SAMPLE_RATE_HZ;
    double end = (double)(to - segment->after) / PST_SAMPLE_RATE_HZ;
    clip->parts[clip->segment_count] = (struct clip_part){.from = (double)from / PST_SAMPLE_RATE_HZ,
                                                          .to = (double)to / PST_SAMPLE_RATE_HZ,
                                                          .goes_on = segment->after > 0};
    clip->segments[clip->segment_count] = (pst_segment){start, end, NULL};
    clip->duration = end;
    return clip->segment_count++;
}

void clip_fail(struct clip *clip, size_t segment, const pst_error *error) {
    if (clip->error.code && clip->error_segment <= segment) return;
    clip->error = *error;
    clip->error_segment = segment;
}

void clip_warn(struct clip *clip, const char *text) {
    char *copy = clip->warning_count < CLIP_WARNINGS_MAX ? strdup(text) : NULL;
    if (copy) clip->warnings[clip->warning_count++] = copy;
}

int clip_is_finished(const struct clip *clip) {
    return clip->state == CLIP_READ && clip->pending == 0;
}

/* ------------------------------------------------------------------------------------- joining */

static pst_status sew(struct clip *clip, size_t index, const struct tokenizer *tokenizer,
                      pst_error *err) {
    pst_segment *before = &clip->segments[index], *after = before + 1;
    struct seam seam = {clip->parts[index + 1].from, clip->parts[index].to, before->end,
                        before->start};
    pst_status status = seam_sew(tokenizer, before->transcript, after->transcript, &seam, err);
    before->end = after->start = seam.at;
    return status;
}

void clip_sew(struct clip *clip, const struct tokenizer *tokenizer) {
    pst_error err;
    for (; clip->sewn < clip->segment_count && !clip->error.code; clip->sewn++) {
        size_t i = clip->sewn;
        if (!clip->segments[i].transcript) return;
        int last = i + 1 == clip->segment_count;
        if (clip->parts[i].goes_on && !(last && clip->state == CLIP_READ)) {
            if (last || !clip->segments[i + 1].transcript) return;
            if (sew(clip, i, tokenizer, &err)) clip_fail(clip, i, &err);
        }
        if (clip->parts[i].spare_words) transcript_drop_words(clip->segments[i].transcript);
    }
}

static pst_status join(struct clip *clip, pst_error *err) {
    size_t count = clip->segment_count;
    const pst_transcript **parts = malloc(count * sizeof *parts);
    if (!parts) return error_memory(err, count * sizeof *parts);
    for (size_t i = 0; i < count; i++) parts[i] = clip->segments[i].transcript;
    pst_status status = transcript_join(parts, count, &clip->joined, err);
    free(parts);
    return status;
}

/* Of several channels: by time, those that begin together by the channel. */
static int by_time(const void *a, const void *b) {
    const pst_segment *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    uint32_t one = x->transcript->channel, other = y->transcript->channel;
    return (one > other) - (one < other);
}

void clip_finish(struct clip *clip, pst_clip_result *result) {
    pst_error err;
    if (clip->silent && clip->silent == clip->segment_count) clip_fail(clip, 0, &clip->silence);
    if (!clip->error.code && clip->channels > 1)
        qsort(clip->segments, clip->segment_count, sizeof *clip->segments, by_time);
    if (!clip->error.code && clip->segment_count > 1 && join(clip, &err)) clip_fail(clip, 0, &err);
    *result = (pst_clip_result){.index = clip->index, .tag = clip->given.tag};
    if (clip->error.code) {
        result->error = &clip->error;
        return;
    }
    result->duration = clip->duration;
    result->warning = clip->warning_count ? clip->warnings[0] : NULL;
    result->warnings = (const char *const *)clip->warnings;
    result->warning_count = clip->warning_count;
    result->work_seconds = (double)clip->work_ns / 1e9;
    result->segments = clip->segments;
    result->segment_count = clip->segment_count;
    result->transcript = clip->joined ? clip->joined : clip->segments[0].transcript;
}
