/* realtime_settings.c - see realtime_settings.h. */
#include "serve/realtime_settings.h"

#include <string.h>
#include <strings.h>

#include "console.h"
#include "json_text.h"

enum {
    RATE_HZ = 24000, /* where none is told */
    PHONE_RATE_HZ = 8000,
    RATE_MIN_HZ = 8000,
    RATE_MAX_HZ = 96000
};
/* Those of the streams. */
enum { PADDING_MAX_MS = 1000, SILENCE_MIN_MS = 100, SILENCE_MAX_MS = 10000 };

void realtime_settings_init(struct realtime_settings *settings, const char *model) {
    *settings = (struct realtime_settings){.format = {SOUND_PCM16, RATE_HZ},
                                           .finds_turns = 1,
                                           .threshold = 0.5,
                                           .padding_ms = 300,
                                           .silence_ms = 500};
    size_t length = strlen(model);
    if (length > FORM_MODEL_MAX) length = FORM_MODEL_MAX;
    memcpy(settings->model, model, length);
}

/* ------------------------------------------------------------------------------------- fields */

struct update {
    struct realtime_settings *settings;
    const char *language;
    struct api_error *error;
};

struct field {
    const char *name;
    int (*set)(const struct update *update, const json_t *value);
};

static int refuse(const struct update *update, const char *param, const char *expected) {
    return api_error_set(update->error, 400, "invalid_value", param, "%s: expected %s", param,
                         expected);
}

static int unsupported(const struct update *update, const char *param) {
    return api_error_set(update->error, 400, "unsupported_parameter", param,
                         "%s: this server does not have it", param);
}

/* Each key of `object` by the table, which ends with a name of NULL. */
static int set_fields(const struct update *update, const json_t *object, const char *param,
                      const struct field *fields) {
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return refuse(update, param, "an object");
    json_object_foreach((json_t *)object, key, value) {
        const struct field *field = fields;
        while (field->name && strcmp(field->name, key) != 0) field++;
        if (!field->name)
            return api_error_set(update->error, 400, "unknown_parameter", param,
                                 "%s has no field '%.100s'", param, key);
        if (field->set(update, value)) return -1;
    }
    return 0;
}

/* For what may be there and changes nothing. */
static int pass(const struct update *update, const json_t *value) {
    (void)update, (void)value;
    return 0;
}

static int set_type(const struct update *update, const json_t *value) {
    const char *type = json_string_value(value);
    if (type && strcmp(type, "transcription") == 0) return 0;
    return refuse(update, "session.type", "transcription: this server does nothing else");
}

static int set_noise_reduction(const struct update *update, const json_t *value) {
    return json_is_null(value) ? 0 : unsupported(update, "session.audio.input.noise_reduction");
}

static const char LOGPROBS[] = "item.input_audio_transcription.logprobs";

static int set_include(const struct update *update, const json_t *value) {
    size_t count = json_array_size(value);
    int known = json_is_null(value) || json_is_array(value);
    for (size_t i = 0; i < count && known; i++) {
        const char *name = json_string_value(json_array_get(value, i));
        known = name && strcmp(name, LOGPROBS) == 0;
    }
    if (!known) return refuse(update, "session.include", "a list with at most that of logprobs");
    update->settings->logprobs = count > 0;
    return 0;
}

/* --------------------------------------------------------------------------------------- format */

#define FORMAT "session.audio.input.format"

static int set_rate(const struct update *update, const json_t *value) {
    json_int_t rate = json_is_null(value) ? RATE_HZ : json_integer_value(value);
    if (rate < RATE_MIN_HZ || rate > RATE_MAX_HZ)
        return refuse(update, FORMAT ".rate", "samples a second, 8000 to 96000");
    update->settings->format.rate_hz = (uint32_t)rate;
    return 0;
}

static const struct {
    const char *type, *beta;
} kinds[] = {[SOUND_PCM16] = {"audio/pcm", "pcm16"},
             [SOUND_ULAW] = {"audio/pcmu", "g711_ulaw"},
             [SOUND_ALAW] = {"audio/pcma", "g711_alaw"}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int set_kind(const struct update *update, const json_t *value) {
    const char *name = json_string_value(value);
    for (int i = 0; name && i < KINDS; i++)
        if (strcmp(name, kinds[i].type) == 0 || strcmp(name, kinds[i].beta) == 0) {
            update->settings->format.kind = (enum sound_kind)i;
            return 0;
        }
    return refuse(update, FORMAT ".type", "audio/pcm, audio/pcmu or audio/pcma");
}

/* Phones have one rate. */
static int settle_rate(const struct update *update) {
    struct sound_format *format = &update->settings->format;
    if (format->kind == SOUND_PCM16) return 0;
    if (format->rate_hz != 0 && format->rate_hz != PHONE_RATE_HZ)
        return refuse(update, FORMAT ".rate", "8000 with G.711");
    format->rate_hz = PHONE_RATE_HZ;
    return 0;
}

static int set_format(const struct update *update, const json_t *value) {
    static const struct field fields[] = {{"type", set_kind}, {"rate", set_rate}, {NULL, NULL}};
    struct sound_format *format = &update->settings->format;
    *format = (struct sound_format){SOUND_PCM16, 0};
    if (set_fields(update, value, FORMAT, fields) || settle_rate(update)) return -1;
    if (format->rate_hz == 0) format->rate_hz = RATE_HZ;
    return 0;
}

static int set_beta_format(const struct update *update, const json_t *value) {
    update->settings->format.rate_hz = 0;
    if (set_kind(update, value) || settle_rate(update)) return -1;
    if (update->settings->format.rate_hz == 0) update->settings->format.rate_hz = RATE_HZ;
    return 0;
}

/* -------------------------------------------------------------------------------- transcription */

#define TRANSCRIPTION "session.audio.input.transcription"

static int set_model(const struct update *update, const json_t *value) {
    const char *model = json_string_value(value);
    size_t length = json_string_length(value);
    if (!model || length == 0 || length > FORM_MODEL_MAX || strlen(model) != length)
        return refuse(update, TRANSCRIPTION ".model", "the name of a model of /v1/models");
    memcpy(update->settings->model, model, length + 1);
    return 0;
}

static int set_language(const struct update *update, const json_t *value) {
    const char *language = json_string_value(value);
    if (json_is_null(value) || (language && !*language)) return 0;
    if (language && strcasecmp(language, update->language) == 0) return 0;
    return api_error_set(update->error, 400, "invalid_value", TRANSCRIPTION ".language",
                         TRANSCRIPTION ".language: this model knows one language, %s",
                         update->language);
}

static int set_other(const struct update *update, const json_t *value) {
    return json_is_null(value) ? 0 : unsupported(update, TRANSCRIPTION);
}

static int set_transcription(const struct update *update, const json_t *value) {
    static const struct field fields[] = {{"model", set_model},
                                          {"language", set_language},
                                          {"prompt", pass},
                                          {"keywords", set_other},
                                          {"languages", set_other},
                                          {"delay", set_other},
                                          {NULL, NULL}};
    return set_fields(update, value, TRANSCRIPTION, fields);
}

/* ------------------------------------------------------------------------------- turn detection */

#define TURNS "session.audio.input.turn_detection"

static int set_turn_type(const struct update *update, const json_t *value) {
    const char *type = json_string_value(value);
    if (type && strcmp(type, "server_vad") == 0) return 0;
    return refuse(update, TURNS ".type", "server_vad, or turn_detection null");
}

static int take_number(const struct update *update, const json_t *value, const char *param,
                       double least, double most, double *number) {
    double told = json_number_value(value);
    if (json_is_null(value)) return 0;
    if (!json_is_number(value) || !(told >= least && told <= most))
        return api_error_set(update->error, 400, "invalid_value", param,
                             "%s: expected a number from %g to %g", param, least, most);
    *number = told;
    return 0;
}

/* At 0 all would be speech, at 1 nothing. */
static int set_threshold(const struct update *update, const json_t *value) {
    return take_number(update, value, TURNS ".threshold", 0.01, 0.99, &update->settings->threshold);
}

static int set_padding(const struct update *update, const json_t *value) {
    return take_number(update, value, TURNS ".prefix_padding_ms", 0, PADDING_MAX_MS,
                       &update->settings->padding_ms);
}

static int set_silence(const struct update *update, const json_t *value) {
    return take_number(update, value, TURNS ".silence_duration_ms", SILENCE_MIN_MS, SILENCE_MAX_MS,
                       &update->settings->silence_ms);
}

static int set_idle(const struct update *update, const json_t *value) {
    return json_is_null(value) ? 0 : unsupported(update, TURNS ".idle_timeout_ms");
}

/* Who transcribes only makes no response that could begin or be interrupted. */
static int set_turns(const struct update *update, const json_t *value) {
    static const struct field fields[] = {{"type", set_turn_type},
                                          {"threshold", set_threshold},
                                          {"prefix_padding_ms", set_padding},
                                          {"silence_duration_ms", set_silence},
                                          {"create_response", pass},
                                          {"interrupt_response", pass},
                                          {"idle_timeout_ms", set_idle},
                                          {NULL, NULL}};
    update->settings->finds_turns = !json_is_null(value);
    return json_is_null(value) ? 0 : set_fields(update, value, TURNS, fields);
}

/* -------------------------------------------------------------------------------------- shapes */

static int set_input(const struct update *update, const json_t *value) {
    static const struct field fields[] = {{"format", set_format},
                                          {"transcription", set_transcription},
                                          {"turn_detection", set_turns},
                                          {"noise_reduction", set_noise_reduction},
                                          {NULL, NULL}};
    return set_fields(update, value, "session.audio.input", fields);
}

static int set_audio(const struct update *update, const json_t *value) {
    static const struct field fields[] = {{"input", set_input}, {NULL, NULL}};
    return set_fields(update, value, "session.audio", fields);
}

static const struct field session_fields[] = {
    {"type", set_type}, {"audio", set_audio}, {"include", set_include}, {NULL, NULL}};
static const struct field beta_fields[] = {{"input_audio_format", set_beta_format},
                                           {"input_audio_transcription", set_transcription},
                                           {"turn_detection", set_turns},
                                           {"input_audio_noise_reduction", set_noise_reduction},
                                           {"include", set_include},
                                           {"type", set_type},
                                           {NULL, NULL}};

int realtime_settings_update(struct realtime_settings *settings, const json_t *session,
                             enum realtime_shape shape, const char *language,
                             struct api_error *error) {
    struct realtime_settings changed = *settings;
    const struct update update = {&changed, language, error};
    if (set_fields(&update, session, "session",
                   shape == REALTIME_BETA ? beta_fields : session_fields))
        return -1;
    *settings = changed;
    return 0;
}

/* ----------------------------------------------------------------------------------------- json */

static json_t *turns_json(const struct realtime_settings *settings) {
    json_t *object = need(json_object());
    if (!settings->finds_turns) {
        json_decref(object);
        return json_null();
    }
    json_object_set_new(object, "type", json_string("server_vad"));
    json_object_set_new(object, "threshold", json_real(settings->threshold));
    json_object_set_new(object, "prefix_padding_ms",
                        json_integer((json_int_t)settings->padding_ms));
    json_object_set_new(object, "silence_duration_ms",
                        json_integer((json_int_t)settings->silence_ms));
    return object;
}

static json_t *transcription_json(const struct realtime_settings *settings, const char *language) {
    json_t *object = need(json_object());
    json_object_set_new(object, "model", json_text(settings->model));
    json_object_set_new(object, "language", json_text(language));
    json_object_set_new(object, "prompt", json_null());
    return object;
}

static json_t *format_json(const struct sound_format *format) {
    json_t *object = need(json_object());
    json_object_set_new(object, "type", json_string(kinds[format->kind].type));
    if (format->kind == SOUND_PCM16)
        json_object_set_new(object, "rate", json_integer((json_int_t)format->rate_hz));
    return object;
}

static json_t *include_json(const struct realtime_settings *settings) {
    json_t *array = need(json_array());
    if (settings->logprobs) json_array_append_new(array, json_string(LOGPROBS));
    return array;
}

json_t *realtime_settings_json(const struct realtime_settings *settings, enum realtime_shape shape,
                               const char *id, const char *language) {
    json_t *session = need(json_object());
    json_object_set_new(session, "id", json_string(id));
    json_object_set_new(session, "object", json_string("realtime.transcription_session"));
    json_object_set_new(session, "type", json_string("transcription"));
    json_object_set_new(session, "include", include_json(settings));
    json_t *input = shape == REALTIME_BETA ? session : need(json_object());
    if (shape == REALTIME_BETA) {
        const char *name = kinds[settings->format.kind].beta;
        json_object_set_new(input, "input_audio_format", json_string(name));
        json_object_set_new(input, "input_audio_transcription",
                            transcription_json(settings, language));
        json_object_set_new(input, "input_audio_noise_reduction", json_null());
    } else {
        json_t *audio = need(json_object());
        json_object_set_new(input, "format", format_json(&settings->format));
        json_object_set_new(input, "transcription", transcription_json(settings, language));
        json_object_set_new(input, "noise_reduction", json_null());
        json_object_set_new(audio, "input", input);
        json_object_set_new(session, "audio", audio);
    }
    json_object_set_new(input, "turn_detection", turns_json(settings));
    return session;
}
