/* fuzz_segment_log.c - any bytes as what an earlier run has left: what is taken over is whole, and
 * is written again as it was read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/transcribe/segment_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds) abort();
}

/* The words of a transcript lie in its text. */
static void check(const pst_transcript *transcript) {
    size_t from = 0, length = strlen(transcript->text);
    for (size_t i = 0; i < transcript->word_count; i++) {
        const pst_word *word = &transcript->words[i];
        size_t bytes = strlen(word->text);
        require(word->offset >= from && word->offset + bytes <= length);
        require(strncmp(transcript->text + word->offset, word->text, bytes) == 0);
        from = word->offset + bytes;
    }
    for (size_t i = 0; i < transcript->token_count; i++) require(transcript->tokens[i] >= 0);
}

/* What is read, written and read again is the same. */
static void check_twice(const struct segment_record *record) {
    struct segment_record again;
    pst_segment segment = {record->start, record->end, (pst_transcript *)&record->transcript};
    json_t *object = segment_record_object(record->input, &segment);
    require(segment_record_read(&again, object));
    require(strcmp(again.transcript.text, record->transcript.text) == 0);
    require(again.transcript.word_count == record->transcript.word_count);
    require(again.transcript.token_count == record->transcript.token_count);
    require(again.input == record->input);
    json_decref(object);
    segment_record_free(&again);
}

/* The line as it is; and, so that more is tried than digests, its JSON alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct segment_log log = {.settings = json_object(), .fd = -1};
    char *text = malloc(size + 1);
    require(text && log.settings);
    memcpy(text, data, size);
    int kind = segment_log_read(&log, text, size);
    require(kind == 1 || log.known_count == 0);
    for (size_t i = 0; i < log.known_count; i++) check(&log.known[i].transcript);
    struct segment_record record;
    json_t *object = json_loadb(text, size, 0, NULL);
    if (object && segment_record_read(&record, object)) {
        check(&record.transcript);
        check_twice(&record);
        segment_record_free(&record);
    }
    json_decref(object);
    free(text);
    segment_log_close(&log, 0);
    return 0;
}
