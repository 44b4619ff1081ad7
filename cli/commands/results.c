/* results.c - see results.h. */
#include "results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "console.h"
#include "json_text.h"
#include "progress.h"

/* One line an input whatever the model wrote. Segments without text add no space. */
static void print_segment(struct results *results, const pst_segment *segment) {
    FILE *stream = results->output.stream;
    const char *text = segment->transcript->text;
    if (*text && results->begun) fputc(' ', stream);
    results->begun |= *text != '\0';
    for (const char *at = text; *at; at++) fputc(*at == '\n' || *at == '\r' ? ' ' : *at, stream);
}

static void add_text(struct results *results, const struct result *result) {
    FILE *stream = results->output.stream;
    const pst_clip_result *clip = result->clip;
    if (results->named && clip) fprintf(stream, "%s: ", result->path);
    for (size_t i = results->parts; clip && i < clip->segment_count; i++)
        print_segment(results, &clip->segments[i]);
    /* An error is said on standard error; it ends what is there of the line. */
    if (clip || results->begun) fputc('\n', stream);
    progress_within_line(0);
    results->parts = 0;
    results->begun = 0;
}

int results_add_segments(struct results *results, const pst_segment *segments, size_t count) {
    if (results->format != RESULT_TEXT || results->named || results->output.path) return 0;
    for (size_t i = 0; i < count; i++) print_segment(results, &segments[i]);
    results->parts += count;
    int code = output_flush(&results->output);
    progress_within_line(results->begun);
    return code;
}

/* Six decimals: more would differ between instruction sets. NaN and infinity are not JSON. */
static json_t *rounded(double number) {
    return isfinite(number) ? json_real(round(number * 1e6) / 1e6) : json_null();
}

static json_t *ids_array(const int32_t *ids, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(array, json_integer(ids[i]));
    return array;
}

static json_t *flags_array(uint32_t flags) {
    static const char *const names[] = {"no_speech", "loop", "low_confidence", "truncated"};
    json_t *array = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (flags >> i & 1) json_array_append_new(array, json_string(names[i]));
    return array;
}

static void set_doubts(json_t *object, const pst_transcript *transcript) {
    json_object_set_new(object, "no_speech_prob", rounded(transcript->no_speech_prob));
    json_object_set_new(object, "compression_ratio", rounded(transcript->compression_ratio));
    json_object_set_new(object, "flags", flags_array(transcript->flags));
}

static void set_transcript(const struct results *results, json_t *object,
                           const pst_transcript *transcript) {
    json_object_set_new(object, "text", json_text(transcript->text));
    json_object_set_new(object, "tokens", ids_array(transcript->tokens, transcript->token_count));
    json_object_set_new(object, "avg_logprob", rounded(transcript->avg_logprob));
    if (transcript->truncated) json_object_set_new(object, "truncated", json_true());
    if (results->guarded) set_doubts(object, transcript);
}

static json_t *segments_array(const struct results *results, const pst_clip_result *clip) {
    json_t *array = need(json_array());
    for (size_t i = 0; i < clip->segment_count; i++) {
        json_t *object = need(json_object());
        json_object_set_new(object, "start", json_real(clip->segments[i].start));
        json_object_set_new(object, "end", json_real(clip->segments[i].end));
        set_transcript(results, object, clip->segments[i].transcript);
        json_array_append_new(array, object);
    }
    return array;
}

/* One segment that is the whole clip tells nothing new. */
static int has_segments(const pst_clip_result *clip) {
    const pst_segment *first = &clip->segments[0];
    return clip->segment_count > 1 || first->start > 0 || first->end < clip->duration;
}

static json_t *result_object(const struct results *results, const struct result *result) {
    json_t *object = need(json_object());
    json_object_set_new(object, "file", json_text(result->path));
    if (result->error) {
        json_object_set_new(object, "error", json_text(result->error));
        return object;
    }
    const pst_clip_result *clip = result->clip;
    json_object_set_new(object, "duration", json_real(clip->duration));
    if (results->vad) json_object_set_new(object, "vad", json_text(results->vad));
    set_transcript(results, object, clip->transcript);
    if (has_segments(clip)) json_object_set_new(object, "segments", segments_array(results, clip));
    return object;
}

static void add_json(struct results *results, const struct result *result) {
    json_t *object = result_object(results, result);
    /* 12 digits: exact for any duration, and 0.1 stays 0.1. */
    char *line = need(json_dumps(object, JSON_REAL_PRECISION(12)));
    int array = results->format == RESULT_JSON;
    fprintf(results->output.stream, "%s%s%s%s\n", array && !results->count ? "[\n" : "",
            array ? "  " : "", line, array && results->count + 1 < results->total ? "," : "");
    free(line);
    json_decref(object);
}

int results_add(struct results *results, const struct result *result) {
    if (results->format == RESULT_TEXT)
        add_text(results, result);
    else
        add_json(results, result);
    results->count++;
    return output_flush(&results->output);
}

int results_end(struct results *results) {
    if (results->format == RESULT_JSON) fputs("]\n", results->output.stream);
    return output_flush(&results->output);
}
