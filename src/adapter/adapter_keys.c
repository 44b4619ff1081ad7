/* adapter_keys.c - see adapter_keys.h. */
#include "adapter/adapter_keys.h"

#include <string.h>

#include "adapter/adapter_build.h"

/* Parts of a name that are there for a wrapper's sake, or for the adapter's name. A model of
 * Moonshine has no module of these names. */
static const char *const NEEDLESS[] = {"_orig_mod", "module", "_fsdp_wrapped_module",
                                       "_checkpoint_wrapped_module", "default"};

static int is_needless(const char *part, size_t length) {
    for (size_t i = 0; i < sizeof NEEDLESS / sizeof *NEEDLESS; i++)
        if (strlen(NEEDLESS[i]) == length && memcmp(part, NEEDLESS[i], length) == 0) return 1;
    return 0;
}

/* `key` without its needless parts. */
static void drop_needless(const char *key, struct buffer *kept) {
    for (const char *part = key; *part;) {
        size_t length = strcspn(part, ".");
        if (!is_needless(part, length))
            buffer_format(kept, "%s%.*s", kept->length ? "." : "", (int)length, part);
        part += length + (part[length] == '.');
    }
}

/* What comes after the prefix, however often that is there. */
static const char *after_prefix(const char *key) {
    while (strncmp(key, ADAPTER_PREFIX, strlen(ADAPTER_PREFIX)) == 0) key += strlen(ADAPTER_PREFIX);
    return key;
}

static int starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

int adapter_key_mend(const char *key, struct buffer *mended) {
    struct buffer kept = {0};
    buffer_free(mended);
    *mended = (struct buffer){0};
    drop_needless(key, &kept);
    const char *rest = kept.data && !kept.failed ? after_prefix(kept.data) : "";
    if (starts_with(rest, "model.encoder.") || starts_with(rest, "model.decoder.") ||
        starts_with(rest, "proj_out."))
        buffer_format(mended, "%s%s", ADAPTER_PREFIX, rest);
    else if (starts_with(rest, "encoder.") || starts_with(rest, "decoder."))
        buffer_format(mended, "%smodel.%s", ADAPTER_PREFIX, rest);
    else if (starts_with(rest, "base_model.")) /* shared by all modules */
        buffer_text(mended, rest);
    buffer_free(&kept);
    return mended->data && !mended->failed && strcmp(mended->data, key) != 0;
}
