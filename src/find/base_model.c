/* base_model.c - see base_model.h. */
#include "find/base_model.h"

#include <string.h>

#include "base/file_view.h"
#include "formats/json_file.h"

enum { BYTES_MAX = 4 << 20 }; /* nobody writes more of settings */

static const char *text_of(const json_t *config, const char *key, struct text_pool *pool) {
    const char *text = json_string_value(json_object_get(config, key));
    return text && *text ? text_pool_format(pool, "%s", text) : NULL;
}

static void read_config(struct base_model *base, struct text_pool *pool) {
    static const char name[] = "adapter_config.json";
    struct json_file file;
    const char *path = text_pool_format(pool, "%s/%s", base->adapter_dir, name);
    base->file = name;
    pst_status status = json_file_open(&file, path, BYTES_MAX, NULL);
    if (status == PST_ERR_MEMORY) pool->failed = 1;
    if (status) return;
    base->name = text_of(file.root, "base_model_name_or_path", pool);
    base->revision = text_of(file.root, "revision", pool);
    json_file_close(&file);
}

/* "  'a/b'  " or "- a/b" to a/b; NULL: nothing is left. */
static const char *plain_value(const char *text, struct text_pool *pool) {
    text += strspn(text, " \t");
    if (text[0] == '-' && text[1] == ' ') text += 2;
    text += strspn(text, " \t\"'");
    size_t length = strcspn(text, "\"'#\r\n");
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t')) length--;
    return length ? text_pool_format(pool, "%.*s", (int)length, text) : NULL;
}

/* Keeps the value of `key` in a line of a card, or the first of the list below it (*listed). */
static void read_line(const char *line, const char *key, int *listed, const char **value,
                      struct text_pool *pool) {
    size_t length = strlen(key);
    int is_key = strncmp(line, key, length) == 0;
    if (!*value && (is_key || *listed)) *value = plain_value(line + (is_key ? length : 0), pool);
    *listed = is_key;
}

/* Copies the next line of the file, as much of it as fits, without its end; 0: there is none. */
static int next_line(const struct file_view *view, size_t *at, char *line, size_t size) {
    const char *text = (const char *)view->data + *at;
    size_t left = view->size - *at;
    if (left == 0) return 0;
    const char *end = memchr(text, '\n', left);
    size_t length = end ? (size_t)(end - text) : left;
    *at += length + (end != NULL);
    if (length >= size) length = size - 1;
    memcpy(line, text, length);
    line[length] = '\0';
    return 1;
}

/* Model cards have keys between their first two "---". */
static void read_card(struct base_model *base, struct text_pool *pool) {
    enum { LINES_MAX = 200 }; /* cards have some 20 */
    char line[1024];
    size_t at = 0;
    const char *name = NULL;
    int name_listed = 0, fingerprint_listed = 0;
    struct file_view view;
    const char *path = text_pool_format(pool, "%s/README.md", base->adapter_dir);
    pst_status status = file_view_open(&view, path, BYTES_MAX, NULL);
    if (status == PST_ERR_MEMORY) pool->failed = 1;
    if (status) return;
    if (next_line(&view, &at, line, sizeof line) && strncmp(line, "---", 3) == 0)
        for (int i = 0; i < LINES_MAX && next_line(&view, &at, line, sizeof line); i++) {
            if (strncmp(line, "---", 3) == 0) break;
            read_line(line, "base_model:", &name_listed, &name, pool);
            read_line(line, "base_model_fingerprint:", &fingerprint_listed, &base->fingerprint,
                      pool);
        }
    file_view_close(&view);
    if (base->name || !name) return;
    base->name = name;
    base->file = "README.md";
}

void base_model_read(struct base_model *base, const char *adapter_dir, struct text_pool *pool) {
    *base = (struct base_model){.adapter_dir = adapter_dir};
    read_config(base, pool);
    read_card(base, pool);
}
