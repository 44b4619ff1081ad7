/* result_json.c - see result_json.h. */
#include "result_json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "console.h"
#include "json_text.h"

/* 12 digits: exact for any duration, and 0.1 stays 0.1. */
enum { FLAGS = JSON_REAL_PRECISION(12) };

static json_t *rounded_to(double number, double steps) {
    return isfinite(number) ? json_real(rint(number * steps) / steps) : json_null();
}

/* Six decimals: more would differ between instruction sets. NaN and infinity are not JSON. */
static json_t *rounded(double number) {
    return rounded_to(number, 1e6);
}

static void set(json_t *object, const char *key, json_t *value) {
    json_object_set_new(object, key, value);
}

static json_t *ids_array(const int32_t *ids, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(array, json_integer(ids[i]));
    return array;
}

/* \u00E9 becomes \u00e9, as Python writes it. */
static void lower_escapes(char *line) {
    for (char *at = line; (at = strchr(at, '\\')); at += 2)
        for (int i = 2; at[1] == 'u' && i < 6; i++)
            if (at[i] >= 'A' && at[i] <= 'F') at[i] += 'a' - 'A';
}

static void print(FILE *stream, json_t *object, size_t flags) {
    char *line = need(json_dumps(object, FLAGS | flags));
    lower_escapes(line);
    fputs(line, stream);
    free(line);
    json_decref(object);
}

/* -------------------------------------------------------------------------------------- ours */

/* Milliseconds: the times are not known more exactly. */
static void set_words(json_t *object, const pst_transcript *transcript) {
    if (!transcript->word_count) return;
    json_t *array = need(json_array());
    for (size_t i = 0; i < transcript->word_count; i++) {
        const pst_word *word = &transcript->words[i];
        json_t *item = need(json_object());
        set(item, "word", json_text(word->text));
        set(item, "start", rounded_to(word->start, 1e3));
        set(item, "end", rounded_to(word->end, 1e3));
        set(item, "probability", rounded(word->probability));
        set(item, "confidence", rounded(word->confidence));
        json_array_append_new(array, item);
    }
    set(object, "confidence", rounded(transcript->confidence));
    set(object, "words", array);
}

json_t *result_flags(uint32_t flags) {
    static const char *const names[] = {"no_speech", "loop", "low_confidence", "truncated"};
    json_t *array = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (flags >> i & 1) json_array_append_new(array, json_string(names[i]));
    return array;
}

static void set_doubts(json_t *object, const pst_transcript *transcript) {
    set(object, "no_speech_prob", rounded(transcript->no_speech_prob));
    set(object, "compression_ratio", rounded(transcript->compression_ratio));
    set(object, "flags", result_flags(transcript->flags));
}

static void set_transcript(json_t *object, const pst_transcript *transcript,
                           const struct result_style *style) {
    set(object, "text", json_text(transcript->text));
    set(object, "tokens", ids_array(transcript->tokens, transcript->token_count));
    set(object, "avg_logprob", rounded(transcript->avg_logprob));
    if (transcript->truncated) set(object, "truncated", json_true());
    if (style->guarded) set_doubts(object, transcript);
}

static void set_channel(json_t *object, const pst_transcript *transcript) {
    if (transcript->channel) set(object, "channel", json_integer(transcript->channel));
}

static void set_warnings(json_t *object, const pst_clip_result *clip) {
    if (!clip->warning_count) return;
    json_t *array = need(json_array());
    for (size_t i = 0; i < clip->warning_count; i++)
        json_array_append_new(array, json_text(clip->warnings[i]));
    set(object, "warnings", array);
}

/* One segment that is the whole clip tells nothing new. */
static int has_segments(const pst_clip_result *clip) {
    const pst_segment *first = &clip->segments[0];
    return clip->segment_count > 1 || first->start > 0 || first->end < clip->duration ||
           first->transcript->channel;
}

static json_t *segments_array(const pst_clip_result *clip, const struct result_style *style) {
    json_t *array = need(json_array());
    for (size_t i = 0; i < clip->segment_count; i++) {
        json_t *object = need(json_object());
        set(object, "start", json_real(clip->segments[i].start));
        set(object, "end", json_real(clip->segments[i].end));
        set_channel(object, clip->segments[i].transcript);
        set_transcript(object, clip->segments[i].transcript, style);
        set_words(object, clip->segments[i].transcript);
        json_array_append_new(array, object);
    }
    return array;
}

void result_print_object(FILE *stream, const struct result *result,
                         const struct result_style *style) {
    json_t *object = need(json_object());
    set(object, "file", json_text(result->path));
    if (result->error) {
        set(object, "error", json_text(result->error));
    } else {
        const pst_clip_result *clip = result->clip;
        set(object, "duration", json_real(clip->duration));
        set_warnings(object, clip);
        if (style->vad) set(object, "vad", json_text(style->vad));
        set_transcript(object, clip->transcript, style);
        if (has_segments(clip))
            set(object, "segments", segments_array(clip, style));
        else
            set_words(object, clip->transcript);
    }
    print(stream, object, 0);
}

void result_print_json(FILE *stream, const struct result *result,
                       const struct result_style *style) {
    result_print_object(stream, result, style);
    fputc('\n', stream);
}

/* --------------------------------------------------------------------------- openai-whisper's */

/* Two decimals, as it rounds times. */
static json_t *seconds(double time) {
    return rounded_to(time, 100);
}

/* Its texts begin with the space of their first token. */
static json_t *spaced(const char *text) {
    char *with_space = text_format("%s%s", *text ? " " : "", text);
    json_t *string = json_text(with_space);
    free(with_space);
    return string;
}

/* The tokens of the text alone: not the start token, nor the end token where there is one. */
static json_t *text_ids(const pst_transcript *transcript) {
    size_t ends = transcript->truncated ? 1 : 2;
    size_t count = transcript->token_count > ends ? transcript->token_count - ends : 0;
    return ids_array(transcript->tokens + 1, count);
}

/* With the space before it, where there is one. */
static void set_whisper_words(json_t *object, const pst_transcript *transcript) {
    json_t *array = need(json_array());
    size_t end = SIZE_MAX;
    for (size_t i = 0; i < transcript->word_count; i++) {
        const pst_word *word = &transcript->words[i];
        json_t *item = need(json_object());
        set(item, "word", word->offset == end ? json_text(word->text) : spaced(word->text));
        set(item, "start", seconds(word->start));
        set(item, "end", seconds(word->end));
        set(item, "probability", rounded(word->probability));
        json_array_append_new(array, item);
        end = word->offset + strlen(word->text);
    }
    set(object, "words", array);
}

json_t *result_whisper_segment(const pst_segment *segment, size_t id) {
    json_t *object = need(json_object());
    const pst_transcript *transcript = segment->transcript;
    set(object, "id", json_integer((json_int_t)id));
    set(object, "seek", json_integer(llrint(segment->start * 100))); /* its frames have 10 ms */
    size_t words = transcript->word_count;
    /* With word times a segment is as long as its words. */
    set(object, "start", seconds(words ? transcript->words[0].start : segment->start));
    set(object, "end", seconds(words ? transcript->words[words - 1].end : segment->end));
    set_channel(object, transcript);
    set(object, "text", spaced(transcript->text));
    set(object, "tokens", text_ids(transcript));
    set(object, "temperature", json_real(0)); /* the most likely token, always */
    set(object, "avg_logprob", rounded(transcript->avg_logprob));
    /* Not measured; readers expect the keys. */
    set(object, "compression_ratio", json_null());
    set(object, "no_speech_prob", json_null());
    if (words) set_whisper_words(object, transcript);
    return object;
}

void result_print_whisper(FILE *stream, const struct result *result,
                          const struct result_style *style) {
    const pst_clip_result *clip = result->clip;
    json_t *object = need(json_object()), *segments = need(json_array());
    for (size_t i = 0; i < clip->segment_count; i++)
        json_array_append_new(segments, result_whisper_segment(&clip->segments[i], i));
    set(object, "text", spaced(clip->transcript->text));
    set(object, "segments", segments);
    set(object, "language", json_text(style->language));
    print(stream, object, JSON_ENSURE_ASCII);
}
