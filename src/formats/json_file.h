/* json_file.h - JSON from files that may be hostile, with messages that name file and key. */
#ifndef PST_FORMATS_JSON_FILE_H
#define PST_FORMATS_JSON_FILE_H

#include <jansson.h>
#include <stddef.h>

#include "potstill.h"

/* A parsed file and the name that messages use for it. */
struct json_file {
    json_t *root; /* an object */
    char *path;
};

/* json_loadb() with duplicate keys refused, and as Python reads integers beyond 64 bits: such a one
 * becomes a real number. */
json_t *json_parse(const char *text, size_t size, size_t flags, json_error_t *error);

/* Reads an object from `path`: at most `limit` bytes, strict UTF-8, no duplicate keys. */
pst_status json_file_open(struct json_file *file, const char *path, size_t limit, pst_error *err);
void json_file_close(struct json_file *file);

/* Each reads `key` of `object` into `*value`, leaves `*value` alone when the key is missing or
 * null, and fails with "<path>: <key> is <what>, expected <what>" on another type or outside [low,
 * high]. `path` is for messages. */
pst_status json_get_int(const json_t *object, const char *path, const char *key, int64_t low,
                        int64_t high, int64_t *value, pst_error *err);
pst_status json_get_double(const json_t *object, const char *path, const char *key, double low,
                           double high, double *value, pst_error *err);
pst_status json_get_bool(const json_t *object, const char *path, const char *key, int *value,
                         pst_error *err);
/* The text lives as long as the object. */
pst_status json_get_text(const json_t *object, const char *path, const char *key,
                         const char **value, pst_error *err);

/* "a string", "an object", "null"...: what the file has there, for messages. */
const char *json_kind(const json_t *value);

#endif
