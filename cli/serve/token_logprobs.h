/* token_logprobs.h - how likely each token of a text is, as OpenAI's API tells it: the tokens one
 * after the other are the text. */
#ifndef POTSTILL_CLI_TOKEN_LOGPROBS_H
#define POTSTILL_CLI_TOKEN_LOGPROBS_H

#include <jansson.h>

#include "potstill.h"

/* Adds to `array` those of a text by its tokens [count], the first a start token; `logprobs` NULL:
 * nothing is known of them. `follows`: another text and a space stand before it. */
void token_logprobs_add(json_t *array, const pst_model *model, const char *text,
                        const int32_t *tokens, const float *logprobs, size_t count, int follows);
/* Of all segments of a clip. */
json_t *token_logprobs_of_clip(const pst_model *model, const pst_clip_result *clip);

#endif
