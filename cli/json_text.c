/* json_text.c - see json_text.h. */
#include "json_text.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"

json_t *json_text(const char *text) {
    json_t *string = json_string(text);
    if (string) return string;
    char *clean = need(malloc(3 * strlen(text) + 1));
    char *end = clean;
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x80) {
            *end++ = *at;
        } else {
            memcpy(end, "\xEF\xBF\xBD", 3);
            end += 3;
        }
    }
    *end = '\0';
    string = need(json_string(clean));
    free(clean);
    return string;
}

void json_print(FILE *stream, const json_t *object, size_t flags) {
    char *text = need(json_dumps(object, flags));
    fprintf(stream, "%s\n", text);
    free(text);
}

const char *json_kind_text(const json_t *value) {
    static const char *const kinds[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "a list",  [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",        [JSON_NULL] = "null",
    };
    return value ? kinds[json_typeof(value)] : "missing";
}
