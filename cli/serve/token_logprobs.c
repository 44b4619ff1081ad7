/* token_logprobs.c - see token_logprobs.h. */
#include "serve/token_logprobs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "json_text.h"

/* The text of the first tokens [count]; of a token alone that is a sign to the model, "". */
static char *text_of(const pst_model *model, const int32_t *tokens, size_t count) {
    pst_error err;
    char *text = NULL;
    if (pst_model_decode(model, tokens, count, 1, &text, &err)) return NULL;
    return text;
}

/* Bytes that both begin with, whole characters. */
static size_t common_bytes(const char *a, const char *b) {
    size_t n = 0;
    while (a[n] && a[n] == b[n]) n++;
    while (n && ((unsigned char)b[n] & 0xC0) == 0x80) n--;
    return n;
}

static json_t *bytes_of(const char *text) {
    json_t *array = need(json_array());
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        json_array_append_new(array, json_integer(*at));
    return array;
}

/* Takes the text. */
static void add(json_t *array, char *text, float logprob) {
    json_t *entry = need(json_object());
    json_object_set_new(entry, "token", json_text(text));
    json_object_set_new(entry, "bytes", bytes_of(text));
    json_object_set_new(entry, "logprob",
                        isfinite(logprob) ? json_real((double)logprob) : json_null());
    json_array_append_new(array, entry);
    free(text);
}

/* Of a character in several tokens all bytes come with the last one. */
void token_logprobs_add(json_t *array, const pst_model *model, const char *text,
                        const int32_t *tokens, const float *logprobs, size_t count, int follows) {
    const char *before = follows ? " " : "";
    size_t told = 0;
    if (!logprobs || !*text) return;
    for (size_t i = 1; i < count; i++) {
        char *so_far = text_of(model, tokens, i + 1), *alone = text_of(model, tokens + i, 1);
        size_t reached = so_far ? common_bytes(so_far, text) : told;
        if (reached < told) reached = told;
        /* A sign at the end has no text; one that is skipped within is no token of it either. */
        if (reached > told || (alone && *alone)) {
            int bytes = (int)(reached - told);
            add(array, text_format("%s%.*s", bytes ? before : "", bytes, text + told), logprobs[i]);
            if (bytes) before = "";
        }
        told = reached;
        pst_free(so_far);
        pst_free(alone);
    }
}

json_t *token_logprobs_of_clip(const pst_model *model, const pst_clip_result *clip) {
    json_t *array = need(json_array());
    for (size_t i = 0; i < clip->segment_count; i++) {
        const pst_transcript *part = clip->segments[i].transcript;
        token_logprobs_add(array, model, part->text, part->tokens, part->token_logprobs,
                           part->token_count, json_array_size(array) > 0);
    }
    return array;
}
