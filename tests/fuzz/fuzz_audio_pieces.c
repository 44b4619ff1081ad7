/* fuzz_audio_pieces.c - any bytes as an audio file that comes through a pipe in pieces: it gives
 * the samples, or the refusal, of the same bytes read from memory at once. Nor does it matter how
 * many samples are asked for at a time. The first two bytes say how long the pieces are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audio/audio_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libsndfile 1.2.0 forgets Vorbis' settings when an Ogg file ends inside its headers. */
PST_API const char *__lsan_default_suppressions(void);
PST_API const char *__lsan_default_suppressions(void) {
    return "leak:vorbis_info_init";
}

/* Minutes of sound: a few bytes of FLAC can hold days of silence. */
enum { SAMPLES_MAX = 1 << 22, MESSAGES_MAX = 32 };

struct outcome {
    pst_status status;
    pst_error err;
    struct sample_list samples;
};

static void require(int holds) {
    if (!holds) abort();
}

/* Reads up to SAMPLES_MAX, `piece` at a time, and closes. */
static void read_all(struct outcome *outcome, struct audio_stream *stream, size_t piece) {
    size_t wanted = 0;
    while (!outcome->status && wanted < SAMPLES_MAX) {
        wanted = SAMPLES_MAX - wanted > piece ? wanted + piece : SAMPLES_MAX;
        outcome->status = audio_stream_read(stream, wanted, &outcome->samples, &outcome->err);
    }
    audio_stream_close(stream);
}

static struct outcome from_memory(const uint8_t *data, size_t size, size_t piece) {
    struct outcome outcome = {0};
    struct audio_stream stream;
    outcome.status = audio_stream_open_bytes(&stream, data, size, "input", &outcome.err);
    if (!outcome.status) read_all(&outcome, &stream, piece);
    return outcome;
}

/* What read() gives at once is what one send() sent. 0: the system takes no so many at once. */
static int from_pipe(struct outcome *outcome, const uint8_t *data, size_t size, size_t piece) {
    int ends[2], sent = 1;
    *outcome = (struct outcome){0};
    if (piece < size / MESSAGES_MAX + 1) piece = size / MESSAGES_MAX + 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) return 0;
    for (size_t at = 0; sent && at < size; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        sent = send(ends[1], data + at, length, MSG_DONTWAIT) == (ssize_t)length;
    }
    close(ends[1]);
    struct audio_stream stream;
    if (sent) {
        outcome->status = audio_stream_open_fd(&stream, ends[0], "input", NULL, &outcome->err);
        if (!outcome->status) read_all(outcome, &stream, SAMPLES_MAX);
    }
    close(ends[0]);
    return sent;
}

static void compare(const struct outcome *a, const struct outcome *b) {
    require(a->status == b->status);
    if (a->status) require(strcmp(a->err.message, b->err.message) == 0);
    if (a->status) return;
    require(a->samples.count == b->samples.count);
    size_t bytes = a->samples.count * sizeof *a->samples.data;
    require(bytes == 0 || memcmp(a->samples.data, b->samples.data, bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0; /* an empty pipe has a refusal of its own */
    size_t piece = 1 + (size_t)(data[0] | data[1] << 8);
    data += 2, size -= 2;
    struct outcome whole = from_memory(data, size, SAMPLES_MAX), other;
    if (from_pipe(&other, data, size, piece)) {
        compare(&whole, &other);
        sample_list_free(&other.samples);
    }
    /* 64 Ki pieces at most, of one sample to all there may be. */
    other = from_memory(data, size, piece * 64);
    compare(&whole, &other);
    sample_list_free(&other.samples);
    sample_list_free(&whole.samples);
    return 0;
}
