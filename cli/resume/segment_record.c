/* segment_record.c - see segment_record.h.
 *
 * Numbers are written as hexadecimal texts: they have the same bits again, and NaN and infinity,
 * which JSON lacks, are among them. */
#include "resume/segment_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "resume/option_digest.h"
#include "resume/run_identity.h"

/* --------------------------------------------------------------------------------------- lines */

enum { DIGEST_DIGITS = 16 };

void record_print_line(FILE *stream, const json_t *object) {
    char *text = need(json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS));
    fprintf(stream, "%016" PRIx64 " %s\n", digest_text(DIGEST_FIRST, text), text);
    free(text);
}

json_t *record_read_line(const char *text, size_t size, size_t *length) {
    const char *end = size ? memchr(text, '\n', size) : NULL;
    size_t head = DIGEST_DIGITS + 1;
    if (!end || (size_t)(end - text) <= head || text[DIGEST_DIGITS] != ' ') return NULL;
    *length = (size_t)(end - text) + 1;
    char digest[DIGEST_DIGITS + 1];
    uint64_t hash = digest_bytes(DIGEST_FIRST, text + head, *length - 1 - head);
    snprintf(digest, sizeof digest, "%016" PRIx64, digest_bytes(hash, "", 1));
    if (memcmp(digest, text, DIGEST_DIGITS) != 0) return NULL;
    return json_loadb(text + head, *length - 1 - head, JSON_REJECT_DUPLICATES, NULL);
}

/* ------------------------------------------------------------------------------------- writing */

static json_t *exact(double number) {
    char text[40];
    snprintf(text, sizeof text, "%a", number);
    return json_string(text);
}

static json_t *word_array(const pst_transcript *transcript) {
    json_t *array = need(json_array());
    for (size_t i = 0; i < transcript->word_count; i++) {
        const pst_word *word = &transcript->words[i];
        json_t *item = need(json_array());
        json_array_append_new(item, json_integer((json_int_t)word->offset));
        json_array_append_new(item, json_integer((json_int_t)strlen(word->text)));
        json_array_append_new(item, exact(word->start));
        json_array_append_new(item, exact(word->end));
        json_array_append_new(item, exact(word->probability));
        json_array_append_new(item, exact(word->confidence));
        json_array_append_new(array, item);
    }
    return array;
}

json_t *segment_record_object(uint64_t input, const pst_segment *segment) {
    const pst_transcript *transcript = segment->transcript;
    json_t *object = need(json_object()), *tokens = need(json_array());
    for (size_t i = 0; i < transcript->token_count; i++)
        json_array_append_new(tokens, json_integer(transcript->tokens[i]));
    json_object_set_new(object, "input", run_identity_hash(input));
    json_object_set_new(object, "channel", json_integer(transcript->channel));
    json_object_set_new(object, "start", exact(segment->start));
    json_object_set_new(object, "end", exact(segment->end));
    json_object_set_new(object, "text", json_string(transcript->text));
    json_object_set_new(object, "tokens", tokens);
    json_object_set_new(object, "avg_logprob", exact(transcript->avg_logprob));
    json_object_set_new(object, "score", exact(transcript->score));
    json_object_set_new(object, "margin", exact(transcript->margin));
    json_object_set_new(object, "truncated", json_integer(transcript->truncated));
    json_object_set_new(object, "flags", json_integer(transcript->flags));
    json_object_set_new(object, "no_speech_prob", exact(transcript->no_speech_prob));
    json_object_set_new(object, "compression_ratio", exact(transcript->compression_ratio));
    json_object_set_new(object, "confidence", exact(transcript->confidence));
    json_object_set_new(object, "words", word_array(transcript));
    return object;
}

/* ------------------------------------------------------------------------------------- reading */

static int read_exact(const json_t *value, double *number) {
    const char *text = json_string_value(value);
    char *end;
    if (!text || !*text) return 0;
    *number = strtod(text, &end);
    return *end == '\0';
}

static int number_of(const json_t *object, const char *key, double *number) {
    return read_exact(json_object_get(object, key), number);
}

static int float_of(const json_t *object, const char *key, float *number) {
    double wide;
    if (!number_of(object, key, &wide)) return 0;
    *number = (float)wide;
    return 1;
}

static int read_whole(const json_t *value, uint64_t most, uint64_t *number) {
    json_int_t whole = json_integer_value(value);
    if (!json_is_integer(value) || whole < 0 || (uint64_t)whole > most) return 0;
    *number = (uint64_t)whole;
    return 1;
}

static int whole_of(const json_t *object, const char *key, uint64_t most, uint64_t *number) {
    return read_whole(json_object_get(object, key), most, number);
}

static int read_tokens(const json_t *array, pst_transcript *transcript) {
    size_t count = json_array_size(array);
    if (!json_is_array(array)) return 0;
    transcript->tokens = need(malloc((count + 1) * sizeof *transcript->tokens));
    transcript->token_count = count;
    for (size_t i = 0; i < count; i++) {
        uint64_t id;
        if (!read_whole(json_array_get(array, i), INT32_MAX, &id)) return 0;
        transcript->tokens[i] = (int32_t)id;
    }
    return 1;
}

/* The words lie in the text, one behind the other, and `texts` has room for it and their ends. */
static int read_word(const json_t *item, const pst_transcript *transcript, size_t *from,
                     char **texts, pst_word *word) {
    uint64_t offset, length, size = strlen(transcript->text);
    if (!read_whole(json_array_get(item, 0), size, &offset) || offset < *from ||
        !read_whole(json_array_get(item, 1), size - offset, &length))
        return 0;
    memcpy(*texts, transcript->text + offset, length);
    (*texts)[length] = '\0';
    word->text = *texts;
    word->offset = offset;
    *texts += length + 1;
    *from = offset + length;
    return read_exact(json_array_get(item, 2), &word->start) &&
           read_exact(json_array_get(item, 3), &word->end) &&
           read_exact(json_array_get(item, 4), &word->probability) &&
           read_exact(json_array_get(item, 5), &word->confidence);
}

static int read_words(const json_t *array, pst_transcript *transcript) {
    size_t count = json_array_size(array), from = 0;
    if (!json_is_array(array)) return 0;
    if (!count) return 1;
    /* The texts lie behind the words. */
    transcript->words =
        need(malloc(count * (sizeof *transcript->words + 1) + strlen(transcript->text)));
    transcript->word_count = count;
    char *texts = (char *)(transcript->words + count);
    for (size_t i = 0; i < count; i++)
        if (!read_word(json_array_get(array, i), transcript, &from, &texts, &transcript->words[i]))
            return 0;
    return 1;
}

static int read_fields(struct segment_record *record, const json_t *object) {
    pst_transcript *transcript = &record->transcript;
    uint64_t channel, truncated, flags;
    const char *text = json_string_value(json_object_get(object, "text"));
    const char *input = json_string_value(json_object_get(object, "input"));
    if (!text || !input || !whole_of(object, "channel", INT32_MAX, &channel) ||
        !whole_of(object, "truncated", 1, &truncated) ||
        !whole_of(object, "flags", INT32_MAX, &flags))
        return 0;
    record->input = strtoull(input, NULL, 16);
    transcript->channel = (uint32_t)channel;
    transcript->truncated = (int)truncated;
    transcript->flags = (uint32_t)flags;
    transcript->text = text_format("%s", text);
    return number_of(object, "start", &record->start) && number_of(object, "end", &record->end) &&
           number_of(object, "avg_logprob", &transcript->avg_logprob) &&
           float_of(object, "score", &transcript->score) &&
           float_of(object, "margin", &transcript->margin) &&
           number_of(object, "no_speech_prob", &transcript->no_speech_prob) &&
           number_of(object, "compression_ratio", &transcript->compression_ratio) &&
           number_of(object, "confidence", &transcript->confidence) &&
           read_tokens(json_object_get(object, "tokens"), transcript) &&
           read_words(json_object_get(object, "words"), transcript);
}

int segment_record_read(struct segment_record *record, const json_t *object) {
    *record = (struct segment_record){0};
    if (read_fields(record, object)) return 1;
    segment_record_free(record);
    return 0;
}

void segment_record_free(struct segment_record *record) {
    free(record->transcript.text);
    free(record->transcript.tokens);
    free(record->transcript.words);
    *record = (struct segment_record){0};
}
