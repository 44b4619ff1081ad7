/* transcription_json.h - results as the objects of OpenAI's API. */
#ifndef POTSTILL_CLI_TRANSCRIPTION_JSON_H
#define POTSTILL_CLI_TRANSCRIPTION_JSON_H

#include <jansson.h>

#include "potstill.h"
#include "serve/transcription_form.h"

/* text and usage; and `logprobs`, which it takes (NULL: none). */
json_t *transcription_plain_json(const pst_clip_result *clip, json_t *logprobs);
/* And language, duration; words and segments as the form has them; segments if it has neither. */
json_t *transcription_verbose_json(const pst_clip_result *clip,
                                   const struct transcription_form *form, const char *language);

/* Events of a stream; they take `logprobs` (NULL: none). */
json_t *transcription_delta(const char *text, json_t *logprobs);
json_t *transcription_done(const char *text, json_t *logprobs);

#endif
