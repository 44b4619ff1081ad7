/* realtime_turn.c - see realtime_turn.h. */
#include "serve/realtime_turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "seconds.h"
#include "serve/upload_file.h"
#include "whole_file.h"

/* The file begins with the head of a WAV file, which is known at the end. */
static int begin(struct realtime_turn *turn) {
    static const char head[WAV_HEAD_BYTES];
    turn->fd = upload_file_new(turn->folder);
    return turn->fd >= 0 && whole_file_write(turn->fd, head, sizeof head) ? 0 : -1;
}

int realtime_turn_add(struct realtime_turn *turn, const unsigned char *bytes, size_t count,
                      struct api_error *error) {
    if (count > turn->bytes_max - turn->bytes)
        return api_error_set(error, 400, "invalid_value", "audio",
                             "audio: the buffer takes %llu bytes: commit or clear it first",
                             (unsigned long long)turn->bytes_max);
    if (count == 0) return 0;
    if ((turn->fd < 0 && begin(turn)) || !whole_file_write(turn->fd, (const char *)bytes, count)) {
        say("%s: cannot be written: %s", turn->folder, strerror(errno));
        realtime_turn_clear(turn);
        return api_error_set(error, 503, "server_overloaded", NULL,
                             "there is no room for the sound now: the buffer is empty");
    }
    turn->bytes += count;
    return 0;
}

double realtime_turn_seconds(const struct realtime_turn *turn) {
    double samples = (double)turn->bytes / (double)sound_width(&turn->format);
    return samples / turn->format.rate_hz;
}

void realtime_turn_clear(struct realtime_turn *turn) {
    if (turn->fd >= 0) close(turn->fd);
    turn->fd = -1;
    turn->bytes = 0;
}

void realtime_turn_close(struct realtime_turn *turn) {
    realtime_turn_clear(turn);
    pst_session_free(turn->session);
    turn->session = NULL;
}

/* ------------------------------------------------------------------------------- transcription */

static int is_over(void *user) {
    const struct realtime_turn *turn = user;
    return turn->cancelled(turn->user);
}

/* The events of a file's stream say the same by other names. */
static void follow(void *user, const json_t *event) {
    const struct realtime_turn *turn = user;
    const char *delta = json_string_value(json_object_get(event, "delta"));
    const char *text = json_string_value(json_object_get(event, "text"));
    json_t *logprobs = json_object_get(event, "logprobs");
    if (delta) realtime_send_delta(turn->events, delta, logprobs);
    if (text) realtime_send_completed(turn->events, text, realtime_turn_seconds(turn), logprobs);
}

static int open_session(struct realtime_turn *turn, struct api_error *error) {
    pst_error err;
    char detail[512];
    pst_session_options options;
    if (turn->session) return 0;
    pst_session_options_init(&options);
    options.threads = 1;
    if (!pst_session_new(turn->transcriber->model, &options, &turn->session, &err)) return 0;
    turn->session = NULL;
    api_error_of_library(error, &err, detail);
    return -1;
}

static int write_head(const struct realtime_turn *turn, struct api_error *error) {
    unsigned char head[WAV_HEAD_BYTES];
    sound_wav_head(&turn->format, (uint32_t)turn->bytes, head);
    if (pwrite(turn->fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
        lseek(turn->fd, 0, SEEK_SET) == 0)
        return 0;
    say("%s: cannot be written: %s", turn->folder, strerror(errno));
    return api_error_set(error, 500, NULL, NULL, "the server failed; its log says why");
}

void realtime_turn_transcribe(struct realtime_turn *turn, const struct adapter_choice *adapters,
                              int logprobs) {
    const struct transcription_form form = {
        .format = REPLY_JSON, .stream = 1, .logprobs = logprobs};
    struct transcription t = {.form = &form,
                              .adapters = adapters,
                              .fd = turn->fd,
                              .cancelled = is_over,
                              .event = follow,
                              .user = turn};
    struct transcription *const alone[] = {&t};
    double began = seconds_now();
    realtime_new_item(turn->events);
    realtime_send_committed(turn->events);
    if (!open_session(turn, &t.error) && !write_head(turn, &t.error))
        transcription_run(alone, 1, turn->transcriber, turn->session);
    if (t.detail[0]) say("a realtime turn has failed: %s", t.detail);
    if (t.error.status && t.error.status != HTTP_CLIENT_GONE)
        realtime_send_failed(turn->events, &t.error);
    free(t.body);
    turn->work_seconds += seconds_now() - began;
    turn->tokens += t.tokens;
    realtime_turn_clear(turn);
}
