/* special_tokens.c - see special_tokens.h. A token is a text, or an object with its text as
 * "content". One that the vocabulary lacks would get an id that no model gives. */
#include "tokenizer/special_tokens.h"

#include <string.h>

static void mark(struct tokenizer *tokenizer, const json_t *token) {
    const struct added_tokens *added = &tokenizer->added;
    const json_t *content = json_is_object(token) ? json_object_get(token, "content") : token;
    if (!json_is_string(content)) return;
    const char *text = json_string_value(content);
    size_t length = json_string_length(content);
    int32_t id = vocabulary_find(&tokenizer->vocabulary, text, length);
    for (size_t i = 0; i < added->count && id < 0; i++)
        if (added->items[i].length == length &&
            memcmp(added->texts.data + added->items[i].offset, text, length) == 0)
            id = added->items[i].id;
    if (id >= 0 && (size_t)id < tokenizer->vocabulary.size) tokenizer->special[id] = 1;
}

/* A list of tokens, or an object whose values are some. */
static void mark_all(struct tokenizer *tokenizer, const json_t *tokens) {
    const char *key;
    json_t *token;
    for (size_t i = 0; i < json_array_size(tokens); i++) mark(tokenizer, json_array_get(tokens, i));
    json_object_foreach((json_t *)tokens, key, token) mark(tokenizer, token);
}

void special_tokens_mark(struct tokenizer *tokenizer, const json_t *settings) {
    static const char *const roles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                        "pad_token", "cls_token", "mask_token"};
    const char *id;
    json_t *token;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        mark(tokenizer, json_object_get(settings, roles[i]));
    mark_all(tokenizer, json_object_get(settings, "additional_special_tokens"));
    mark_all(tokenizer, json_object_get(settings, "extra_special_tokens"));
    json_object_foreach(json_object_get(settings, "added_tokens_decoder"), id, token) {
        if (json_is_true(json_object_get(token, "special"))) mark(tokenizer, token);
    }
}
