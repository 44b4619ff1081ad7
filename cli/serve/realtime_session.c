/* realtime_session.c - see realtime_session.h. */
#include "serve/realtime_session.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "serve/base64.h"

/* What is shorter is no turn, by OpenAI's own words. */
static const double COMMIT_SECONDS_MIN = 0.1;

static const char UPDATE_BETA[] = "transcription_session.update";

static void tell_session(struct realtime_session *session, const char *type,
                         enum realtime_shape shape) {
    json_t *event = realtime_event(&session->events, type);
    json_object_set_new(event, "session",
                        realtime_settings_json(&session->settings, shape, session->host.id,
                                               session->host.transcriber->language));
    realtime_send(&session->events, event);
}

int realtime_session_open(struct realtime_session *session, const struct realtime_host *host,
                          const char *model, struct api_error *error) {
    *session = (struct realtime_session){.host = *host};
    session->events = (struct realtime_events){.send = host->send,
                                               .user = host->user,
                                               .id = host->id,
                                               .beta = host->shape == REALTIME_BETA};
    session->speech = (struct realtime_speech){.events = &session->events,
                                               .transcriber = host->transcriber,
                                               .cancelled = host->cancelled,
                                               .user = host->user};
    session->turn = (struct realtime_turn){.events = &session->events,
                                           .transcriber = host->transcriber,
                                           .cancelled = host->cancelled,
                                           .user = host->user,
                                           .folder = host->folder,
                                           .bytes_max = host->bytes_max,
                                           .fd = -1};
    realtime_settings_init(&session->settings, model);
    session->turn.format = session->settings.format;
    if (adapter_shelf_choose(host->shelf, model, &session->adapters, error)) return -1;
    tell_session(session,
                 host->shape == REALTIME_BETA ? "transcription_session.created" : "session.created",
                 host->shape);
    return 0;
}

static void forget_sound(struct realtime_session *session) {
    free(session->sound);
    session->sound = NULL;
    session->sound_bytes = session->sound_at = 0;
}

void realtime_session_close(struct realtime_session *session) {
    realtime_speech_close(&session->speech);
    realtime_turn_close(&session->turn);
    adapter_shelf_release(session->host.shelf, &session->adapters);
    forget_sound(session);
}

/* --------------------------------------------------------------------------------------- sound */

/* Samples of it. */
static size_t at_hand(const struct realtime_session *session) {
    return (session->sound_bytes - session->sound_at) / sound_width(&session->settings.format);
}

int realtime_session_has_work(const struct realtime_session *session, int waits) {
    return session->sound && (!waits || at_hand(session) >= session->settings.format.rate_hz);
}

static int open_speech(struct realtime_session *session) {
    struct api_error error = {.status = 0};
    if (session->speech.stream) return 0;
    if (!realtime_speech_open(&session->speech, &session->settings, &session->adapters, &error))
        return 0;
    realtime_send_error(&session->events, &error, NULL);
    return -1;
}

void realtime_session_work(struct realtime_session *session) {
    const struct sound_format *format = &session->settings.format;
    size_t width = sound_width(format), left = at_hand(session);
    size_t count = left < format->rate_hz ? left : format->rate_hz;
    int code = open_speech(session);
    if (!code)
        code = realtime_speech_feed(&session->speech, session->sound + session->sound_at, count);
    session->sound_at += count * width;
    session->seconds += (double)count / format->rate_hz;
    if (code || session->sound_at == session->sound_bytes) forget_sound(session);
}

/* All that was sent before. */
static void work_through(struct realtime_session *session) {
    while (session->sound && !session->host.cancelled(session->host.user))
        realtime_session_work(session);
}

void realtime_session_finish(struct realtime_session *session) {
    work_through(session);
    if (session->speech.stream) realtime_speech_commit(&session->speech);
}

/* ----------------------------------------------------------------------------------- messages */

/* A turn is of one format, and of one way to end it. */
static int check_turn(const struct realtime_session *session,
                      const struct realtime_settings *changed, struct api_error *error) {
    const struct realtime_settings *now = &session->settings;
    int same = changed->finds_turns == now->finds_turns &&
               changed->format.kind == now->format.kind &&
               changed->format.rate_hz == now->format.rate_hz;
    if (same || session->turn.bytes == 0) return 0;
    return api_error_set(error, 400, "invalid_value", "session.audio.input",
                         "the buffer has sound: commit or clear it before its format or "
                         "turn_detection change");
}

static int update(struct realtime_session *session, const json_t *message,
                  enum realtime_shape shape, struct api_error *error) {
    struct realtime_settings changed = session->settings;
    struct adapter_choice adapters = {.count = 0};
    if (realtime_settings_update(&changed, json_object_get(message, "session"), shape,
                                 session->host.transcriber->language, error) ||
        check_turn(session, &changed, error) ||
        adapter_shelf_choose(session->host.shelf, changed.model, &adapters, error))
        return -1;
    realtime_session_finish(session);
    forget_sound(session);
    realtime_speech_close(&session->speech);
    adapter_shelf_release(session->host.shelf, &session->adapters);
    session->adapters = adapters;
    session->settings = changed;
    session->turn.format = changed.format;
    tell_session(session,
                 shape == REALTIME_BETA ? "transcription_session.updated" : "session.updated",
                 shape);
    return 0;
}

static int update_now(struct realtime_session *session, const json_t *message,
                      struct api_error *error) {
    return update(session, message, REALTIME_NOW, error);
}

static int update_beta(struct realtime_session *session, const json_t *message,
                       struct api_error *error) {
    return update(session, message, REALTIME_BETA, error);
}

static void keep_sound(struct realtime_session *session, const unsigned char *bytes, size_t count) {
    size_t left = session->sound_bytes - session->sound_at;
    if (count == 0) return;
    if (session->sound) memmove(session->sound, session->sound + session->sound_at, left);
    session->sound = need(realloc(session->sound, left + count));
    memcpy(session->sound + left, bytes, count);
    session->sound_bytes = left + count;
    session->sound_at = 0;
}

static int append(struct realtime_session *session, const json_t *message,
                  struct api_error *error) {
    const json_t *audio = json_object_get(message, "audio");
    size_t length = json_string_length(audio), width = sound_width(&session->settings.format);
    if (!json_is_string(audio))
        return api_error_set(error, 400, "missing_required_parameter", "audio",
                             "audio: expected samples in base64");
    unsigned char *bytes = need(malloc(length / 4 * 3 + 1));
    long count = base64_decode(json_string_value(audio), length, bytes);
    if (count < 0 || (size_t)count % width) {
        free(bytes);
        return api_error_set(error, 400, "invalid_value", "audio",
                             "audio: expected whole samples in base64");
    }
    if (session->settings.finds_turns) {
        keep_sound(session, bytes, (size_t)count);
        free(bytes);
        return 0;
    }
    int code = realtime_turn_add(&session->turn, bytes, (size_t)count, error);
    if (!code) session->seconds += (double)count / (double)width / session->settings.format.rate_hz;
    free(bytes);
    return code;
}

static int too_short(double seconds, struct api_error *error) {
    return api_error_set(error, 400, "input_audio_buffer_commit_empty", NULL,
                         "the buffer is too small: expected at least %.0f ms of sound, it has "
                         "%.0f ms",
                         1000 * COMMIT_SECONDS_MIN, 1000 * seconds);
}

/* Nobody has said anything in it: a turn all the same, if it is long enough to be one. */
static int commit_silence(struct realtime_session *session, struct api_error *error) {
    double seconds = session->speech.since;
    if (seconds < COMMIT_SECONDS_MIN) return too_short(seconds, error);
    realtime_new_item(&session->events);
    realtime_send_committed(&session->events);
    realtime_send_completed(&session->events, "", seconds, NULL);
    session->speech.since = 0;
    return 0;
}

static int commit(struct realtime_session *session, const json_t *message,
                  struct api_error *error) {
    (void)message;
    work_through(session);
    if (session->settings.finds_turns) {
        int none = session->speech.stream ? realtime_speech_commit(&session->speech) : 1;
        return none == 1 ? commit_silence(session, error) : 0;
    }
    double seconds = realtime_turn_seconds(&session->turn);
    if (seconds < COMMIT_SECONDS_MIN) return too_short(seconds, error);
    realtime_turn_transcribe(&session->turn, &session->adapters, session->settings.logprobs);
    return 0;
}

static int clear(struct realtime_session *session, const json_t *message, struct api_error *error) {
    (void)message, (void)error;
    forget_sound(session);
    realtime_turn_clear(&session->turn);
    realtime_speech_close(&session->speech);
    realtime_send(&session->events, realtime_event(&session->events, "input_audio_buffer.cleared"));
    return 0;
}

static const struct {
    const char *type;
    int (*take)(struct realtime_session *session, const json_t *message, struct api_error *error);
} calls[] = {
    {"input_audio_buffer.append", append},
    {"input_audio_buffer.commit", commit},
    {"input_audio_buffer.clear", clear},
    {"session.update", update_now},
    {UPDATE_BETA, update_beta},
};

static int call(struct realtime_session *session, const json_t *message, struct api_error *error) {
    const char *type = json_string_value(json_object_get(message, "type"));
    if (!type)
        return api_error_set(error, 400, "invalid_value", "type",
                             "expected an object with the type of an event");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(type, calls[i].type) == 0) return calls[i].take(session, message, error);
    return api_error_set(error, 400, "invalid_value", "type",
                         "type: '%.100s': expected input_audio_buffer.append, .commit or .clear, "
                         "session.update or %s",
                         type, UPDATE_BETA);
}

void realtime_session_take(struct realtime_session *session, const char *message, size_t length) {
    struct api_error error = {.status = 0};
    json_error_t problem;
    json_t *object = json_loadb(message, length, JSON_REJECT_DUPLICATES, &problem);
    if (!object)
        api_error_set(&error, 400, "invalid_json", NULL, "the message is no JSON: %s",
                      problem.text);
    else
        call(session, object, &error);
    if (error.status)
        realtime_send_error(&session->events, &error,
                            json_string_value(json_object_get(object, "event_id")));
    json_decref(object);
}
