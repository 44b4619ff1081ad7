/* hub_names.c - see hub_names.h. */
#include "hub/hub_names.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

enum { NAME_MAX_BYTES = 255 }; /* the longest file name that file systems take */

static int is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and "._-" only. */
static int is_plain(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!is_alphanumeric(text[i]) && (!text[i] || !strchr("._-", text[i]))) return 0;
    return length > 0;
}

/* Half of a hub id: does not begin or end with '.' or '-'. */
static int is_id_part(const char *text, size_t length) {
    return is_plain(text, length) && !strchr(".-", text[0]) && !strchr(".-", text[length - 1]);
}

/* The cache writes "--" for the slash, so an id must not contain it. */
int hub_is_id(const char *name) {
    const char *slash = strchr(name, '/');
    if (strlen(name) > HUB_ID_MAX || strstr(name, "--") || strstr(name, "..")) return 0;
    if (!slash) return is_id_part(name, strlen(name));
    return is_id_part(name, (size_t)(slash - name)) && is_id_part(slash + 1, strlen(slash + 1));
}

static int is_hex(const char *text, size_t length) {
    return strlen(text) == length && strspn(text, "0123456789abcdef") == length;
}

int hub_is_commit(const char *text) {
    return is_hex(text, HUB_COMMIT_SIZE - 1);
}

int hub_is_etag(const char *text) {
    return is_hex(text, HUB_ETAG_SIZE - 1) || is_hex(text, HUB_COMMIT_SIZE - 1);
}

/* A branch, tag, pull request or commit as git allows it, but only safe paths below refs/: "main",
 * "v1.0", "refs/pr/1". */
static int is_revision(const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length > NAME_MAX_BYTES || text[0] == '/' || text[length - 1] == '/')
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= 0x20 || text[i] == 0x7F || text[i] == '\\') return 0;
    return !strstr(text, "..") && !strstr(text, "//") && !strstr(text, "/.") && text[0] != '.';
}

int hub_is_file(const char *name) {
    size_t length = strlen(name);
    return length <= NAME_MAX_BYTES && is_plain(name, length) && name[0] != '.';
}

pst_status hub_check_revision(const char *revision, pst_error *err) {
    if (is_revision(revision)) return PST_OK;
    return error_set(err, PST_ERR_ARGUMENT,
                     "revision %s: expected a branch, a tag or a commit of %d hex digits",
                     *revision ? revision : "\"\"", HUB_COMMIT_SIZE - 1);
}

/* The text, or NULL with everything freed. */
static char *finish(struct buffer *path) {
    if (!path->failed) return path->data;
    buffer_free(path);
    return NULL;
}

char *hub_repo_path(const char *cache, const char *middle, const char *id) {
    struct buffer path = {0};
    const char *slash = strchr(id, '/');
    buffer_format(&path, "%s%smodels--", cache, middle);
    if (slash) buffer_format(&path, "%.*s--", (int)(slash - id), id);
    buffer_text(&path, slash ? slash + 1 : id);
    return finish(&path);
}

char *hub_path(const char *repo, const char *folder, const char *a, const char *b) {
    struct buffer path = {0};
    buffer_format(&path, "%s/%s/%s", repo, folder, a);
    if (b) buffer_format(&path, "/%s", b);
    return finish(&path);
}
