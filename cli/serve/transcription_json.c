/* transcription_json.c - see transcription_json.h. */
#include "serve/transcription_json.h"

#include <math.h>
#include <string.h>

#include "console.h"
#include "json_text.h"
#include "result_json.h"

/* Milliseconds: the times are not known more exactly. */
static json_t *seconds(double time) {
    return need(json_real(rint(time * 1e3) / 1e3));
}

/* By the schema a number: of what is not known, the one that says least. */
static json_t *number(double value) {
    return need(json_real(isfinite(value) ? rint(value * 1e6) / 1e6 : 0));
}

static json_t *usage(const pst_clip_result *clip) {
    json_t *object = need(json_object());
    json_object_set_new(object, "type", json_string("duration"));
    json_object_set_new(object, "seconds", seconds(clip->duration));
    return object;
}

json_t *transcription_plain_json(const pst_clip_result *clip, json_t *logprobs) {
    json_t *object = need(json_object());
    json_object_set_new(object, "text", json_text(clip->transcript->text));
    if (logprobs) json_object_set_new(object, "logprobs", logprobs);
    json_object_set_new(object, "usage", usage(clip));
    return object;
}

static json_t *words_array(const pst_transcript *transcript) {
    json_t *array = need(json_array());
    for (size_t i = 0; i < transcript->word_count; i++) {
        const pst_word *word = &transcript->words[i];
        json_t *item = need(json_object());
        json_object_set_new(item, "word", json_text(word->text));
        json_object_set_new(item, "start", seconds(word->start));
        json_object_set_new(item, "end", seconds(word->end));
        json_array_append_new(array, item);
    }
    return array;
}

/* openai-whisper's segments, whose words stand elsewhere here. Typed clients need all ten keys. */
static json_t *segments_array(const pst_clip_result *clip) {
    json_t *array = need(json_array());
    for (size_t i = 0; i < clip->segment_count; i++) {
        const pst_transcript *transcript = clip->segments[i].transcript;
        if (!*transcript->text) continue;
        json_t *segment = result_whisper_segment(&clip->segments[i], json_array_size(array));
        json_object_del(segment, "words");
        json_object_set_new(segment, "avg_logprob", number(transcript->avg_logprob));
        json_object_set_new(segment, "compression_ratio", number(transcript->compression_ratio));
        json_object_set_new(segment, "no_speech_prob", number(transcript->no_speech_prob));
        json_array_append_new(array, segment);
    }
    return array;
}

/* OpenAI's API has names where clients send codes. */
static const char *language_name(const char *code) {
    static const char *const names[][2] = {
        {"ar", "arabic"}, {"en", "english"},   {"es", "spanish"},    {"ja", "japanese"},
        {"ko", "korean"}, {"uk", "ukrainian"}, {"vi", "vietnamese"}, {"zh", "chinese"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], code) == 0) return names[i][1];
    return code;
}

json_t *transcription_verbose_json(const pst_clip_result *clip,
                                   const struct transcription_form *form, const char *language) {
    json_t *object = need(json_object());
    json_object_set_new(object, "task", json_string("transcribe"));
    json_object_set_new(object, "language", json_text(language_name(language)));
    json_object_set_new(object, "duration", seconds(clip->duration));
    json_object_set_new(object, "text", json_text(clip->transcript->text));
    if (form->words) json_object_set_new(object, "words", words_array(clip->transcript));
    if (form->segments || !form->words)
        json_object_set_new(object, "segments", segments_array(clip));
    json_object_set_new(object, "usage", usage(clip));
    return object;
}

static json_t *event(const char *type, const char *key, const char *text, json_t *logprobs) {
    json_t *object = need(json_object());
    json_object_set_new(object, "type", json_string(type));
    json_object_set_new(object, key, json_text(text));
    if (logprobs) json_object_set_new(object, "logprobs", logprobs);
    return object;
}

json_t *transcription_delta(const char *text, json_t *logprobs) {
    return event("transcript.text.delta", "delta", text, logprobs);
}

json_t *transcription_done(const char *text, json_t *logprobs) {
    return event("transcript.text.done", "text", text, logprobs);
}
