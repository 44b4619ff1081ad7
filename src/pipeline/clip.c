/* clip.c - see clip.h. */
#include "pipeline/clip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "pipeline/timed_words.h"

struct clip *clip_new(const pst_clip *given, size_t index) {
    struct clip *clip = calloc(1, sizeof *clip);
    if (!clip) return NULL;
    clip->given = *given;
    clip->index = index;
    return clip;
}

void clip_free(struct clip *clip) {
    if (!clip) return;
    segment_reader_close(&clip->reader);
    for (size_t i = 0; i < clip->segment_count; i++)
        pst_transcript_free(clip->segments[i].transcript);
    pst_transcript_free(clip->joined);
    free(clip->segments);
    free(clip);
}

size_t clip_add_segment(struct clip *clip, const struct segment *segment) {
    if (clip->segment_count == clip->segment_capacity) {
        size_t capacity = clip->segment_capacity ? 2 * clip->segment_capacity : 1;
        pst_segment *segments = realloc(clip->segments, capacity * sizeof *segments);
        if (!segments) return SIZE_MAX;
        clip->segments = segments;
        clip->segment_capacity = capacity;
    }
    double start = (double)segment->start / PST_SAMPLE_RATE_HZ;
    double end = (double)(segment->start + segment->samples.count) / PST_SAMPLE_RATE_HZ;
    clip->segments[clip->segment_count] = (pst_segment){start, end, NULL};
    clip->duration = end;
    return clip->segment_count++;
}

void clip_fail(struct clip *clip, size_t segment, const pst_error *error) {
    if (clip->error.code && clip->error_segment <= segment) return;
    clip->error = *error;
    clip->error_segment = segment;
}

int clip_is_finished(const struct clip *clip) {
    return clip->state == CLIP_READ && clip->pending == 0;
}

/* ------------------------------------------------------------------------------------- joining */

/* Numbers that belong to tokens are averaged over those the model chose: all but the first. */
static void average(const struct clip *clip, pst_transcript *joined) {
    double logprob = 0, score = 0, chosen = 0;
    joined->margin = INFINITY;
    for (size_t i = 0; i < clip->segment_count; i++) {
        const pst_transcript *part = clip->segments[i].transcript;
        double weight = (double)part->token_count - 1;
        logprob += weight * part->avg_logprob;
        score += weight * part->score;
        chosen += weight;
        joined->margin = fminf(joined->margin, part->margin);
        joined->truncated |= part->truncated;
    }
    joined->avg_logprob = chosen > 0 ? logprob / chosen : 0;
    joined->score = chosen > 0 ? (float)(score / chosen) : 0;
}

static pst_status join_tokens(const struct clip *clip, pst_transcript *joined, pst_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < clip->segment_count; i++)
        count += clip->segments[i].transcript->token_count;
    joined->tokens = malloc((count + 1) * sizeof *joined->tokens);
    if (!joined->tokens) return error_memory(err, count * sizeof *joined->tokens);
    for (size_t i = 0; i < clip->segment_count; i++) {
        const pst_transcript *part = clip->segments[i].transcript;
        memcpy(joined->tokens + joined->token_count, part->tokens,
               part->token_count * sizeof *part->tokens);
        joined->token_count += part->token_count;
    }
    return PST_OK;
}

/* Segments without text add no space. */
static pst_status join_texts(const struct clip *clip, pst_transcript *joined, pst_error *err) {
    struct buffer text = {0};
    buffer_text(&text, "");
    for (size_t i = 0; i < clip->segment_count; i++) {
        const char *part = clip->segments[i].transcript->text;
        if (*part && text.length) buffer_text(&text, " ");
        buffer_text(&text, part);
    }
    joined->text = text.data;
    return text.failed ? error_memory(err, text.length) : PST_OK;
}

static pst_status join(struct clip *clip, pst_error *err) {
    clip->joined = calloc(1, sizeof *clip->joined);
    if (!clip->joined) return error_memory(err, sizeof *clip->joined);
    average(clip, clip->joined);
    pst_status status = join_tokens(clip, clip->joined, err);
    if (!status) status = join_texts(clip, clip->joined, err);
    if (!status) status = timed_words_join(clip->joined, clip->segments, clip->segment_count, err);
    return status;
}

void clip_finish(struct clip *clip, pst_clip_result *result) {
    pst_error err;
    if (clip->silent && clip->silent == clip->segment_count) clip_fail(clip, 0, &clip->silence);
    if (!clip->error.code && clip->segment_count > 1 && join(clip, &err)) clip_fail(clip, 0, &err);
    *result = (pst_clip_result){.index = clip->index, .tag = clip->given.tag};
    if (clip->error.code) {
        result->error = &clip->error;
        return;
    }
    result->duration = clip->duration;
    result->warning = *clip->warning ? clip->warning : NULL;
    result->segments = clip->segments;
    result->segment_count = clip->segment_count;
    result->transcript = clip->joined ? clip->joined : clip->segments[0].transcript;
}
