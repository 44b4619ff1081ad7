/* option_digest.c - see option_digest.h. */
#include "resume/option_digest.h"

#include <string.h>

uint64_t digest_bytes(uint64_t hash, const void *bytes, size_t length) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++) hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

uint64_t digest_text(uint64_t hash, const char *text) {
    return text ? digest_bytes(hash, text, strlen(text) + 1) : digest_bytes(hash, "\xff", 1);
}

static uint64_t add_texts(uint64_t hash, const struct option_texts *texts) {
    for (size_t i = 0; i < texts->count; i++) hash = digest_text(hash, texts->items[i]);
    return hash;
}

static uint64_t add_ids(uint64_t hash, const struct option_ids *ids) {
    hash = digest_bytes(hash, &ids->given, sizeof ids->given);
    return ids->count ? digest_bytes(hash, ids->items, ids->count * sizeof *ids->items) : hash;
}

static uint64_t add_value(uint64_t hash, enum option_kind kind, const void *value) {
    switch (kind) {
    case OPTION_TEXT:
    case OPTION_REQUIRED: return digest_text(hash, *(const char *const *)value);
    case OPTION_TEXTS: return add_texts(hash, value);
    case OPTION_IDS: return add_ids(hash, value);
    case OPTION_COUNT: return digest_bytes(hash, value, sizeof(int64_t));
    case OPTION_NUMBER: return digest_bytes(hash, value, sizeof(double));
    case OPTION_FLAG:
    case OPTION_CHOICE:
    case OPTION_CHOICES: return digest_bytes(hash, value, sizeof(int));
    }
    return hash;
}

static int is_named(const char *name, const char *const *list) {
    while (*list && strcmp(*list, name) != 0) list++;
    return *list != NULL;
}

uint64_t digest_options(uint64_t hash, const struct command *command, const void *values,
                        const char *const *except) {
    for (const struct option_group *group = command->groups; group->options; group++)
        for (const struct option *option = group->options; option->name; option++) {
            if (is_named(option->name, except)) continue;
            hash = digest_text(hash, option->name);
            hash = add_value(hash, option->kind,
                             (const char *)values + group->offset + option->offset);
        }
    return hash;
}
