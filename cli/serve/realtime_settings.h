/* realtime_settings.h - what a realtime session is told: session.update, in both of its shapes.
 *
 * What this server does not do is refused by its name, but for `prompt`, which nobody reads. */
#ifndef POTSTILL_CLI_REALTIME_SETTINGS_H
#define POTSTILL_CLI_REALTIME_SETTINGS_H

#include <jansson.h>

#include "serve/api_error.h"
#include "serve/sound_format.h"
#include "serve/transcription_form.h"

/* The shape of sessions: as it is now, and as it was while this was a trial. */
enum realtime_shape { REALTIME_NOW, REALTIME_BETA };

struct realtime_settings {
    struct sound_format format;
    char model[FORM_MODEL_MAX + 1];
    int finds_turns; /* turn_detection: server_vad; else the client commits */
    double threshold;
    double padding_ms, silence_ms;
    int logprobs; /* of each token */
};

/* As OpenAI's documentation has the defaults. */
void realtime_settings_init(struct realtime_settings *settings, const char *model);

/* Changes what `session` has; `language` is the model's. 0, or -1 with the reason in `error` and
 * nothing changed. */
int realtime_settings_update(struct realtime_settings *settings, const json_t *session,
                             enum realtime_shape shape, const char *language,
                             struct api_error *error);

/* A session as its owner is told. */
json_t *realtime_settings_json(const struct realtime_settings *settings, enum realtime_shape shape,
                               const char *id, const char *language);

#endif
